/*
 * fdmap.h - what a descriptor refers to, for the fd map that the registry publishes.
 */
#ifndef TPROC_SERVER_FDMAP_H
#define TPROC_SERVER_FDMAP_H

#include <limits.h>
#include <stdint.h>

struct fdmap_entry {
	uint32_t kind;  /* enum tp_fd_kind */
	uint32_t flags; /* fcntl F_GETFL */
	uint64_t dev;
	uint64_t ino;
	char target[PATH_MAX]; /* what /proc/self/fd/N says; empty when it cannot be read */
};

/*
 * Describes fd, which stays the caller's.  Does not block and reads nothing from it.
 * Returns 0, or -errno (EBADF) with *ret untouched.
 */
int fdmap_describe(int fd, struct fdmap_entry *ret);

#endif
