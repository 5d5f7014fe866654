/*
 * threads.h - the threads of a threadproc, and whose stack an address is in.
 */
#ifndef TPROC_READ_THREADS_H
#define TPROC_READ_THREADS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct thread {
	pid_t tid;
	/*
	 * get_robust_list(2), 0 when not known.  C libraries keep the list's head in the
	 * thread's descriptor, which for all but the main thread they put at the top of the
	 * mapping of its stack.
	 */
	uint64_t robust_head;
	uint64_t sp; /* from /proc/PID/task/TID/syscall; 0 while it runs, or not known */
};

struct threads {
	struct thread *list; /* ascending by tid */
	size_t count;
};

/* A stack as threads_stack_at finds it. */
struct thread_stack {
	pid_t tid;
	uint64_t lo;
	uint64_t hi;
};

/* The threads of a live process.  ERR_NOT_FOUND when it is gone. */
int threads_read(pid_t pid, struct threads *ret_threads, struct err *err);
void threads_deinit(struct threads *threads);

/* get_robust_list(2) of a live thread, as in struct thread. */
uint64_t threads_robust_head(pid_t tid);

/* How many there are; ERR_NOT_FOUND when the process is gone. */
int threads_count(pid_t pid, size_t *ret_count, struct err *err);

/*
 * Which thread's stack addr lies in, given the mapping around it.  The main thread (tid
 * equal to main_tid) is not considered: its stack is known from the registry.
 */
bool threads_stack_at(const struct threads *threads, pid_t main_tid, uint64_t addr,
                      uint64_t mapping_lo, uint64_t mapping_hi, struct thread_stack *ret_stack);

#endif
