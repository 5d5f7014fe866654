/*
 * regular_file.h - opening files whose paths come from a target.
 */
#ifndef TPROC_READ_REGULAR_FILE_H
#define TPROC_READ_REGULAR_FILE_H

#include "lib/base/err.h"

#include <sys/stat.h>

/*
 * Opens a regular file for reading and nothing else: opening a device can have effects, and
 * opening a FIFO waits.  ERR_NOT_FOUND when it is not there, ERR_INVALID when it is of another
 * kind.  The caller closes *ret_fd.
 */
int regular_file_open(const char *path, int *ret_fd, struct stat *ret_stat, struct err *err);

#endif
