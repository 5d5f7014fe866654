/*
 * caller.h - what execve would keep of the calling process.
 *
 * A threadproc is not tprun's child, so nothing is inherited by itself: it is asked for
 * here, and the server gives it to the threadproc.
 */
#ifndef TPROC_CLIENT_CALLER_H
#define TPROC_CLIENT_CALLER_H

#include "lib/base/err.h"
#include "loader/wire.h"

#include <stdint.h>

/* Sets of signals: bit N-1 stands for signal N. */
struct caller_signals {
	uint64_t blocked;
	uint64_t ignored;
};

/*
 * Blocks every signal that can be, the C library's own included, and says what was
 * blocked and ignored before.
 */
void caller_block_signals(struct caller_signals *ret_signals);

/* Unblocks all signals and gives every one its default action: for a new, unrelated process. */
void caller_reset_signals(void);

/* All signals but SIGKILL and SIGSTOP. */
uint64_t caller_catchable_signals(void);

/* Sets the blocked signals to exactly this set. */
void caller_set_blocked(uint64_t blocked);

/* Gives a signal its default action, the C library's own signals included. */
void caller_set_default(int signo);

/*
 * Fills in all attributes of the calling process but signals, strings and descriptors.
 * Call it in a single-threaded process: reading the umask changes it for a moment.
 */
void caller_describe(struct wire_launch *launch);

/*
 * Opens the working directory (O_PATH), even when it was deleted or may not be entered.
 * *ret_fd is the caller's.
 */
int caller_open_cwd(int *ret_fd, struct err *err);

struct descriptors {
	int *fds;
	unsigned count;
};

/*
 * Lists all open descriptors.  Right after execve none of them is close-on-exec, so
 * called before anything is opened these are the ones that a program inherits.  Then puts
 * /dev/null (close-on-exec) in the place of standard descriptors that are closed, so that
 * nothing opened later gets their numbers.
 */
int descriptors_init(struct descriptors *descriptors, struct err *err);
void descriptors_deinit(struct descriptors *descriptors);

#endif
