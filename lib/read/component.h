/*
 * component.h - what was found out about the threadprocs of a target, each thing once.
 *
 * Threads, the heap of malloc and blocks of thread-local storage take a while to find; a verb
 * that asks about a million addresses asks for them once.  They are as old as the target.
 */
#ifndef TPROC_READ_COMPONENT_H
#define TPROC_READ_COMPONENT_H

#include "lib/base/err.h"
#include "lib/read/heap.h"
#include "lib/read/target.h"
#include "lib/read/tls.h"

/* NULL when memory is short: then nothing is kept, and nothing that has to be is found. */
struct components *components_create(const struct snapshot *snapshot);
void components_destroy(struct components *components);

/*
 * The threads of a threadproc, as target_threads has them; the target's.  A failure is kept
 * too.
 */
int component_threads(const struct target *target, const struct reg_threadproc *tp,
                      const struct threads **ret_threads, struct err *err);

/* The heap of a threadproc, as heap_read has it; the target's.  A failure is kept too. */
int component_heap(const struct target *target, const struct reg_threadproc *tp,
                   struct heap **ret_heap, struct err *err);

/* Its thread-local storage, as tls_read has it; the target's. */
int component_tls(const struct target *target, const struct reg_threadproc *tp,
                  const struct tls **ret_tls, struct err *err);

#endif
