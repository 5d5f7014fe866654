/*
 * start.h - starts the server of a space.
 */
#ifndef TPROC_CLIENT_START_H
#define TPROC_CLIENT_START_H

#include "lib/base/err.h"

/* What a server is to be started with. */
struct server_wanted {
	const char *quarantine; /* as quarantine_parse takes it; NULL: not said */
};

/*
 * Starts tpserver for the space, whose directory is dir_fd, and waits until it listens or
 * finds that another server got there first; either way connecting can be tried again
 * then.  The server is nobody's child, stays in the caller's session so that threadprocs
 * can join the caller's process group, and keeps nothing else of the caller.  Its
 * standard error goes to server.log in that directory.
 */
int start_server(const char *space, const struct server_wanted *wanted, int dir_fd,
                 struct err *err);

#endif
