/*
 * threadproc.h - the life of a threadproc: launch, stops, exec, end, memory.
 */
#ifndef TPROC_SERVER_THREADPROC_H
#define TPROC_SERVER_THREADPROC_H

#include "loader/server/server.h"

#include <uthash.h>

/*
 * From the launch until its memory is gone; its record in the registry stays longer.
 *
 *	LAUNCHING	the plan is at the agent
 *	LIVING		it has a pid and shares the space
 *	GONE_ON		it called execve: a process of ours, but not in the space
 *	DEAD		reaped
 */
enum threadproc_phase {
	THREADPROC_LAUNCHING,
	THREADPROC_LIVING,
	THREADPROC_GONE_ON,
	THREADPROC_DEAD,
};

/* Where its memory is on the way out (teardown.c). */
enum threadproc_leaving {
	LEAVING_NOT,
	LEAVING_SHARED,	  /* an orphan may still use it; in server->shared */
	LEAVING_QUEUED,	  /* in server->unmap_queue */
	LEAVING_AT_AGENT, /* being unmapped */
};

struct threadproc {
	struct loop_source pidfd; /* fd -1 before it has one */
	struct plan_job job;	  /* its launch */
	struct loop_timer exec_timer;
	struct loop_timer first_look; /* at the link map, soon after the start */
	struct loop_timer hold_timer; /* while it waits for a debugger (hold.c) */
	bool seen_debugged; /* one traced it and let it run when that was last looked at */
	struct server *server;
	struct client *client; /* NULL: gone, or never was */
	enum threadproc_phase phase;
	uint32_t index;
	uint32_t generation;
	uint32_t id;
	pid_t pid;
	int32_t pgid; /* where it was put */
	uint32_t modules_seq; /* of the link map that was published */
	unsigned look_tries; /* to read them, without success */
	uint32_t run_count;
	struct tp_run runs[TP_RUNS];
	uint64_t fixed_lo;
	uint64_t fixed_hi;
	bool has_memory;	      /* the slot is not torn down yet */
	enum threadproc_leaving leaving;
	unsigned exec_wait_ms;
	struct launch_sources *sources; /* while it is launched */
	struct cached_image *image;   /* borrowed from image_refs */
	struct cached_image *interp;  /* likewise, or NULL */
	uint64_t program_bias;
	uint64_t interp_bias;
	bool hold_crash;	     /* its launcher wants to look when it crashes */
	bool crashed;		     /* the record of that is published */
	bool stops_space;	     /* when it crashes, with hold_crash, all others stop */
	bool looked_at;		     /* it was held for its launcher, who makes a report */
	bool has_stopped_space;	     /* they did, and wait for it to be let go */
	bool frozen;		     /* it is one of those that were stopped */
	uint64_t execfn;             /* address of the string that AT_EXECFN names */
	const struct debug_session *held_by; /* stopped on behalf of that debugger (debug.c) */
	bool was_attached;      /* by a debugger, at some time */
	bool stopped_at_attach; /* by others than a debugger */
	uint64_t debugger_gone_ns; /* when a debugger ended that was attached, 0: none did */
	bool failed;		     /* never came to life: its record is not kept */
	struct threadproc *next;     /* in a list of the server's, or of a batch */
	struct threadproc *prev;
	UT_hash_handle hh; /* in server->by_pid, once it has a pid */
};

/* ---- launch.c: from a request to a process ---------------------------------------------- */

/*
 * Launches what the request asks for; takes the request over.  The client hears how it
 * goes (client.h).
 */
void threadproc_launch(struct server *server, struct client *client, struct request *request);

/* Publishes what it was launched with, unless that was done before; then closes it. */
void launch_publish_files(struct threadproc *tp);
void launch_drop_sources(struct threadproc *tp);

/* ---- threadproc.c: its life --------------------------------------------------------------- */

/* One that is to be launched for the client; NULL without memory.  It has no record yet. */
struct threadproc *threadproc_create(struct server *server, struct client *client);

/* Its process is there and has that pid; from now on its end is noticed. */
int threadproc_watch(struct threadproc *tp, pid_t pid, struct err *err);

