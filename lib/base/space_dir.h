/*
 * space_dir.h - where a space keeps its socket and its registry.
 *
 * DIR is $XDG_RUNTIME_DIR/tproc when that variable is set, else /tmp/tproc-UID; it
 * and DIR/SPACE have mode 0700 and belong to the user, or are refused.
 *
 *	DIR/SPACE/socket     the server's socket (loader/wire.h)
 *	DIR/SPACE/registry   symbolic link to the server's descriptor of the registry
 *	DIR/SPACE/lock       flock(2)ed by the server for as long as it lives
 *	DIR/SPACE/server.log what the server had to say
 */
#ifndef TPROC_BASE_SPACE_DIR_H
#define TPROC_BASE_SPACE_DIR_H

#include "lib/base/err.h"

#define SPACE_NAME_MAX 63
#define SPACE_DEFAULT "default"

/*
 * The space to use: name when it is not NULL, else $TPROC_SPACE when that is set and
 * not empty, else "default".  A name is 1 to 63 letters, digits, '.', '_', '-', and
 * does not begin with '.' or '-'.  *ret_name is borrowed from name or the environment.
 */
int space_name_choose(const char *name, const char **ret_name, struct err *err);

/*
 * Opens (O_PATH|O_DIRECTORY|O_CLOEXEC) the directory of the space; with create, makes
 * what is missing.  ERR_NO_SPACE when it is not there, ERR_DENIED when a directory on
 * the way is not the user's own with mode 0700.
 */
int space_dir_open(const char *space, int create, int *ret_fd, struct err *err);

/* Path of FILE in the directory of the space; the caller frees *ret_path. */
int space_dir_path(const char *space, const char *file, char **ret_path, struct err *err);

#endif
