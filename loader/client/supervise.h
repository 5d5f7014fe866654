/*
 * supervise.h - stands for a threadproc towards whoever started tprun.
 *
 * Passes signals on to it, stops when it stops, and learns how it ends.
 */
#ifndef TPROC_CLIENT_SUPERVISE_H
#define TPROC_CLIENT_SUPERVISE_H

#include "lib/base/err.h"
#include "loader/client/crash.h"
#include "loader/client/launch.h"

enum supervise_result {
	SUPERVISE_EXITED,   /* *ret_status is the exit status */
	SUPERVISE_SIGNALED, /* *ret_status is the signal's number */
	SUPERVISE_LOST,     /* the server died; the threadproc was killed */
	SUPERVISE_ERROR,    /* err says what; the threadproc was killed */
};

/*
 * Opens a descriptor from which the pending and the coming signals can be read, all of
 * which are to be blocked (caller_block_signals).
 */
int supervise_open_signals(int *ret_fd, struct err *err);

/*
 * Runs until the threadproc has ended.  sock is the connection that launched it, crash what is
 * to be done when it crashes, parent the caller's parent when it began.
 */
enum supervise_result supervise(int sock, int signal_fd, const struct launched *launched,
                                struct crash *crash, pid_t parent, int *ret_status,
                                struct err *err);

/* Ends this process by the signal, as a shell would see the program end; leaves no core. */
_Noreturn void supervise_die(int signo);

#endif
