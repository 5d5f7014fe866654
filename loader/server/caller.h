/*
 * caller.h - who asks for a launch, as the kernel says it: groups and capabilities.
 *
 * The program gets those of its caller.  A server with privilege sets them; one without it has to
 * have the same groups.
 */
#ifndef TPROC_SERVER_CALLER_H
#define TPROC_SERVER_CALLER_H

#include "lib/base/err.h"
#include "loader/agent/slot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct caller {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* owned; ascending */
	unsigned group_count;
	bool same_groups; /* as the server has */
	bool same_capabilities;
	bool more_capabilities;                /* some that the server does not have */
	struct slot_capabilities capabilities; /* when they are not the same */
};

/* Reads who is at the other end of a connected socket. */
int caller_init(struct caller *caller, int sock, struct err *err);
void caller_deinit(struct caller *caller);

/* True when this process may do what the capability (linux/capability.h) is for. */
bool caller_server_may(int capability);

#endif
