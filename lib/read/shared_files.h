/*
 * shared_files.h - the descriptors of all threadprocs, and which of them are one open file.
 */
#ifndef TPROC_READ_SHARED_FILES_H
#define TPROC_READ_SHARED_FILES_H

#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct owned_file {
	const struct reg_threadproc *tp; /* borrowed from the snapshot */
	const struct open_file *file;    /* borrowed from the list */
	size_t group; /* the same for all that share an open file; 0: not known */
};

struct files_of {
	const struct reg_threadproc *tp;
	struct open_files files;
};

struct shared_files {
	struct owned_file *list; /* by id of the threadproc, then by fd */
	size_t count;
	struct files_of *owners; /* those whose descriptors are known */
	size_t owner_count;
};

/*
 * Of all threadprocs that live.  One whose descriptors cannot be had is left out.
 * ERR_NOT_FOUND when none can, of a core file.  To be released.
 */
int shared_files_read(const struct target *target, struct shared_files *ret_files, struct err *err);
void shared_files_deinit(struct shared_files *files);

/* Whether the descriptors of a threadproc are known. */
bool shared_files_has(const struct shared_files *files, const struct reg_threadproc *tp);

#endif
