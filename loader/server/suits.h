/*
 * suits.h - whether this server can give a caller's program all that it would have outside.
 *
 * A server without privilege cannot raise a hard limit, lower a niceness, change groups, or join a
 * session.  It has those of whoever started it, so one that is started by the caller does better.
 */
#ifndef TPROC_SERVER_SUITS_H
#define TPROC_SERVER_SUITS_H

#include "loader/server/caller.h"
#include "loader/server/launch_plan.h"

enum suits {
	SUITS,
	SUITS_NEARLY, /* docs/LIMITS.md has what is not as it should be */
	SUITS_NOT,    /* the program would have rights that its caller has not, or lack them */
};

enum suits suits_caller(const struct launch_space *space, const struct caller *caller,
                        const struct wire_launch *launch);

#endif
