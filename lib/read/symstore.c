#include "lib/read/symstore.h"

#include "lib/base/cleanup.h"
#include "tproc/abi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_SIZE (2 * TP_BUILD_ID_SIZE + 1)

/* One table at most takes that much. */
#define BLOCK_MAX (UINT64_C(1) << 30)

/* The time of last use is written at most so often. */
#define TOUCH_SECONDS 3600

/* A file with another name than a build-id's is somebody's who was killed while he wrote it. */
#define ABANDONED_SECONDS 3600

struct symstore {
	int dir;
	unsigned files_max;
	uint64_t bytes_max;
};

/* ---- Directories --------------------------------------------------------- */

/* One step on the way: made if it is not there.  Takes parent over. */
static int enter(int parent, const char *name, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int from = parent;
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (mkdirat(from, name, 0700) && errno != EEXIST)
		return err_os(err, errno, "cannot make %s", name);
	fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_os(err, errno, "cannot open %s", name);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, ERR_DENIED, "%s is not the user's alone", name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool is_own(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_uid == geteuid();
}

/*
 * $XDG_CACHE_HOME, if it is an absolute path as it has to be, else $HOME/.cache.  With sudo, HOME
 * may be somebody else's, who would find directories there that are not his.
 */
static int open_cache_home(int *ret_fd, struct err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	AUTO_FREE char *path = NULL;
	int fd;

	if (xdg && *xdg == '/')
		path = strdup(xdg);
	else if (!home || *home != '/' || !is_own(home))
		return err_set(err, ERR_NOT_FOUND, "no XDG_CACHE_HOME, and no HOME of the user's");
	else if (asprintf(&path, "%s/.cache", home) < 0)
		path = NULL;
	if (!path)
		return err_os(err, ENOMEM, "cache");
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_os(err, errno, "cannot make %s", path);
	if (!is_own(path))
		return err_set(err, ERR_DENIED, "%s is not the user's", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	*ret_fd = fd;
	return 0;
}

static int create(int fd, unsigned files_max, uint64_t bytes_max, struct symstore **ret_store,
                  struct err *err)
{
	AUTO_CLOSE int dir = fd;
	struct symstore *store = calloc(1, sizeof(*store));

	if (!store)
		return err_os(err, ENOMEM, "cache");
	*store = (struct symstore){TAKE_FD(dir), files_max, bytes_max};
	*ret_store = store;
	return 0;
}

int symstore_open(struct symstore **ret_store, struct err *err)
{
	int fd = -1;

	if (open_cache_home(&fd, err) || enter(fd, "tproc", &fd, err) ||
	    enter(fd, "symbols", &fd, err))
		return -1;
	return create(fd, SYMSTORE_FILES_MAX, SYMSTORE_BYTES_MAX, ret_store, err);
}

int symstore_open_at(const char *dir, unsigned files_max, uint64_t bytes_max,
                     struct symstore **ret_store, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "cannot open %s", dir);
	return create(fd, files_max, bytes_max, ret_store, err);
}

void symstore_close(struct symstore *store)
{
	if (!store)
		return;
	close(store->dir);
	free(store);
}

/* ---- Reading ------------------------------------------------------------- */

static bool name_of(const uint8_t *build_id, uint32_t len, char name[NAME_SIZE])
{
	if (!len || len > TP_BUILD_ID_SIZE)
		return false;
	for (uint32_t i = 0; i < len; i++)
		snprintf(name + (size_t)i * 2, 3, "%02x", build_id[i]);
	return true;
}

static int read_all(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = pread(fd, (char *)buf + done, len - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return 0;
}

/* So that it is told from what nobody uses any more. */
static void touch(int fd, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	if (time(NULL) - st->st_mtim.tv_sec > TOUCH_SECONDS)
		futimens(fd, times);
}

int symstore_load(struct symstore *store, const uint8_t *build_id, uint32_t build_id_len,
                  void **ret_block, size_t *ret_size, struct err *err)
{
	AUTO_FREE void *block = NULL;
	AUTO_CLOSE int fd = -1;
	char name[NAME_SIZE];
	struct stat st;

	if (name_of(build_id, build_id_len, name))
		fd = openat(store->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size <= 0 || (uint64_t)st.st_size > BLOCK_MAX)
		return err_set(err, ERR_NOT_FOUND, "nothing kept");
	block = malloc((size_t)st.st_size);
	if (!block)
		return err_os(err, ENOMEM, "symbols");
	if (read_all(fd, block, (size_t)st.st_size))
		return err_set(err, ERR_NOT_FOUND, "nothing kept");
	touch(fd, &st);
	*ret_block = TAKE_PTR(block);
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* ---- Making room --------------------------------------------------------- */

struct kept {
	char name[NAME_SIZE];
	uint64_t size;
	time_t used;
};

struct kept_list {
	struct kept *list;
	size_t count;
	uint64_t size;
};

static int by_use(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used;
}

static bool is_kept(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	return len && len < NAME_SIZE && !name[len];
}

static void note_file(const struct symstore *store, const char *name, struct kept_list *all)
{
	struct kept *grown;
	struct stat st;

	if (name[0] == '.' || fstatat(store->dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	if (!is_kept(name)) {
		if (time(NULL) - st.st_mtim.tv_sec > ABANDONED_SECONDS)
			unlinkat(store->dir, name, 0);
		return;
	}
	grown = reallocarray(all->list, all->count + 1, sizeof(*all->list));
	if (!grown)
		return;
	all->list = grown;
	grown += all->count++;
	*grown = (struct kept){.size = (uint64_t)st.st_size, .used = st.st_mtim.tv_sec};
	memcpy(grown->name, name, strlen(name) + 1);
	all->size += grown->size;
}

static void make_room(const struct symstore *store)
{
	/* the directory's own position is needed: another description of it */
	int fd = openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct kept_list all = {0};
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		note_file(store, entry->d_name, &all);
	closedir(dir);
	if (all.list && (all.count > store->files_max || all.size > store->bytes_max))
		qsort(all.list, all.count, sizeof(*all.list), by_use);
	for (size_t i = 0; i < all.count; i++) {
		if (all.count - i <= store->files_max && all.size <= store->bytes_max)
			break;
		unlinkat(store->dir, all.list[i].name, 0);
		all.size -= all.list[i].size;
	}
	free(all.list);
}

/* ---- Writing ------------------------------------------------------------- */

static int write_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t put = write(fd, (const char *)buf + done, len - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		done += (size_t)put;
	}
	return 0;
}

void symstore_save(struct symstore *store, const uint8_t *build_id, uint32_t build_id_len,
                   const void *block, size_t size)
{
	char name[NAME_SIZE], temporary[NAME_SIZE + 32];
	AUTO_CLOSE int fd = -1;

	if (size > BLOCK_MAX || size > store->bytes_max || !name_of(build_id, build_id_len, name))
		return;
	snprintf(temporary, sizeof(temporary), "%s-%d", name, (int)getpid());
	unlinkat(store->dir, temporary, 0);
	fd = openat(store->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	            0600);
	if (fd < 0)
		return;
	if (write_all(fd, block, size) || renameat(store->dir, temporary, store->dir, name)) {
		unlinkat(store->dir, temporary, 0);
		return;
	}
	make_room(store);
}
