#include "lib/read/regular_file.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int regular_file_open(const char *path, int *ret_fd, struct stat *ret_stat, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int handle = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	char self[64];

	if (handle < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "the file is gone");
	if (handle < 0 || fstat(handle, &st))
		return err_os(err, errno, "cannot look at the file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "not a regular file");
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open the file");
	*ret_fd = TAKE_FD(fd);
	*ret_stat = st;
	return 0;
}
