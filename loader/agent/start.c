/*
 * The first thing a new process of the space does, before its program: become what an
 * execve'd process would be.  It runs on the program's stack, below what the program will
 * find there, with all signals blocked; its memory is the space, its descriptors a copy
 * of the agent's.
 */
#include "start.h"

#include "signals.h"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>

#define EXIT_FAILURE_HERE 125
#define IOPRIO_WHO_PROCESS 1

struct kernel_rlimit {
	uint64_t soft;
	uint64_t hard;
};

struct kernel_sched_param {
	int32_t priority;
};

_Noreturn static void give_up(void)
{
	for (;;)
		sys1(__NR_exit_group, EXIT_FAILURE_HERE);
}

/* The server's death ends its programs. */
static void tie_to_server(const struct slot_launch *launch)
{
	sys5(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (sys0(__NR_getppid) != launch->server_pid)
		give_up();
}

/*
 * Every descriptor to its number.  The agent received them in order, so that most are
 * there already; those that are not first move out of everybody's way.
 */
static void place_fds(const struct slot_launch *launch)
{
	struct slot_fd *fds = (struct slot_fd *)launch->fds;
	int32_t beyond = 0;
	uint32_t next = 0;

	for (uint32_t i = 0; i < launch->fd_count; i++)
		if (fds[i].to >= beyond)
			beyond = fds[i].to + 1;
	for (uint32_t i = 0; i < launch->fd_count; i++) {
		if (fds[i].from == fds[i].to)
			continue;
		fds[i].from = (int32_t)sys3(__NR_fcntl, fds[i].from, F_DUPFD, beyond);
		if (fds[i].from < 0)
			give_up();
	}
	for (uint32_t i = 0; i < launch->fd_count; i++)
		if (fds[i].from != fds[i].to && sys3(__NR_dup3, fds[i].from, fds[i].to, 0) < 0)
			give_up();
	for (uint32_t i = 0; i < launch->fd_count; i++) {
		if ((uint32_t)fds[i].to > next)
			sys3(__NR_close_range, next, fds[i].to - 1, 0);
		next = (uint32_t)fds[i].to + 1;
	}
	sys3(__NR_close_range, next, ~0u, 0);
}

static void set_priorities(const struct slot_launch *launch)
{
	struct kernel_sched_param param = { launch->sched_priority };

	if (launch->flags & SLOT_SET_SCHED)
		sys3(__NR_sched_setscheduler, 0, launch->sched_policy, &param);
	if (launch->flags & SLOT_SET_NICE)
		sys3(__NR_setpriority, 0 /* PRIO_PROCESS */, 0, launch->nice);
	if (launch->flags & SLOT_SET_IOPRIO)
		sys3(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, launch->ioprio);
	if (launch->flags & SLOT_SET_AFFINITY)
		sys3(__NR_sched_setaffinity, 0, sizeof(launch->affinity), launch->affinity);
	if (launch->timer_slack_ns)
		sys5(__NR_prctl, PR_SET_TIMERSLACK, launch->timer_slack_ns, 0, 0, 0);
}

/* A hard limit above the server's takes privilege: without it, as much as there is. */
static void set_limits(const struct slot_launch *launch)
{
	for (uint32_t i = 0; i < launch->rlimit_count && i < SLOT_RLIMITS; i++) {
		struct kernel_rlimit limit = { launch->rlimits[i].soft, launch->rlimits[i].hard };
		uint32_t resource = launch->rlimits[i].resource;
		struct kernel_rlimit have;

		if (!sys4(__NR_prlimit64, 0, resource, &limit, 0) ||
		    sys4(__NR_prlimit64, 0, resource, 0, &have))
			continue;
		if (limit.hard > have.hard)
			limit.hard = have.hard;
		if (limit.soft > limit.hard)
			limit.soft = limit.hard;
		sys4(__NR_prlimit64, 0, resource, &limit, 0);
	}
}

/*
 * The server saw to it that it may do this, or that it need not be done.  The kernel takes a
 * process that changes its group for one with secrets, and its memory, everybody's here, along.
 */
static void set_groups(const struct slot_launch *launch)
{
	if (!(launch->flags & SLOT_SET_GROUPS))
		return;
	if (launch->group_count > SLOT_GROUPS ||
	    sys2(__NR_setgroups, launch->group_count, launch->groups) ||
	    sys3(__NR_setresgid, launch->gid, launch->gid, launch->gid))
		give_up();
	sys5(__NR_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Nobody gets more by way of a server than he has. */
static void set_capabilities(const struct slot_launch *launch)
{
	const struct slot_capabilities *wanted = &launch->capabilities;
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (!(launch->flags & SLOT_SET_CAPABILITIES))
		return;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(wanted->bounding >> cap & 1))
			sys5(__NR_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(wanted->effective >> 32 * half);
		data[half].permitted = (uint32_t)(wanted->permitted >> 32 * half);
		data[half].inheritable = (uint32_t)(wanted->inheritable >> 32 * half);
	}
	if (sys2(__NR_capset, &header, data))
		give_up();
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (wanted->ambient >> cap & 1)
			sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

static void ignore_signals(uint64_t set)
{
	const struct kernel_sigaction ignore = { .handler = (uint64_t)SIG_IGN };

	for (int sig = 1; set; sig++, set >>= 1)
		if (set & 1)
			sys4(__NR_rt_sigaction, sig, &ignore, 0, ARCH_SIGSET_SIZE);
}

/*
 * Whoever asked to be debugged from the first instruction on may be traced by any debugger of the
 * user's, also where the kernel permits that to parents only (Yama; elsewhere there is no such
 * call).
 */
static _Noreturn void wait_for_debugger(const struct slot_launch *launch,
                                        const struct tp_threadproc *record)
{
	sys5(__NR_prctl, PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	arch_enter_later(launch->entry, launch->sp, &record->flags, TP_THREADPROC_WAITS);
}

void start_program(void *arg)
{
	const struct tp_threadproc *record;
	struct slot *slot = arg;
	const struct slot_launch *launch = &slot->launch;
	struct tp_self *self = (struct tp_self *)slot->self;

	/* First of all: a change of the group undoes the tie. */
	set_groups(launch);
	tie_to_server(launch);
	slot->pid = (uint32_t)sys0(__NR_getpid);
	self->pid = (int32_t)slot->pid;
	if (sys2(__NR_setpgid, 0, launch->pgid) && launch->pgid)
		sys2(__NR_setpgid, 0, 0);
	if (launch->cwd_from >= 0 && sys1(__NR_fchdir, launch->cwd_from))
		give_up();
	place_fds(launch);
	set_capabilities(launch);
	sys1(__NR_umask, launch->umask_bits);
	set_priorities(launch);
	set_limits(launch);
	if (launch->flags & SLOT_SET_PERSONALITY)
		sys1(__NR_personality, launch->personality);
	if (launch->flags & SLOT_NO_NEW_PRIVS)
		sys5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sys5(__NR_prctl, PR_SET_NAME, launch->comm, 0, 0, 0);
	ignore_signals(launch->sig_ignored);
	crash_install(slot, launch->sig_ignored);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &launch->sig_blocked, 0, ARCH_SIGSET_SIZE);
	record = report_record(slot->index);
	if (record && (record->flags & TP_THREADPROC_WAITS))
		wait_for_debugger(launch, record);
	arch_enter(launch->entry, launch->sp);
}
