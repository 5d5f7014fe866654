/*
 * launch.h - one launch, seen from the client: what is asked for, and the answer.
 */
#ifndef TPROC_CLIENT_LAUNCH_H
#define TPROC_CLIENT_LAUNCH_H

#include "lib/base/err.h"
#include "loader/client/caller.h"
#include "loader/packet.h"

#include <stdint.h>
#include <sys/types.h>

struct launch {
	const char *path;  /* as execve would be given it */
	char *const *argv; /* NULL-terminated */
	char *const *envp; /* NULL-terminated */
	const char *name;  /* of the threadproc; NULL: the program's base name */
	uint32_t flags;    /* WIRE_FORK_ALL */
	uint32_t quarantine; /* with WIRE_HAS_QUARANTINE */
	/* what caller_describe said, when that was asked before and still holds; NULL: ask now */
	const struct wire_launch *attributes;
	pid_t parent; /* the caller's, when it began */
	struct caller_signals signals;
	struct descriptors descriptors; /* each keeps its number in the threadproc */
};

/* A threadproc that runs; pidfd is owned. */
struct launched {
	uint32_t id;
	pid_t pid;
	pid_t pgid;
	int pidfd;
};

enum launch_result {
	LAUNCH_STARTED,
	LAUNCH_FAILED, /* the server could not start it; err and the kind say why */
	LAUNCH_UNSEEN, /* the server ended without looking at it: to be tried again */
	LAUNCH_ERROR,  /* the server died over it, or something here failed */
};

/*
 * Sends the launch over a connection of its own and waits for the answer.  Everything else
 * that execve would keep is taken from the calling process.  *ret_kind is what to exit
 * with when the program cannot be run (struct wire_failed).  On LAUNCH_STARTED *ret_launched
 * is filled, and more messages will come over sock.
 */
enum launch_result launch_program(int sock, const struct launch *launch,
                                  struct launched *ret_launched, int *ret_kind, struct err *err);

#endif
