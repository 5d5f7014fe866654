/*
 * thread_info.h - what a thread does, as far as that can be told without stopping it.
 */
#ifndef TPROC_READ_THREAD_INFO_H
#define TPROC_READ_THREAD_INFO_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where a thread is. */
enum thread_at {
	THREAD_AT_UNKNOWN = 0,
	THREAD_RUNS,      /* on a processor or waiting for one */
	THREAD_IN_CALL,   /* blocked in a system call: number, args, sp and pc are known */
	THREAD_IN_KERNEL, /* blocked, but in none (a fault, a stop): sp and pc are known */
};

struct thread_place {
	enum thread_at at;
	long number;
	uint64_t args[6];
	uint64_t sp;
	uint64_t pc;
};

struct thread_info {
	pid_t tid;
	char state;     /* R, S, D, T, t, Z ... as in /proc/PID/stat; 0: not known */
	char name[16];  /* raw, terminated; "": not known */
	char wchan[48]; /* where in the kernel it sleeps; "": nowhere, or not told */
	struct thread_place place;
	bool has_times;
	uint64_t user_ns; /* processor time */
	uint64_t system_ns;
	bool has_signals; /* bit N-1 stands for signal N */
	uint64_t pending; /* for this thread alone */
	uint64_t blocked;
	bool has_actions; /* the next are of the whole process */
	uint64_t process_pending;
	uint64_t ignored;
	uint64_t caught;
	pid_t tracer; /* 0: nobody traces it */
};

/* Of a live process.  What cannot be had is left out; ERR_NOT_FOUND when the thread is gone. */
int thread_info_read(pid_t pid, pid_t tid, struct thread_info *ret_info, struct err *err);

/* Where it is alone. */
void thread_place_read(pid_t pid, pid_t tid, struct thread_place *ret_place);

/* The text of /proc/PID/task/TID/syscall. */
void thread_place_parse(const char *text, struct thread_place *ret_place);

#endif
