/*
 * new_file.h - a file that is whole or not there.
 *
 * It is written beside its place, for the user alone, and moved there at the end.  What is there
 * already is replaced only if that is wanted, and only if it is a regular file: neither a device
 * nor what a symbolic link leads to.
 */
#ifndef TPROC_INSPECT_NEW_FILE_H
#define TPROC_INSPECT_NEW_FILE_H

#include "lib/base/err.h"

#include <stdbool.h>

struct new_file {
	const char *path; /* borrowed */
	char *temporary;
	int fd;
	bool replace;
};

/* ERR_USAGE when something is there that is not to be replaced. */
int new_file_begin(struct new_file *file, const char *path, bool replace, struct err *err);

/*
 * Closes fd unless it is -1, which means that somebody did.  keep: moves it to its place, else it
 * is gone.  To be called once after a success of new_file_begin.
 */
int new_file_end(struct new_file *file, bool keep, struct err *err);

#endif
