/*
 * lookup.h - the search of a program in PATH, as execvp(3) does it.
 */
#ifndef TPROC_CLIENT_LOOKUP_H
#define TPROC_CLIENT_LOOKUP_H

#include "lib/base/err.h"

/*
 * Finds what execvp would run for name.  A name with a slash is taken as it is, unseen;
 * an empty element of path_var stands for the working directory, and without PATH
 * (NULL) /bin and /usr/bin are searched.  Unlike execvp no shell is tried for a file of
 * unknown form.  The caller frees *ret_path, which is fit for execve.  ERR_NOT_FOUND when
 * there is none, ERR_DENIED when the only ones found may not be executed.
 */
int lookup_program(const char *name, const char *path_var, char **ret_path, struct err *err);

#endif
