#include "loader/client/guard.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUARD "libtproc-guard.so"
#define PRELOAD "LD_PRELOAD="

/* In the build tree not far from this executable, or where it is installed. */
static bool find_guard(char path[PATH_MAX])
{
	char self[PATH_MAX - 64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length > 0 ? length : 0] = '\0';
	if (strrchr(self, '/'))
		*strrchr(self, '/') = '\0';
	snprintf(path, PATH_MAX, "%s/../guard/" GUARD, self);
	if (!access(path, R_OK))
		return true;
	snprintf(path, PATH_MAX, "%s/" GUARD, TPROC_LIBEXECDIR);
	return !access(path, R_OK);
}

/* The variable, with the guard before what it names already. */
static int make_variable(const char *path, const char *was, char **ret_variable, struct err *err)
{
	const char *others = was ? was + strlen(PRELOAD) : "";
	size_t size = strlen(PRELOAD) + strlen(path) + 1 + strlen(others) + 1;
	char *variable;

	if (strpbrk(path, " :"))
		return err_set(err, ERR_INVALID,
		               "%s: a path with blanks or colons cannot be preloaded", path);
	variable = malloc(size);
	if (!variable)
		return err_os(err, ENOMEM, "LD_PRELOAD");
	snprintf(variable, size, PRELOAD "%s%s%s", path, *others ? ":" : "", others);
	*ret_variable = variable;
	return 0;
}

int guard_environment(char *const *envp, char *const **ret_envp, struct err *err)
{
	char path[PATH_MAX];
	size_t count = 0, place;
	char **changed;

	if (!find_guard(path))
		return err_set(err, ERR_NOT_FOUND, "cannot find " GUARD);
	while (envp[count])
		count++;
	changed = calloc(count + 2, sizeof(*changed));
	if (!changed)
		return err_os(err, ENOMEM, "environment");
	memcpy(changed, envp, count * sizeof(*changed));
	for (place = 0; place < count; place++) {
		if (!strncmp(changed[place], PRELOAD, strlen(PRELOAD)))
			break;
	}
	if (make_variable(path, place < count ? changed[place] : NULL, &changed[place], err)) {
		free(changed);
		return -1;
	}
	*ret_envp = changed;
	return 0;
}
