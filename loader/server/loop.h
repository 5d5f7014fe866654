/*
 * loop.h - the server's event loop: descriptors by epoll(7), and timers.
 *
 * One event is taken at a time, so a handler may remove and free any source, its own
 * included, without another handler meeting it afterwards.
 */
#ifndef TPROC_SERVER_LOOP_H
#define TPROC_SERVER_LOOP_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What holds the member that ptr points to: how a handler finds the owner of its source. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/* Embedded in what owns the descriptor; the loop neither copies nor closes it. */
struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source, uint32_t events);
};

/* Armed while deadline_ns (CLOCK_MONOTONIC) is not 0; disarmed before it fires. */
struct loop_timer {
	uint64_t deadline_ns;
	void (*fire)(struct loop_timer *timer);
	struct loop_timer *next;
	struct loop_timer *prev;
};

struct loop {
	int epoll_fd;
	bool done;
	struct loop_timer *timers;
	void (*settled)(struct loop *loop); /* an event was handled, or timers; may be NULL */
};

int loop_init(struct loop *loop, struct err *err);
void loop_deinit(struct loop *loop);

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms the timer to fire in so many milliseconds, in place of what it was armed for. */
void loop_arm(struct loop *loop, struct loop_timer *timer, unsigned ms);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Handles events until done is set. */
int loop_run(struct loop *loop, struct err *err);

#endif
