/* Everything that execve keeps, one thing a line: to be compared with a run outside a space. */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void print_signals(void)
{
	sigset_t blocked;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int signo = 1; signo <= 64; signo++) {
		struct sigaction action = {0};

		sigaction(signo, NULL, &action);
		if (sigismember(&blocked, signo) == 1)
			printf("blocked %d\n", signo);
		if (action.sa_handler == SIG_IGN)
			printf("ignored %d\n", signo);
	}
}

static void print_scheduling(void)
{
	struct sched_param param = {0};
	uint64_t cpus[16] = {0};

	sched_getparam(0, &param);
	printf("policy %d priority %d nice %d ioprio %ld\n", sched_getscheduler(0),
	       param.sched_priority, getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
	syscall(SYS_sched_getaffinity, 0, sizeof(cpus), cpus);
	for (int i = 0; i < 16; i++) {
		if (cpus[i])
			printf("cpus %d %llx\n", i, (unsigned long long)cpus[i]);
	}
	printf("slack %d\n", prctl(PR_GET_TIMERSLACK));
}

int main(void)
{
	mode_t mask = umask(0);
	char *cwd = getcwd(NULL, 0);

	printf("umask %o\n", mask);
	printf("cwd %s\n", cwd ? cwd : "none");
	printf("pgrp %d sid %d\n", getpgrp(), getsid(0));
	printf("uid %d %d gid %d %d groups %d\n", getuid(), geteuid(), getgid(), getegid(),
	       getgroups(0, NULL));
	printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("personality %x\n", (unsigned)personality(0xffffffff));
	print_scheduling();
	print_signals();
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = {0};

		getrlimit(i, &limit);
		printf("limit %d %llx %llx\n", i, (unsigned long long)limit.rlim_cur,
		       (unsigned long long)limit.rlim_max);
	}
	free(cwd);
	return 0;
}
