/*
 * agent_link.h - the server's end of the agent: start it, give it plans, hear of its death.
 *
 * Programs that are started one soon after the other find a spare process made already, which shares
 * the memory and carries out their plan itself (loader/agent/spare.c).  Not for single ones: to the
 * kernel a program's life begins with its process, and it is not to look older than it is.
 */
#ifndef TPROC_SERVER_AGENT_LINK_H
#define TPROC_SERVER_AGENT_LINK_H

#include "loader/server/loop.h"
#include "loader/server/plan_build.h"

#include <sys/types.h>

/* failed_op of a plan whose spare ended before it answered. */
#define PLAN_SPARE_ENDED UINT32_MAX

/* A plan on its way.  done is called once, with NULL when the agent died before it answered. */
struct plan_job {
	struct plan plan;
	void (*done)(struct plan_job *job, const struct plan_done *result);
	struct plan_job *next;
	struct plan_job *prev;
};

struct agent_spare {
	struct loop_source source; /* our end of its socket, fd -1: there is none */
	struct loop_timer timer;   /* when it has waited for long enough */
	struct plan_job making;
	int theirs;	   /* its end, while it is made, else -1 */
	pid_t pid;	   /* a child of ours that is not reaped, 0: none */
	uint64_t wanted_ns; /* CLOCK_MONOTONIC, when one was wanted last */
};

struct agent_link {
	struct loop_source source; /* our end of the socketpair */
	struct loop *loop;
	struct plan_job *jobs; /* the first one is at the agent, or at the spare */
	struct agent_spare spare;
	bool at_spare;
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

/* ---- agent_spare.c ---------------------------------------------------------------------- */

void agent_spare_init(struct agent_link *link);

/* A program was started: there may soon be another. */
void agent_spare_want(struct agent_link *link);

/* True when one waits for a plan. */
bool agent_spare_waits(const struct agent_link *link);

/* It comes to its end if it is still there. */
void agent_spare_dismiss(struct agent_link *link);

/* A child of that pid was reaped that is no threadproc. */
void agent_spare_reaped(struct agent_link *link, pid_t pid);

/* ---- agent_link.c, for agent_spare.c ------------------------------------------------------ */

/* A pair of connected sockets, the second one for who carries out plans. */
int agent_link_pair(int ret_pair[2], struct err *err);

/* True for n bytes that answer the plan that is on its way. */
bool agent_link_answers(const struct agent_link *link, const struct plan_done *done, ssize_t n);

/* The first job is done; the next one goes on its way. */
void agent_link_finish(struct agent_link *link, const struct plan_done *done);

#endif
