#include "loader/client/lookup.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/bin:/usr/bin"

/* What execve would say of this path: 0, or an errno value. */
static int try_candidate(const char *path)
{
	struct stat st;

	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) || stat(path, &st))
		return errno;
	/* root may "execute" a directory as far as access goes; execve refuses */
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

/* The errors after which execvp goes on to the next directory. */
static bool goes_on(int error)
{
	switch (error) {
	case EACCES:
	case ENOENT:
	case ENOTDIR:
	case ESTALE:
	case ENODEV:
	case ETIMEDOUT:
	case ENAMETOOLONG:
		return true;
	default:
		return false;
	}
}

int lookup_program(const char *name, const char *path_var, char **ret_path, struct err *err)
{
	const char *dir = path_var ? path_var : DEFAULT_PATH;
	bool denied = false;

	if (strchr(name, '/')) {
		*ret_path = strdup(name);
		return *ret_path ? 0 : err_os(err, ENOMEM, "path of the program");
	}
	/* the empty name is never found, not even as the directory that "DIR/" would be */
	while (*name) {
		AUTO_FREE char *candidate = NULL;
		int length = (int)strcspn(dir, ":");
		int error;

		if (asprintf(&candidate, "%.*s%s%s", length, dir, length ? "/" : "", name) < 0)
			return err_os(err, ENOMEM, "path of the program");
		error = try_candidate(candidate);
		if (!error) {
			*ret_path = TAKE_PTR(candidate);
			return 0;
		}
		if (!goes_on(error))
			return err_os(err, error, "%s", candidate);
		denied |= error == EACCES;
		if (!dir[length])
			break;
		dir += length + 1;
	}
	if (denied)
		return err_set(err, ERR_DENIED, "permission denied");
	return err_set(err, ERR_NOT_FOUND, "command not found");
}
