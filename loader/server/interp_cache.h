/*
 * interp_cache.h - interpreters are few, and every launch opens one: they stay open.
 */
#ifndef TPROC_SERVER_INTERP_CACHE_H
#define TPROC_SERVER_INTERP_CACHE_H

#include "lib/base/err.h"

#include <sys/stat.h>

#define INTERP_CACHE_SIZE 4

struct interp_cache {
	struct {
		char *path; /* NULL: unused */
		int fd;
		struct stat st; /* when it was opened and found to be executable */
	} entries[INTERP_CACHE_SIZE];
	unsigned next; /* to be replaced */
};

/*
 * program_open_interp, from the cache when the file that path leads to has not changed since,
 * permissions included.  *ret_fd is the caller's.
 */
int interp_open(struct interp_cache *cache, const char *path, int *ret_fd, struct err *err);

#endif
