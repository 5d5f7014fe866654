/*
 * hits_arm.h - within hits: the processor's debug registers, set for threads.
 */
#ifndef TPROC_READ_HITS_ARM_H
#define TPROC_READ_HITS_ARM_H

#include "lib/read/hits.h"

#include <linux/perf_event.h>
#include <poll.h>

#define HITS_RING_PAGES 64u
#define HITS_PAGE 4096u

/* What every processor has: the hits of all threads on it. */
struct hits_ring {
	int fd; /* the event that it belongs to; -1: none yet */
	struct perf_event_mmap_page *head;
	bool over; /* its event's thread has ended */
};

struct hits_event {
	int fd;
	pid_t pid;
	bool trap;
};

struct hits {
	struct hits_options options;
	struct hits_ring *rings;
	size_t cpu_count;
	struct hits_event *events;
	size_t event_count;
	size_t event_room;
	struct pollfd *polled; /* the rings', and options.wake_fd */
	bool no_kernel;        /* what the kernel does may not be watched */
	char notice[160];
	struct hit *batch;
	size_t batch_count;
	size_t batch_room;
	uint64_t lost;
};

/* ERR_USAGE when debug registers cannot hold it. */
int hits_check_range(const struct hits_options *options, struct err *err);

/* Whether its threads are stopped by a signal. */
bool hits_has_traps(const struct hits *hits, pid_t pid);

/*
 * Takes what has been told so far, for the next hits_wait. Before traps come or go: who has them
 * then decides which of it is told.
 */
int hits_gather(struct hits *hits, struct err *err);

/* The agent, and every thread of every component. */
int hits_arm_all(struct hits *hits, const struct target *target, struct err *err);

#endif
