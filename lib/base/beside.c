#include "lib/base/beside.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool beside_find(const char *name, char path[PATH_MAX])
{
	static const char *const below[] = {"", "/..", "/../inspect", "/../../inspect"};
	char self[PATH_MAX - 64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length > 0 ? length : 0] = '\0';
	if (strrchr(self, '/'))
		*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		snprintf(path, PATH_MAX, "%s%s/%s", self, below[i], name);
		if (!access(path, X_OK))
			return true;
	}
	snprintf(path, PATH_MAX, "%s/%s", TPROC_BINDIR, name);
	return !access(path, X_OK);
}
