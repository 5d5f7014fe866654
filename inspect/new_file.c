#include "inspect/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_place(const char *path, bool replace, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : err_os(err, errno, "%s", path);
	if (!replace)
		return err_set(err, ERR_USAGE, "%s is there already (--force replaces it)", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is no regular file", path);
	return 0;
}

int new_file_begin(struct new_file *file, const char *path, bool replace, struct err *err)
{
	char *temporary;
	int fd;

	if (check_place(path, replace, err))
		return -1;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return err_os(err, ENOMEM, "file name");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		err_os(err, errno, "cannot write %s", path);
		free(temporary);
		return -1;
	}
	*file = (struct new_file){path, temporary, fd, replace};
	return 0;
}

/* Another one that came meanwhile is not replaced, unless that is wanted. */
static int move_to_place(const struct new_file *file, struct err *err)
{
	const char *name = file->temporary, *path = file->path;

	if (file->replace) {
		if (!rename(name, path))
			return 0;
	} else if (!renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_NOREPLACE)) {
		return 0;
	} else if (errno == EINVAL && !link(name, path)) { /* a file system without that */
		unlink(name);
		return 0;
	}
	return err_os(err, errno, "cannot write %s", path);
}

int new_file_end(struct new_file *file, bool keep, struct err *err)
{
	int ret = 0;

	if (file->fd >= 0 && close(file->fd) && keep)
		ret = err_os(err, errno, "cannot write %s", file->path);
	if (keep && !ret)
		ret = move_to_place(file, err);
	if (!keep || ret)
		unlink(file->temporary);
	free(file->temporary);
	*file = (struct new_file){.fd = -1};
	return ret;
}
