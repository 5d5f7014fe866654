#include "loader/client/caller.h"

#include "lib/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNALS 64
#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h */
#define PERSONALITY_QUERY 0xffffffffu

_Static_assert(RLIM_NLIMITS == WIRE_RLIMITS, "every resource limit has its place");

/* The kernel's struct sigaction; libc's calls hide signals 32 and 33. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int kernel_sigaction(int signo, const struct kernel_sigaction *act,
                            struct kernel_sigaction *old)
{
	return (int)syscall(SYS_rt_sigaction, signo, act, old, sizeof(act->mask));
}

static uint64_t swap_blocked(uint64_t blocked)
{
	uint64_t old = 0;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &old, sizeof(old));
	return old;
}

void caller_set_blocked(uint64_t blocked)
{
	swap_blocked(blocked);
}

void caller_block_signals(struct caller_signals *ret_signals)
{
	ret_signals->blocked = swap_blocked(UINT64_MAX);
	ret_signals->ignored = 0;
	for (int signo = 1; signo <= SIGNALS; signo++) {
		struct kernel_sigaction old;

		if (!kernel_sigaction(signo, NULL, &old) && old.handler == SIG_IGN)
			ret_signals->ignored |= UINT64_C(1) << (signo - 1);
	}
}

uint64_t caller_catchable_signals(void)
{
	return ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1));
}

void caller_set_default(int signo)
{
	const struct kernel_sigaction act = {.handler = SIG_DFL};

	kernel_sigaction(signo, &act, NULL);
}

void caller_reset_signals(void)
{
	for (int signo = 1; signo <= SIGNALS; signo++)
		caller_set_default(signo);
	swap_blocked(0);
}

/* Raw calls: musl declines to offer these, since POSIX means processes and Linux threads. */
static void describe_scheduling(struct wire_launch *launch)
{
	struct sched_param param = {0};
	int policy = (int)syscall(SYS_sched_getscheduler, 0);
	long ioprio = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	/* deadlines and BPF schedulers are not passed on: the default policy stands for them */
	if (policy >= 0 && (policy & ~SCHED_RESET_ON_FORK) <= SCHED_IDLE &&
	    !syscall(SYS_sched_getparam, 0, &param)) {
		launch->sched_policy = policy;
		launch->sched_priority = param.sched_priority;
	}
	launch->nice = getpriority(PRIO_PROCESS, 0);
	if (ioprio >= 0) {
		launch->ioprio = (uint32_t)ioprio;
		launch->flags |= WIRE_HAS_IOPRIO;
	}
	/* fails where the machine has more CPUs than the message has bits */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(launch->affinity), launch->affinity) > 0)
		launch->flags |= WIRE_HAS_AFFINITY;
}

/* True when a standard descriptor is this process's controlling terminal. */
static bool has_terminal(pid_t session)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		pid_t its = 0;

		if (!ioctl(fd, TIOCGSID, &its) && its == session)
			return true;
	}
	return false;
}

static void describe_limits(struct wire_launch *launch)
{
	for (int i = 0; i < WIRE_RLIMITS; i++) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

		getrlimit(i, &limit);
		launch->rlimits[i] = (struct wire_rlimit){limit.rlim_cur, limit.rlim_max};
	}
}

void caller_describe(struct wire_launch *launch)
{
	int slack = prctl(PR_GET_TIMERSLACK);
	mode_t mask = umask(0);
	int signo = 0;

	umask(mask);
	launch->umask_bits = mask;
	launch->pgid = getpgrp();
	launch->sid = getsid(0);
	launch->personality = (uint32_t)personality(PERSONALITY_QUERY);
	launch->timer_slack_ns = slack > 0 ? (uint64_t)slack : 0;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		launch->flags |= WIRE_NO_NEW_PRIVS;
	if (has_terminal(launch->sid))
		launch->flags |= WIRE_HAS_TERMINAL;
	if (!prctl(PR_GET_PDEATHSIG, &signo, 0, 0, 0) && signo > 0)
		launch->death_signal = (uint32_t)signo;
	describe_scheduling(launch);
	describe_limits(launch);
}

int caller_open_cwd(int *ret_fd, struct err *err)
{
	/* the link leads to the directory without a search of it, should that be forbidden */
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fd = open("/proc/self/cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open the working directory");
	*ret_fd = fd;
	return 0;
}

static int append(struct descriptors *descriptors, unsigned *capacity, int fd, struct err *err)
{
	if (descriptors->count == WIRE_MAX_FDS)
		return err_set(err, ERR_LIMIT, "more than %d descriptors are open", WIRE_MAX_FDS);
	if (descriptors->count == *capacity) {
		unsigned wanted = *capacity ? *capacity * 2 : 64;
		int *grown = reallocarray(descriptors->fds, wanted, sizeof(*grown));

		if (!grown)
			return err_os(err, ENOMEM, "list of descriptors");
		descriptors->fds = grown;
		*capacity = wanted;
	}
	descriptors->fds[descriptors->count++] = fd;
	return 0;
}

static int list(struct descriptors *descriptors, DIR *dir, struct err *err)
{
	const struct dirent *entry;
	unsigned capacity = 0;

	while (errno = 0, (entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		if (append(descriptors, &capacity, fd, err))
			return -1;
	}
	return errno ? err_os(err, errno, "cannot read /proc/self/fd") : 0;
}

static int fill_standard_holes(struct err *err)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return err_os(err, errno, "cannot open /dev/null");
	close(fd);
	return 0;
}

int descriptors_init(struct descriptors *descriptors, struct err *err)
{
	DIR *dir = opendir("/proc/self/fd");
	int result;
	int number;

	*descriptors = (struct descriptors){0};
	if (!dir)
		return err_os(err, errno, "cannot open /proc/self/fd");
	number = dirfd(dir);
	result = list(descriptors, dir, err);
	closedir(dir);
	/* a new descriptor gets the lowest free number: that of dir tells whether one is free */
	if (!result && number <= STDERR_FILENO)
		result = fill_standard_holes(err);
	if (result)
		descriptors_deinit(descriptors);
	return result;
}

void descriptors_deinit(struct descriptors *descriptors)
{
	free(descriptors->fds);
	*descriptors = (struct descriptors){0};
}
