/* fd_count.h - how many descriptors this process has open: a test that leaks none ends as it began.
 */
#ifndef TPROC_TESTS_FD_COUNT_H
#define TPROC_TESTS_FD_COUNT_H

#include <dirent.h>

static inline int fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

#endif
