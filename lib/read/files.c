#include "lib/read/files.h"

#include "lib/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define PATH_ROOM 64

static char *read_target(const char *path)
{
	char text[PATH_MAX];
	ssize_t len = readlink(path, text, sizeof(text));

	return len < 0 ? NULL : strndup(text, (size_t)len);
}

/* The kernel's own numbers: consoles, serial lines, /dev/tty, pseudo-terminals. */
static bool is_tty(dev_t device)
{
	unsigned number = major(device);

	return number == 4 || number == 5 || (number >= 136 && number <= 143);
}

static bool is_anonymous(const struct stat *st, const char *target)
{
	return target[0] != '/' || (!st->st_nlink && !strncmp(target, "/memfd:", 7));
}

static enum tp_fd_kind kind_of(const struct stat *st, const char *target)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return TP_FD_DIR;
	case S_IFCHR:
		return is_tty(st->st_rdev) ? TP_FD_TTY : TP_FD_CHAR;
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

static bool read_state(pid_t pid, int fd, struct open_file *file)
{
	char path[PATH_ROOM], line[128];
	int found = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	info = fopen(path, "re");
	if (!info)
		return false;
	while (found < 2 && fgets(line, sizeof(line), info))
		found += sscanf(line, "pos: %" SCNu64, &file->pos) == 1 ||
		         sscanf(line, "flags: %" SCNo32, &file->flags) == 1;
	fclose(info);
	return found == 2;
}

int open_file_read(pid_t pid, int fd, struct open_file *ret_file, struct err *err)
{
	struct open_file file = {.fd = fd};
	char path[PATH_ROOM];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	file.target = read_target(path);
	if (!file.target && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "descriptor %d of process %d is not open", fd,
		               (int)pid);
	if (!file.target)
		return err_os(err, errno, "cannot read %s", path);
	if (!stat(path, &st) && read_state(pid, fd, &file)) {
		file.has_state = true;
		file.dev = st.st_dev;
		file.ino = st.st_ino;
		file.kind = kind_of(&st, file.target);
	}
	*ret_file = file;
	return 0;
}

void open_file_deinit(struct open_file *file)
{
	free(file->target);
	*file = (struct open_file){0};
}

static int by_fd(const void *a, const void *b)
{
	const struct open_file *x = a, *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* One that is closed meanwhile is left out. */
static int add_file(pid_t pid, int fd, struct open_files *files, struct err *err)
{
	struct open_file *grown;
	struct open_file file;

	if (open_file_read(pid, fd, &file, err))
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	grown = reallocarray(files->list, files->count + 1, sizeof(*grown));
	if (!grown) {
		open_file_deinit(&file);
		return err_os(err, ENOMEM, "descriptors of process %d", (int)pid);
	}
	files->list = grown;
	grown[files->count++] = file;
	return 0;
}

int open_files_read(pid_t pid, struct open_files *ret_files, struct err *err)
{
	struct open_files files = {0};
	struct dirent *entry;
	char path[PATH_ROOM];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "no process %d", (int)pid);
	if (!dir)
		return err_os(err, errno, "cannot open %s", path);
	while ((entry = readdir(dir))) {
		if (*entry->d_name < '0' || *entry->d_name > '9')
			continue;
		if (add_file(pid, (int)strtol(entry->d_name, NULL, 10), &files, err)) {
			closedir(dir);
			open_files_deinit(&files);
			return -1;
		}
	}
	closedir(dir);
	if (files.count)
		qsort(files.list, files.count, sizeof(*files.list), by_fd);
	*ret_files = files;
	return 0;
}

void open_files_deinit(struct open_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		open_file_deinit(&files->list[i]);
	free(files->list);
	*files = (struct open_files){0};
}

int open_file_compare(pid_t pid_a, int fd_a, pid_t pid_b, int fd_b, int *ret_order, struct err *err)
{
	long order = syscall(SYS_kcmp, pid_a, pid_b, KCMP_FILE, fd_a, fd_b);

	if (order < 0)
		return err_os(err, errno, "cannot compare descriptors");
	*ret_order = order == 1 ? -1 : order != 0;
	return 0;
}
