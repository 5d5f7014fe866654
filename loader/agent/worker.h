/*
 * worker.h - who carries out plans: the agent itself, or a spare process (spare.c).
 *
 * Legal here: system calls and the stack.  All signals are blocked.
 */
#ifndef TPROC_AGENT_WORKER_H
#define TPROC_AGENT_WORKER_H

#include "loader/agent/plan.h"

#include <stdbool.h>

struct worker {
	int socket; /* the server is at its other end */
	int plan_fd;
	bool is_spare;     /* becomes what a plan starts, instead of cloning it */
	uint32_t fd_count; /* of the plan that comes in */
	int fds[PLAN_MAX_FDS];
};

/* Fills in the header of a packet. */
void worker_header(struct plan_header *h, enum plan_type type, uint32_t length, uint32_t serial);

/* Sends a packet to the server. */
void worker_send(const struct worker *worker, void *packet, uint64_t length);

/* Closes every descriptor but the worker's own two. */
void worker_close_others(struct worker *worker);

/* Carries out what comes.  Ends the process at the end of the connection, or of its sense. */
_Noreturn void worker_serve(struct worker *worker);

/* Ends the process. */
_Noreturn void worker_leave(int status);

#endif