/* It lives: publishes that and tells the client. */
void threadproc_started(struct threadproc *tp);

/* Adds change to the number of those that live in the space. */
void threadproc_count_live(struct server *server, int change);

/* Sends a signal to its process, if that is there. */
void threadproc_signal(const struct threadproc *tp, int sig);

/* SIGKILL, also for one that is still being launched. */
void threadproc_kill(struct threadproc *tp);

/*
 * What can wait until the program is under way, at the latest until somebody looks: what its
 * descriptors are, and the link map (the dynamic linker should be through; if not, it will ring).
 */
void threadproc_look(struct threadproc *tp);

/* Its client is gone: what it started goes too. */
void threadproc_abandon(struct threadproc *tp);

/* Looks for stops, continues and ends of children; SIGCHLD says that there may be some. */
void threadproc_reap(struct server *server);

/* The threadproc whose process has that pid, or NULL. */
struct threadproc *threadproc_find(struct server *server, pid_t pid);

/* The end of the struct; its record stays unless the launch failed. */
void threadproc_free(struct threadproc *tp);

struct tp_threadproc *threadproc_record(const struct threadproc *tp);

/* ---- describe.c: the record ------------------------------------------------------------ */

/* Writes the record of a threadproc that starts. */
void threadproc_publish_start(struct threadproc *tp, const struct launch_input *input,
			      const char *name);

/* The launcher's descriptors and its working directory, as the request has them. */
void threadproc_publish_files(struct threadproc *tp, const struct request *request);

/* Its state, and with LIVING its pid; at the end code and status of waitid(2). */
void threadproc_publish_state(struct threadproc *tp, enum tp_state state);
void threadproc_publish_end(struct threadproc *tp, int code, int status);
void threadproc_publish_runs(struct threadproc *tp);
void threadproc_publish_held(struct threadproc *tp, bool held);
void threadproc_publish_let_go(struct threadproc *tp); /* no longer TP_THREADPROC_WAITS */
void threadproc_publish_looked(struct threadproc *tp);
void threadproc_publish_crash(struct threadproc *tp, const struct tp_crash *crash);

/* True for the signals that are crashes. */
bool threadproc_is_fault(int sig);

/* ---- modules.c: the link map ----------------------------------------------------------- */

/* What is known before the dynamic linker ran: the program and its interpreter. */
void modules_publish_first(struct threadproc *tp);

/* Reads the link map when the mailbox says that it changed, and publishes it. */
void modules_refresh(struct threadproc *tp);

/* Gives back the images of a record that is about to be used again. */
void modules_drop(struct server *server, uint32_t index);

/* ---- service.c: mailboxes ---------------------------------------------------------------- */

/* Something happened in the mailbox of that index. */
void service_mailbox(struct server *server, uint32_t index);

/* What it asked for, if it asked. */
void service_request(struct threadproc *tp);

/* ---- names.c: what programs publish ------------------------------------------------------- */

/* Answers to requests: 0 or -errno. */
int32_t names_publish(struct threadproc *tp, const struct tp_request *request);
int32_t names_unpublish(struct threadproc *tp, const struct tp_request *request);
int32_t names_suspect(struct server *server, const struct tp_request *request);
int32_t names_trust(struct server *server, const struct tp_request *request);

/* It has left the space: its names go, and what it had locked of others' is suspect. */
void names_ended(struct threadproc *tp);

/* ---- teardown.c: memory ------------------------------------------------------------------ */

/* Unmaps its slot, as soon as nobody shares it, and puts the addresses into quarantine. */
void teardown_begin(struct threadproc *tp);

/* Has the agent unmap what waits, a few at a time. */
void teardown_flush(struct server *server);

/*
 * Addresses are short: those of the ended are to be given up at once, and launches that wait are
 * tried again then.  False when there are none on the way.
 */
bool teardown_hurry(struct server *server);

/* Before a launch is laid out: what stands in its way and belongs to nobody goes. */
void teardown_before_launch(struct server *server);

/* A process of ours ended or left the space: perhaps somebody waited for that. */
void teardown_retry(struct server *server);

/* True when the process shares the space's memory. */
bool teardown_shares_space(const struct server *server, pid_t pid);

#endif
