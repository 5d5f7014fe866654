/*
 * wait.h - what a blocked thread waits for: a lock and who holds it, a descriptor.
 */
#ifndef TPROC_READ_WAIT_H
#define TPROC_READ_WAIT_H

#include "lib/read/target.h"

#include <stdbool.h>
#include <stdint.h>

enum wait_kind {
	WAIT_NONE = 0, /* it does not wait, or that is not known */
	WAIT_CALL,     /* in some system call */
	WAIT_FUTEX,    /* at a word of memory */
	WAIT_FD,       /* for a descriptor */
};

enum wait_holder {
	HOLDER_NONE = 0,
	HOLDER_MUTEX, /* the word is a mutex of glibc's or musl's, which that thread holds */
	HOLDER_JOIN,  /* the word is that thread's own: its end is waited for */
};

struct wait {
	enum wait_kind kind;
	long number;   /* of the system call */
	uint64_t word; /* WAIT_FUTEX: its address */
	bool has_value;
	uint32_t value; /* of the word now */
	enum wait_holder how;
	const struct reg_threadproc *holder; /* whose thread, borrowed from the snapshot */
	pid_t holder_tid;
	int fd; /* WAIT_FD */
};

/* What is in memory is a guess of what it means: a holder is named only if it lives. */
void wait_find(const struct target *target, const struct thread_info *info, struct wait *ret_wait);

#endif
