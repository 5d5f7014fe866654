/* spare.h - see spare.c. */
#ifndef TPROC_AGENT_SPARE_H
#define TPROC_AGENT_SPARE_H

#include "loader/agent/slot.h"
#include "loader/agent/worker.h"

/*
 * Makes the spare process, a child of the server_pid that made the agent.  It serves the socket
 * `socket`.  Returns its pid or -errno.  The one before it must be gone, or have become something
 * else.
 */
long spare_make(const struct worker *agent, int socket, int server_pid);

/* The spare, whose plan has been carried out, answers `done` and becomes that program. */
_Noreturn void spare_become(struct worker *spare, struct slot *slot, const struct plan_done *done);

#endif
