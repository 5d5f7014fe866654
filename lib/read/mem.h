/*
 * mem.h - the memory of a space, wherever it is.
 *
 * A live process, a core file and the bytes of a test are read through the same call.  A
 * new kind of memory brings its own struct mem_ops and a constructor.
 */
#ifndef TPROC_READ_MEM_H
#define TPROC_READ_MEM_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mem;

struct mem_ops {
	/*
	 * Reads what can be had at once from addr up: the number of bytes, at least 1; 0 when
	 * there is nothing readable at addr; -errno.  len is not 0 and addr + len does not wrap.
	 */
	ssize_t (*read)(struct mem *mem, uint64_t addr, void *buf, size_t len);
	/*
	 * May be NULL.  When nothing is readable at addr: the first address above it where
	 * something may be, as far as that is known without reading; UINT64_MAX when there is none.
	 */
	uint64_t (*next)(struct mem *mem, uint64_t addr);
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

/*
 * Reads up to the first byte that cannot be read.  *ret_got is how many bytes that were, 0
 * when there is nothing at addr, which is no failure.
 */
int mem_read_some(struct mem *mem, uint64_t addr, void *buf, size_t len, size_t *ret_got,
                  struct err *err);

/*
 * Where to go on when nothing is readable at addr: the next page, or what the memory knows to
 * come behind it, however far.  Always above addr, unless that is UINT64_MAX.
 */
uint64_t mem_next(struct mem *mem, uint64_t addr);

/*
 * Reads a NUL-terminated string of less than size bytes; a longer one, or one that runs into
 * what cannot be read, is cut.  Terminated in any case; *ret_whole says whether it was
 * complete.  ERR_NOT_FOUND when there is nothing readable at addr.
 */
int mem_read_string(struct mem *mem, uint64_t addr, char *buf, size_t size, bool *ret_whole,
                    struct err *err);

#endif
