#include "loader/server/interp_cache.h"

#include "loader/server/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Any change of the file, its owner or its mode shows in ctime. */
static int is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int duplicate(int fd, const char *path, int *ret_fd, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return err_os(err, errno, "%s", path);
	*ret_fd = copy;
	return 0;
}

/* Keeps a copy of fd.  When it cannot, nothing is lost but time. */
static void keep(struct interp_cache *cache, const char *path, int fd)
{
	unsigned i = cache->next;
	struct stat st;
	char *name;
	int copy;

	if (fstat(fd, &st))
		return;
	name = strdup(path);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (!name || copy < 0) {
		free(name);
		if (copy >= 0)
			close(copy);
		return;
	}
	if (cache->entries[i].path) {
		free(cache->entries[i].path);
		close(cache->entries[i].fd);
	}
	cache->entries[i].path = name;
	cache->entries[i].fd = copy;
	cache->entries[i].st = st;
	cache->next = (i + 1) % INTERP_CACHE_SIZE;
}

int interp_open(struct interp_cache *cache, const char *path, int *ret_fd, struct err *err)
{
	struct stat st;

	for (unsigned i = 0; i < INTERP_CACHE_SIZE; i++) {
		if (!cache->entries[i].path || strcmp(cache->entries[i].path, path))
			continue;
		if (!stat(path, &st) && is_same(&st, &cache->entries[i].st))
			return duplicate(cache->entries[i].fd, path, ret_fd, err);
		/* Replaced on disk: the next one takes its place. */
		cache->next = i;
		break;
	}
	if (program_open_interp(path, ret_fd, err))
		return -1;
	keep(cache, path, *ret_fd);
	return 0;
}
