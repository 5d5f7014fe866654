/*
 * dump.h - a core file of one threadproc: its own memory, threads, auxiliary vector and files, as
 * if it had an address space of its own, and the registry, so that core.h opens it as well.
 *
 * The threadproc runs on.  Of each thread, registers and stack are of one moment; the rest of
 * the memory is copied afterwards, and may be of later moments.
 */
#ifndef TPROC_READ_DUMP_H
#define TPROC_READ_DUMP_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stddef.h>
#include <stdint.h>

struct dump;

/* What became of it. */
struct dump_result {
	size_t threads;
	size_t threads_missing; /* they could not be captured, the first for the reason in why */
	char why[160];
	uint64_t copied; /* bytes of memory */
	uint64_t lost;   /* bytes that went, or cannot be read, and are zeros or missing now */
	uint64_t size;   /* of the file, with its holes */
};

/*
 * What is to be written of tp, which lives; both are borrowed.  registry_fd is the registry's
 * file, the caller's; -1: it is taken from the target's memory.  ERR_NOT_FOUND when there is no
 * memory to be had.  dump_destroy releases it.
 */
int dump_create(const struct target *target, const struct reg_threadproc *tp, int registry_fd,
                struct dump **ret_dump, struct err *err);
void dump_destroy(struct dump *dump);

/* How many bytes of memory there are to copy. */
uint64_t dump_bytes(const struct dump *dump);

/* So many more bytes were copied.  What is not 0 ends dump_write, which returns it. */
typedef int dump_step(void *context, uint64_t bytes, struct err *err);

/*
 * Captures the threads, then writes into an empty regular file; what nobody touched stays a hole.
 * Fails when no thread can be captured.  Once for each dump.
 */
int dump_write(struct dump *dump, int fd, dump_step *step, void *context,
               struct dump_result *ret_result, struct err *err);

#endif
