/*
 * A tracer is a thread, and what it traces and has not stopped yet cannot be let go of, but by
 * the tracer's end.  So each capture has a thread of its own: a target in uninterruptible
 * sleep costs an error and leaves nothing attached.
 */
#include "lib/read/capture.h"

#include "lib/read/thread_info.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <elf.h>

#define NS_PER_MS INT64_C(1000000)
/*
 * A thread that runs or sleeps stops within microseconds, one that waits for a processor when it
 * gets one.  Naps leave it ours, and who wakes up is served before those that compute: giving way
 * (sched_yield) would let a whole time slice pass while the thread stands still.
 */
#define SPIN_NS 30000
#define NAP_NS 30000
#define SLICE_NS 100000
#define PATIENCE_NS (250 * NS_PER_MS)
#define TRACER_STACK 65536

struct job {
	pid_t pid;
	pid_t tid;
	uint64_t stack_hi;
	struct capture capture;
	struct err err;
	int ret;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 * NS_PER_MS + t.tv_nsec;
}

/* ---- Why not ------------------------------------------------------------- */

/* False as well when the thread belongs to another process by now. */
static bool is_thread_of(pid_t pid, pid_t tid)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return !access(path, F_OK);
}

static int gone(const struct job *job, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "thread %d is gone", (int)job->tid);
}

static int cannot_seize(const struct job *job, int os_errno, struct err *err)
{
	struct thread_info info;

	if (os_errno == ESRCH)
		return gone(job, err);
	if (os_errno != EPERM)
		return err_os(err, os_errno, "cannot stop thread %d", (int)job->tid);
	if (!thread_info_read(job->pid, job->tid, &info, err) && info.tracer)
		return err_set(err, ERR_DENIED, "thread %d: process %d traces it already",
		               (int)job->tid, (int)info.tracer);
	return err_set(err, ERR_DENIED, "thread %d: tracing is not permitted, or it is ending",
	               (int)job->tid);
}

/* ---- Stop, copy, go ------------------------------------------------------ */

/* *ret_since is a moment at which it had not stopped yet. */
static int wait_for_stop(const struct job *job, int64_t start, int *ret_status, int64_t *ret_since,
                         struct err *err)
{
	static const struct timespec nap = {.tv_nsec = NAP_NS};
	int64_t now = start;

	for (;;) {
		pid_t got;

		*ret_since = now;
		now = now_ns();
		got = waitpid(job->tid, ret_status, __WALL | WNOHANG);
		if (got == job->tid)
			return WIFSTOPPED(*ret_status) ? 0 : gone(job, err);
		if (got < 0 && errno != EINTR)
			return gone(job, err);
		if (now - start > PATIENCE_NS)
			return err_set(err, ERR_LIMIT,
			               "thread %d does not stop (uninterruptible sleep)",
			               (int)job->tid);
		if (now - start > SPIN_NS)
			nanosleep(&nap, NULL);
	}
}

/* How much of the stack is to be copied. */
static size_t stack_length(uint64_t lo, uint64_t hi)
{
	return hi > lo && hi - lo < CAPTURE_STACK_MAX ? hi - lo : CAPTURE_STACK_MAX;
}

static int copy_thread(struct job *job, struct err *err)
{
	struct capture *capture = &job->capture;
	struct iovec registers = {&capture->regs, sizeof(capture->regs)};
	struct iovec vectors = {capture->vectors, CAPTURE_VECTORS_MAX};
	struct iovec local, remote;
	ssize_t got;

	if (ptrace(PTRACE_GETREGSET, job->tid, NT_PRSTATUS, &registers))
		return err_os(err, errno, "cannot read the registers of thread %d", (int)job->tid);
	if (!ptrace(PTRACE_GETREGSET, job->tid, NT_X86_XSTATE, &vectors))
		capture->vectors_len = vectors.iov_len;
	capture->stack_lo = capture_sp(capture) - CAPTURE_RED_ZONE;
	local = (struct iovec){capture->stack, stack_length(capture->stack_lo, job->stack_hi)};
	/* An address of another address space: never dereferenced here. */
	remote = (struct iovec){(void *)(uintptr_t)capture->stack_lo, local.iov_len};
	/* A stack pointer that leads nowhere is no failure: there are registers. */
	got = process_vm_readv(job->tid, &local, 1, &remote, 1, 0);
	capture->stack_len = got > 0 ? (size_t)got : 0;
	return 0;
}

