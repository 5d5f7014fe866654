#include "lib/read/wait.h"

#include "lib/read/component.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

/* System calls that wait for the descriptor which is their first argument. */
static const long fd_calls[] = {
	SYS_read,        SYS_readv,          SYS_pread64,    SYS_preadv,    SYS_preadv2,
	SYS_write,       SYS_writev,         SYS_pwrite64,   SYS_pwritev,   SYS_pwritev2,
	SYS_recvfrom,    SYS_recvmsg,        SYS_recvmmsg,   SYS_sendto,    SYS_sendmsg,
	SYS_sendmmsg,    SYS_accept,         SYS_accept4,    SYS_connect,   SYS_ioctl,
	SYS_fcntl,       SYS_flock,          SYS_fsync,      SYS_fdatasync, SYS_epoll_wait,
	SYS_epoll_pwait, SYS_epoll_pwait2,   SYS_getdents64, SYS_tee,       SYS_splice,
	SYS_sendfile,    SYS_io_uring_enter,
};

static bool is_fd_call(long number)
{
	for (size_t i = 0; i < sizeof(fd_calls) / sizeof(fd_calls[0]); i++) {
		if (fd_calls[i] == number)
			return true;
	}
	return false;
}

/* ---- Locks --------------------------------------------------------------- */

static const struct thread *thread_of(const struct target *target, const struct reg_threadproc *tp,
                                      pid_t tid)
{
	const struct threads *threads;
	struct err err;

	if (!reg_threadproc_lives(tp) || component_threads(target, tp, &threads, &err))
		return NULL;
	for (size_t i = 0; i < threads->count; i++) {
		if (threads->list[i].tid == tid)
			return &threads->list[i];
	}
	return NULL;
}

/* Whose thread that is; NULL when it is nobody's in the space. */
static const struct thread *find_thread(const struct target *target, pid_t tid,
                                        const struct reg_threadproc **ret_tp)
{
	const struct snapshot *s = target->snapshot;

	for (size_t i = 1; tid > 0 && i < s->threadproc_count; i++) {
		const struct thread *thread = thread_of(target, &s->threadprocs[i], tid);

		if (!thread)
			continue;
		*ret_tp = &s->threadprocs[i];
		return thread;
	}
	return NULL;
}

/*
 * glibc: { int lock; unsigned count; int owner; ...; int kind; }, where lock is 1 or 2, or, when
 * kind says robust (16) or priority-inheriting (32), has the holder's tid in it.
 */
static pid_t glibc_holder(const uint32_t words[6])
{
	uint32_t kind = words[4];

	if (kind & ~0x3ffu)
		return 0;
	if (kind & 48)
		return (pid_t)(words[0] & FUTEX_TID_MASK);
	return words[0] == 1 || words[0] == 2 ? (pid_t)words[2] : 0;
}

/* musl: { int type; int lock; int waiters; ... }: threads wait at lock, which has the tid. */
static pid_t musl_holder(uint32_t lock)
{
	return (pid_t)(lock & 0x3fffffff);
}

/*
 * glibc has a thread's tid 16 bytes before its robust list; pthread_join waits there until the
 * kernel clears it.
 */
static bool is_own_word(const struct thread *thread, uint64_t word)
{
	const uint64_t distance = 16;

	return thread->robust_head && thread->robust_head - word == distance;
}

static void take_holder(struct wait *wait, enum wait_holder how, const struct reg_threadproc *tp,
                        pid_t tid)
{
	wait->how = how;
	wait->holder = tp;
	wait->holder_tid = tid;
}

static void find_holder(const struct target *target, pid_t waiter, struct wait *wait)
{
	const struct reg_threadproc *tp;
	const struct thread *thread;
	uint32_t words[6];
	struct err err;
	pid_t tid;

	if (!target->mem || mem_read(target->mem, wait->word, words, sizeof(words), &err))
		return;
	thread = find_thread(target, (pid_t)wait->value, &tp);
	if (thread && is_own_word(thread, wait->word)) {
		take_holder(wait, HOLDER_JOIN, tp, thread->tid);
		return;
	}
	tid = glibc_holder(words);
	if (!find_thread(target, tid, &tp))
		tid = musl_holder(wait->value);
	if (tid != waiter && find_thread(target, tid, &tp))
		take_holder(wait, HOLDER_MUTEX, tp, tid);
}

static bool is_wait(uint64_t op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return true;
	default:
		return false;
	}
}

static void find_futex(const struct target *target, const struct thread_info *info,
                       struct wait *wait)
{
	struct err err;

	if (!is_wait(info->place.args[1]))
		return;
	wait->kind = WAIT_FUTEX;
	wait->word = info->place.args[0];
	wait->has_value = target->mem && !mem_read(target->mem, wait->word, &wait->value,
	                                           sizeof(wait->value), &err);
	if (wait->has_value)
		find_holder(target, info->tid, wait);
}

void wait_find(const struct target *target, const struct thread_info *info, struct wait *ret_wait)
{
	struct wait wait = {.fd = -1};

	if (info->place.at == THREAD_IN_CALL) {
		wait.kind = WAIT_CALL;
		wait.number = info->place.number;
		if (wait.number == SYS_futex) {
			find_futex(target, info, &wait);
		} else if (is_fd_call(wait.number)) {
			wait.kind = WAIT_FD;
			wait.fd = (int)info->place.args[0];
		}
	}
	*ret_wait = wait;
}
