/*
 * attend.h - a debugger that has memory watched says whose threads it traces.
 *
 * Its orders are lines of the input, "trap PID" and "untrap PID"; each gets a line of JSON.
 */
#ifndef TPROC_INSPECT_ATTEND_H
#define TPROC_INSPECT_ATTEND_H

#include "inspect/session.h"

#include "lib/read/hits.h"

struct attend {
	bool active; /* else there is no debugger, and nothing is done here */
	/* Has the session look anew: what was made of its snapshot goes first. */
	int (*refresh)(void *context, struct err *err);
	void *context;
	int fd;
	char line[64];
	size_t len;
};

/* Says that everybody is watched by now. */
int attend_begin(const struct attend *attend, struct session *session, const char *notice,
                 struct err *err);

/* Carries out what has come.  1: the debugger is gone. */
int attend_orders(struct attend *attend, struct session *session, struct hits *hits);

#endif
