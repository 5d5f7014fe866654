#include "loader/server/fdmap.h"

#include "tproc/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The text as the kernel has it, which may hold any byte but NUL. */
static void read_target(int fd, char target[PATH_MAX])
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, target, PATH_MAX - 1);
	target[length < 0 ? 0 : length] = '\0';
}

/*
 * What has no name in the file system: "anon_inode:[eventfd]", "pidfd:[4]", "mnt:[4026531841]",
 * "/memfd:NAME (deleted)".  Their file type says nothing: a memfd and a namespace are
 * regular files, most others have none.
 */
static bool is_anonymous(const struct stat *st, const char *target)
{
	static const char memfd[] = "/memfd:";

	if (!target[0])
		return false;
	return target[0] != '/' || (st->st_nlink == 0 && !strncmp(target, memfd, strlen(memfd)));
}

static enum tp_fd_kind kind_of(int fd, const struct stat *st, const char *target)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return TP_FD_DIR;
	case S_IFCHR:
		return isatty(fd) ? TP_FD_TTY : TP_FD_CHAR;
	case S_IFBLK:
		return TP_FD_BLOCK;
	case S_IFIFO:
		return TP_FD_PIPE;
	case S_IFSOCK:
		return TP_FD_SOCKET;
	case S_IFREG:
		return is_anonymous(st, target) ? TP_FD_ANON : TP_FD_FILE;
	default:
		return is_anonymous(st, target) ? TP_FD_ANON : TP_FD_OTHER;
	}
}

int fdmap_describe(int fd, struct fdmap_entry *ret)
{
	struct stat st;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st))
		return -errno;
	read_target(fd, ret->target);
	ret->kind = kind_of(fd, &st, ret->target);
	ret->flags = (uint32_t)flags;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return 0;
}
