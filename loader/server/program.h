/*
 * program.h - from what the user typed to the file that is loaded.
 *
 * Follows what execve(2) does with a path: permission, the `#!` chain
 * (fs/binfmt_script.c), the kinds of error.
 */
#ifndef TPROC_SERVER_PROGRAM_H
#define TPROC_SERVER_PROGRAM_H

#include "lib/base/err.h"
#include "loader/server/image.h"

#include <sys/types.h>

/* What tprun exits with when the program cannot be had. */
#define PROGRAM_NOT_FOUND 127
#define PROGRAM_CANNOT_RUN 126

struct program {
	int fd;       /* the ELF file, open O_RDONLY|O_CLOEXEC */
	char *path;   /* its path, absolute, without symbolic links: for /proc/self/exe */
	char *execfn; /* AT_EXECFN: the path as execve was given it, even for a script */
	int argc;     /* with the interpreters of the #! chain in front */
	char **argv;  /* NULL-terminated, argc strings, owned */
	int failure;  /* PROGRAM_ constant when program_open failed */
};

/*
 * Opens PATH, relative to the directory cwd_fd (O_PATH is enough), and follows its #! chain.
 * What a path means that speaks of "self" is seen from the process caller.
 * Never blocks on a FIFO or a device, and reads no more of the file than it must.
 * On failure program->failure says which kind it is, and nothing is left to release.
 */
int program_open(pid_t caller, int cwd_fd, const char *path, int argc, char *const argv[],
                 struct program *program, struct err *err);
void program_deinit(struct program *program);

/*
 * Opens an interpreter (PT_INTERP) by its absolute path: a regular file that may be
 * executed.  *ret_fd is the caller's.
 */
int program_open_interp(const char *path, int *ret_fd, struct err *err);

#endif
