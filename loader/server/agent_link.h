/*
 * agent_link.h - the server's end of the agent: start it, give it plans, hear of its death.
 */
#ifndef TPROC_SERVER_AGENT_LINK_H
#define TPROC_SERVER_AGENT_LINK_H

#include "loader/server/loop.h"
#include "loader/server/plan_build.h"

#include <sys/types.h>

/* A plan on its way.  done is called once, with NULL when the agent died before it answered. */
struct plan_job {
	struct plan plan;
	void (*done)(struct plan_job *job, const struct plan_done *result);
	struct plan_job *next;
	struct plan_job *prev;
};

struct agent_link {
	struct loop_source source; /* our end of the socketpair */
	struct loop *loop;
	struct plan_job *jobs; /* the first one is at the agent */
	struct plan_hello hello;
	pid_t pid;
	dev_t exe_dev; /* its executable */
	ino_t exe_ino;
	int plan_fd;
	uint32_t serial;
	bool alive;
	int wait_status; /* once it is dead: of waitpid */
	void (*died)(struct agent_link *link);
};

/*
 * Starts the agent's executable at path and waits for its hello.  It gets address space
 * laid out top-down whatever the server's own limits and personality are.
 */
int agent_link_start(struct agent_link *link, struct loop *loop, const char *path,
		     void (*died)(struct agent_link *), struct err *err);

/* Runs a plan and waits for it; only before the loop runs.  ERR_OS with the agent's error. */
int agent_link_run_now(struct agent_link *link, const struct plan *plan, struct err *err);

/* Begins to listen in the loop. */
int agent_link_attach(struct agent_link *link, struct err *err);

/* Queues a job.  done is called from the loop; with the agent dead already, at once. */
void agent_link_submit(struct agent_link *link, struct plan_job *job);

void agent_link_stop(struct agent_link *link);

#endif