/*
 * In front of a signal's delivery the thread stops for that signal first, which is then
 * handed on; a stop by a signal (job control) is taken up again by the kernel.
 */
static int signal_to_pass(int status)
{
	return status >> 16 ? 0 : WSTOPSIG(status);
}

static bool is_group_stop(int status)
{
	return status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
}

static int capture_seized(struct job *job, struct err *err)
{
	int64_t start = now_ns();
	int64_t since;
	int status;
	int ret;

	if (ptrace(PTRACE_INTERRUPT, job->tid, NULL, NULL))
		return gone(job, err);
	if (wait_for_stop(job, start, &status, &since, err))
		return -1;
	ret = copy_thread(job, err);
	ptrace(PTRACE_DETACH, job->tid, NULL, (void *)(intptr_t)signal_to_pass(status));
	job->capture.frozen_ns = (uint64_t)(now_ns() - since);
	job->capture.stopped = is_group_stop(status);
	return ret;
}

/* sched_setattr(2) in its first version; the kernel's header and libc's own exclude each other. */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

/*
 * While the thread stands still, its tracer should not wait for a processor: real time if that is
 * permitted, else a short time slice, which is served sooner (Linux 6.12).  This thread's only.
 */
static void hurry(void)
{
	const struct scheduling real_time = {
		.size = sizeof(real_time), .policy = SCHED_FIFO, .priority = 1};
	const struct scheduling short_slice = {
		.size = sizeof(short_slice), .policy = SCHED_OTHER, .runtime = SLICE_NS};

	prctl(PR_SET_TIMERSLACK, 1);
	if (syscall(SYS_sched_setattr, 0, &real_time, 0))
		syscall(SYS_sched_setattr, 0, &short_slice, 0);
}

static void *trace(void *arg)
{
	struct job *job = arg;

	hurry();
	if (ptrace(PTRACE_SEIZE, job->tid, NULL, NULL))
		job->ret = cannot_seize(job, errno, &job->err);
	else
		job->ret = capture_seized(job, &job->err);
	return NULL;
}

/* Signals are the business of the threads that were there before. */
static int run_tracer(struct job *job, struct err *err)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t tracer;
	int failed;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, TRACER_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&tracer, &attr, trace, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (failed)
		return err_os(err, failed, "cannot start a thread that traces");
	pthread_join(tracer, NULL);
	if (job->ret)
		*err = job->err;
	return job->ret;
}

/* What was not needed of a copy goes back. */
static void shrink(uint8_t **copy, size_t len)
{
	uint8_t *shrunk;

	if (!len) {
		free(*copy);
		*copy = NULL;
		return;
	}
	shrunk = realloc(*copy, len);
	if (shrunk)
		*copy = shrunk;
}

int capture_live(pid_t pid, pid_t tid, uint64_t stack_hi, struct capture *ret_capture,
                 struct err *err)
{
	struct job job = {.pid = pid, .tid = tid, .stack_hi = stack_hi};

	if (!is_thread_of(pid, tid))
		return gone(&job, err);
	job.capture = (struct capture){.tid = tid, .moving = true};
	job.capture.stack = malloc(CAPTURE_STACK_MAX);
	job.capture.vectors = malloc(CAPTURE_VECTORS_MAX);
	if (!job.capture.stack || !job.capture.vectors) {
		capture_deinit(&job.capture);
		return err_os(err, ENOMEM, "copy of a stack");
	}
	if (run_tracer(&job, err)) {
		capture_deinit(&job.capture);
		return -1;
	}
	shrink(&job.capture.stack, job.capture.stack_len);
	shrink(&job.capture.vectors, job.capture.vectors_len);
	*ret_capture = job.capture;
	return 0;
}
