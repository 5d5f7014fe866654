#include "lib/base/space_dir.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int space_name_choose(const char *name, const char **ret_name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *chosen = name;

	if (!chosen) {
		chosen = getenv("TPROC_SPACE");
		if (!chosen || !*chosen)
			chosen = SPACE_DEFAULT;
	}
	if (!*chosen || strlen(chosen) > SPACE_NAME_MAX || strspn(chosen, allowed) != strlen(chosen)
	    || *chosen == '.' || *chosen == '-')
		return err_set(err, ERR_USAGE,
			       "not a name of a space (1 to %d letters, digits, '.', '_' or '-', "
			       "beginning with a letter, a digit or '_')",
			       SPACE_NAME_MAX);
	*ret_name = chosen;
	return 0;
}

/* The directory that holds the user's spaces: its parent and its own name. */
static void base_dir(const char **ret_parent, char name[32])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && *runtime == '/') {
		*ret_parent = runtime;
		strcpy(name, "tproc");
	} else {
		*ret_parent = "/tmp";
		snprintf(name, 32, "tproc-%u", (unsigned)geteuid());
	}
}

/* Opens NAME below parent; it has to be a directory of the user's own, closed to others. */
static int open_private(int parent, const char *name, int create, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (create && mkdirat(parent, name, 0700) && errno != EEXIST)
		return err_os(err, errno, "cannot make the directory %s", name);
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NO_SPACE, "no such space (no directory %s)", name);
	if (fd < 0)
		return err_os(err, errno, "cannot open the directory %s", name);
	if (fstat(fd, &st))
		return err_os(err, errno, "cannot stat the directory %s", name);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, ERR_DENIED,
			       "the directory %s is not private to you (owner %u, mode %04o)", name,
			       (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int space_dir_open(const char *space, int create, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int parent_fd = -1;
	AUTO_CLOSE int base_fd = -1;
	const char *parent;
	char name[32];

	base_dir(&parent, name);
	parent_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
		return err_os(err, errno, "cannot open %s", parent);
	if (open_private(parent_fd, name, create, &base_fd, err))
		return err_prefix(err, "%s", parent);
	if (open_private(base_fd, space, create, ret_fd, err))
		return err_prefix(err, "%s/%s", parent, name);
	return 0;
}

int space_dir_path(const char *space, const char *file, char **ret_path, struct err *err)
{
	const char *parent;
	char name[32];

	base_dir(&parent, name);
	if (asprintf(ret_path, "%s/%s/%s/%s", parent, name, space, file) < 0)
		return err_os(err, ENOMEM, "path of the space %s", space);
	return 0;
}
