/*
 * tls.h - thread-local storage: whose block of which module an address lies in.
 *
 * A thread's control block begins with its own address, which is how thread pointers are found
 * without stopping anybody: near the robust list that the kernel knows of, and in the C library's
 * lists of threads where no kernel can be asked (a core file).  Where a module's block is follows
 * from its link map, or from the thread's table of dynamic blocks (glibc, x86-64).
 */
#ifndef TPROC_READ_TLS_H
#define TPROC_READ_TLS_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stddef.h>
#include <stdint.h>

/* A thread's copy of a module's thread-local variables, or its control block. */
struct tls_block {
	uint64_t lo;
	uint64_t hi;
	pid_t tid;
	const struct reg_module *module; /* NULL: the control block */
};

struct tls {
	struct tls_block *list; /* ascending by lo */
	size_t count;
};

/* The blocks of a threadproc's threads.  Fails for lack of memory only: there may be none. */
int tls_read(const struct target *target, const struct reg_threadproc *tp, struct tls *ret_tls,
             struct err *err);
void tls_deinit(struct tls *tls);

/* The block that covers an address, NULL for none. */
const struct tls_block *tls_at(const struct tls *tls, uint64_t addr);

#endif
