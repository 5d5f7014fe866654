/*
 * run.h - runs one program in a space, from the caller's attributes to the program's end.
 */
#ifndef TPROC_CLIENT_RUN_H
#define TPROC_CLIENT_RUN_H

#include "lib/base/err.h"
#include "loader/client/crash.h"

#include <stdbool.h>

struct run_options {
	const char *space;
	const char *name; /* of the threadproc, NULL: the program's */
	char **argv;      /* NULL-terminated; argv[0] is searched in PATH */
	bool fork_all;
	bool guard_free;    /* it is not to free what another one allocated */
	bool wait_debugger; /* it is held before its first instruction until there is one */
	bool say_waiting;   /* on standard error, and how to attach */
	const char *quarantine; /* that the space is to have; NULL: whatever it has */
	struct crash_policy crash;
	bool verbose; /* says on standard error what was started */
};

enum run_result {
	RUN_EXITED,   /* the value is its exit status */
	RUN_SIGNALED, /* the value is the number of the signal that ended it */
	RUN_FAILED,   /* err says why; the value is what to exit with */
};

/*
 * To be called before anything else opens a descriptor or changes a signal: both are
 * passed on as they are found.
 */
enum run_result run(const struct run_options *options, int *ret_value, struct err *err);

#endif
