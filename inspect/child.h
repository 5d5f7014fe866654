/*
 * child.h - a command of the user's that reads an answer.
 */
#ifndef TPROC_INSPECT_CHILD_H
#define TPROC_INSPECT_CHILD_H

#include "lib/base/err.h"

#include <stdio.h>
#include <sys/types.h>

/*
 * Starts argv[0] (looked for in PATH) with a pipe as its standard input.  *ret_input is the end
 * to write to; the caller closes it, then calls child_wait.  ERR_OS when it cannot be started.
 */
int child_start(char *const argv[], pid_t *ret_pid, FILE **ret_input, struct err *err);

/* The same for a command line of the shell's. */
int child_shell(const char *command, pid_t *ret_pid, FILE **ret_input, struct err *err);

/* Waits for its end; returns its wait status. */
int child_wait(pid_t pid);

#endif
