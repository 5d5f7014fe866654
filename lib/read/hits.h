/*
 * hits.h - who writes or reads an address: the processor's debug registers, by perf_event_open(2).
 *
 * They are set for every thread of the space and for the agent, whose children and their threads
 * have them from their first instruction.  Nobody is stopped.
 */
#ifndef TPROC_READ_HITS_H
#define TPROC_READ_HITS_H

#include "lib/base/err.h"
#include "lib/read/capture.h"
#include "lib/read/target.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* So many bytes can be watched, if they begin at a multiple of 8: four registers of 8 bytes. */
#define HITS_LENGTH_MAX 32u

struct hits_options {
	uint64_t addr;
	uint32_t len;
	bool reads;      /* reads too, which cannot be told from writes */
	bool stacks;     /* the stack at each hit: for a backtrace */
	int wake_fd;     /* ends a wait when it can be read; -1: none */
	uint64_t cookie; /* si_perf_data of the signal at a trap */
};

struct hits;

/* One access.  The registers are the thread's own, behind the instruction that did it. */
struct hit {
	pid_t pid;
	pid_t tid;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t addr;    /* of the watched piece: a multiple of its length */
	bool kernel;      /* the kernel did it, in a system call */
	struct capture capture;
};

/*
 * ERR_DENIED when the kernel does not permit it (perf_event_paranoid), ERR_NOT_FOUND when the
 * machine has no such registers, ERR_LIMIT when they are in use, ERR_USAGE for a range that they
 * cannot hold.
 */
int hits_open(const struct target *target, const struct hits_options *options,
              struct hits **ret_hits, struct err *err);
void hits_close(struct hits *hits);

/* Why components that are launched from now on are not watched; "" when they are. */
const char *hits_notice(const struct hits *hits);

/*
 * The threads of a process, which a debugger traces, stop at the access: they get a SIGTRAP of code
 * TRAP_PERF, which in-space code makes nothing of where the cookie is TP_WATCH_COOKIE's
 * and the debugger is gone.  No hits of theirs are told from then on, but those of children that
 * they make from then on are: *ret_children is false when there were no registers left for that.
 * Errors as hits_open has them; then they are watched as they were.
 */
int hits_trap(struct hits *hits, pid_t pid, bool *ret_children, struct err *err);
/* Its hits are told again. */
int hits_untrap(struct hits *hits, pid_t pid, struct err *err);
/* Gives up the registers by which hits of children of a process that is trapped are told. */
void hits_spare(struct hits *hits, pid_t pid);

/* Called in the order of time.  What is not 0 ends the batch. */
typedef int hits_visitor(void *context, const struct hit *hit, struct err *err);

/*
 * Waits until there are hits, or wake_fd can be read, and visits them.  *ret_lost is how many more
 * there were than the kernel had room for.  ERR_STOPPED after a signal, ERR_NO_SPACE when nobody is
 * left to watch.
 */
int hits_wait(struct hits *hits, hits_visitor *visit, void *context, uint64_t *ret_lost,
              struct err *err);

#endif
