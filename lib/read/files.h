/*
 * files.h - the open descriptors of a live process.
 */
#ifndef TPROC_READ_FILES_H
#define TPROC_READ_FILES_H

#include "lib/base/err.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct open_file {
	int fd;
	char *target;   /* what /proc/PID/fd/FD says: a path, "pipe:[4711]"; raw */
	bool has_state; /* the next are known */
	uint64_t dev;
	uint64_t ino;
	uint32_t kind;  /* enum tp_fd_kind */
	uint32_t flags; /* as fcntl F_GETFL, and O_CLOEXEC */
	uint64_t pos;
};

struct open_files {
	struct open_file *list; /* ascending by fd */
	size_t count;
};

/* One descriptor; ERR_NOT_FOUND when it is not open.  To be released. */
int open_file_read(pid_t pid, int fd, struct open_file *ret_file, struct err *err);
void open_file_deinit(struct open_file *file);

/* All of them.  ERR_NOT_FOUND when the process is gone. */
int open_files_read(pid_t pid, struct open_files *ret_files, struct err *err);
void open_files_deinit(struct open_files *files);

/*
 * Orders two descriptors by the open file behind them, 0 when they share one (kcmp(2)):
 * position and status flags are then common.  The order is the kernel's own, good for sorting.
 */
int open_file_compare(pid_t pid_a, int fd_a, pid_t pid_b, int fd_b, int *ret_order,
                      struct err *err);

#endif
