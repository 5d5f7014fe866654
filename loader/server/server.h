/*
 * server.h - what the parts of the server share: one space and everything in it.
 *
 * One thread runs all of it (another only listens for the doorbell, mailboxes.h).  The
 * server is not in the space: nothing there can reach its memory.
 */
#ifndef TPROC_SERVER_SERVER_H
#define TPROC_SERVER_SERVER_H

#include "loader/server/agent_link.h"
#include "loader/server/image_cache.h"
#include "loader/server/interp_cache.h"
#include "loader/server/keeper.h"
#include "loader/server/launch_plan.h"
#include "loader/server/loop.h"
#include "loader/server/mailboxes.h"
#include "loader/server/registry.h"
#include "loader/server/slots.h"

struct client;
struct debug_session;
struct threadproc;

/* Debuggers (debug.h). */
struct debug_state {
	struct debug_session *sessions;
	struct debug_session *holder; /* whose turn it is, NULL: nobody's */
	struct plan_mm own;           /* what is shown else */
	bool can_show;                /* the kernel can show another */
};

/* The images that a record's modules refer to, kept for as long as the record is. */
struct image_refs {
	struct cached_image **images;
	uint32_t count;
};

struct server_options {
	const char *space;
	unsigned idle_seconds; /* without threadprocs and clients it ends after so long */
	bool stay;	       /* it does not */
	uint32_t quarantine;   /* granules (loader/quarantine.h) */
	int ready_fd;	       /* told when the server listens, or why it cannot; -1: nobody */
};

struct server {
	const struct server_options *options;
	struct loop loop;
	struct registry registry;
	struct slots slots;
	struct image_cache images;
	struct interp_cache interps;
	struct agent_link agent;
	struct mailboxes mailboxes;
	struct debug_state debug;
	struct keeper keeper;
	struct launch_space launch;
	struct loop_source listener;
	struct loop_source signals;
	struct loop_timer idle_timer;
	struct loop_timer sharers_timer; /* teardown.c */
	unsigned sharers_wait_ms;
	int children_fd; /* /proc: the pids of our children, -1 where the kernel has no such file */
	struct client *clients;
	unsigned client_count;
	unsigned waiting; /* clients whose launches are to be tried again */
	struct loop_timer retry_timer;
	unsigned launching; /* plans that will clone */
	bool reap_again;    /* children ended that could not be told from those */
	bool accept_paused; /* out of descriptors */
	bool ending;	    /* no new launches; ends with the last threadproc */
	struct threadproc *threadprocs[TP_THREADPROCS]; /* those whose record is in use */
	struct threadproc *by_pid;  /* a hash table */
	struct threadproc *shared;	/* ended, but somebody may use their memory (teardown.c) */
	struct threadproc *unmap_queue; /* ended, memory to be unmapped */
	unsigned unmap_count;
	unsigned unmapping; /* batches at the agent */
	bool draining;	    /* one batch after the other */
	uint64_t own_mark; /* pages of the space without a file when memory was last given back */
	struct loop_timer teardown_timer;
	int statm_fd; /* the agent's */
	uint64_t kernel_lo; /* from here on up lies what the kernel gave the agent */
	struct image_refs image_refs[TP_THREADPROCS];
};

/* Runs a space until it ends.  Prints nothing; logs to stderr (log.h). */
int server_run(const struct server_options *options, struct err *err);

/* Ends all threadprocs, then the server. */
void server_shutdown(struct server *server);

/* To be called when a threadproc or a client is gone: perhaps that was the last one. */
void server_check_idle(struct server *server);

/* Reads memory of the space.  0, or -1 when not all of it can be read. */
int server_read_space(const struct server *server, uint64_t addr, void *to, size_t length);

/* The server that holds the member which ptr points to. */
#define server_of(ptr, member) container_of(ptr, struct server, member)

#endif
