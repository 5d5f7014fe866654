/*
 * locks.h - mutexes and rwlocks of all components: who holds them, who waits for them, and which
 * threads wait for each other in a circle.
 *
 * Known are the locks that some thread waits for, the robust ones that a thread holds,
 * which the kernel has a list of, and those that named objects were published with; others leave no
 * trace but their own words, for which memory can be searched.
 */
#ifndef TPROC_READ_LOCKS_H
#define TPROC_READ_LOCKS_H

#include "lib/read/lock.h"
#include "lib/read/target.h"

/* A thread of the space; borrowed from the snapshot. */
struct lock_thread {
	const struct reg_threadproc *tp;
	pid_t tid;
};

struct lock {
	struct lock_state state;
	struct lock_notes notes;
	struct lock_thread owner; /* tp NULL: there is no such thread in the space (any more) */
	struct lock_thread *waiters;
	size_t waiter_count;
};

/* A thread that waits at a word of memory. */
struct lock_wait {
	struct lock_thread thread;
	uint64_t word;
	size_t lock; /* which; SIZE_MAX: the word is of none that is known */
	struct lock_thread
		holder; /* of the lock, or whose end is waited for; tp NULL: nobody known */
};

/* Each of the threads waits for what the next one has, the last for what the first one has. */
struct lock_circle {
	struct lock_thread *threads;
	size_t *locks; /* which; SIZE_MAX: the end of the next thread */
	size_t count;
};

struct locks {
	struct lock *list; /* ascending by address */
	size_t count;
	struct lock_wait *waits; /* at locks and whatever else, toolkit's words left out */
	size_t wait_count;
	struct lock_circle *circles;
	size_t circle_count;
};

struct locks_options {
	/* Looks through all memory that can be written for mutexes that a thread of the space
	 * holds. */
	bool search;
	/* So many bytes of it were looked at; what is not 0 ends it.  May be NULL. */
	int (*step)(void *context, uint64_t bytes, struct err *err);
	void *context;
};

/* Whether it protects a named object: was published with it, or lies in it. */
bool lock_protects(const struct lock *lock, const struct reg_name *name);

/* options may be NULL: none.  To be released. */
int locks_read(const struct target *target, const struct locks_options *options,
               struct locks *ret_locks, struct err *err);
void locks_deinit(struct locks *locks);

#endif
