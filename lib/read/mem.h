/*
 * mem.h - the memory of a space, wherever it is.
 *
 * A live process, a core file and the bytes of a test are read through the same call.  A
 * new kind of memory brings its own struct mem_ops and a constructor.
 */
#ifndef TPROC_READ_MEM_H
#define TPROC_READ_MEM_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mem;

struct mem_ops {
	/* As mem_read; len is not 0 and addr + len does not wrap. */
	int (*read)(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err);
	void (*close)(struct mem *mem);
};

/* Embedded first in what an implementation allocates. */
struct mem {
	const struct mem_ops *ops;
};

/* A run of bytes for mem_open_bytes, which borrows them. */
struct mem_bytes {
	uint64_t addr;
	const void *bytes;
	size_t len;
};

/*
 * Memory of a live process: process_vm_readv(2), or /proc/PID/mem where the kernel lacks or
 * refuses that.  Neither stops the process.  Needs the right to trace it.
 */
int mem_open_live(pid_t pid, struct mem **ret_mem, struct err *err);

/* The given runs (which have to be disjoint) and nothing else. */
int mem_open_bytes(const struct mem_bytes *runs, size_t count, struct mem **ret_mem,
                   struct err *err);

void mem_close(struct mem *mem);

/*
 * Reads len bytes at addr: all of them, or fails with the first address that could not be
 * read in the error's text (ERR_NOT_FOUND when nothing readable is there).
 */
int mem_read(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err);

#endif
