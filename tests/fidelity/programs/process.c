/* Making processes, and what they get of each other. */
#include "verbs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int variable = 1;

static void show_end(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status))
		printf("child: status %d\n", WEXITSTATUS(status));
	else
		printf("child: signal %d\n", WTERMSIG(status));
	fflush(stdout);
}

static int forks(int argc, char **argv)
{
	pid_t parent = getpid();
	pid_t child = fork();
	int ends[2];
	char byte;

	CHECK(child >= 0);
	if (child == 0) {
		variable = 2;
		_exit(getppid() == parent && getpid() != parent ? 7 : 8);
	}
	show_end(child);
	CHECK(variable == 1 && !pipe(ends));
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? byte : 99);
	}
	CHECK(write(ends[1], "\x05", 1) == 1);
	show_end(child);
	child = fork();
	if (child == 0)
		raise(SIGUSR1);
	show_end(child);
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	return 0;
}

static int many_forks(int argc, char **argv)
{
	int sum = 0;

	for (int i = 0; i < 100; i++) {
		if (fork() == 0) {
			char *block = malloc(100000);

			memset(block, i, 100000);
			_exit(block[99999] == (char)i ? i % 10 : 200);
		}
	}
	for (int status; wait(&status) > 0;)
		sum += WEXITSTATUS(status);
	printf("sum %d\n", sum);
	return 0;
}

static int vforks(int argc, char **argv)
{
	volatile int seen = 0;
	pid_t child = vfork();

	CHECK(child >= 0);
	if (child == 0) {
		seen = 5;
		execl("/bin/sh", "sh", "-c", "exit 4", NULL);
		_exit(99);
	}
	show_end(child);
	printf("seen %d\n", seen);
	return 0;
}

static int spawns(int argc, char **argv)
{
	char *words[] = {"sh", "-c", "echo \"from $0\"; exit 3", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	pid_t child;

	sigemptyset(&set);
	CHECK(!posix_spawn_file_actions_init(&actions) && !posix_spawnattr_init(&attributes));
	CHECK(!posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0));
	CHECK(!posix_spawnattr_setsigmask(&attributes, &set));
	CHECK(!posix_spawnattr_setflags(&attributes,
	                                POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
	CHECK(!posix_spawnp(&child, "sh", &actions, &attributes, words, environ));
	show_end(child);
	printf("missing %d\n", posix_spawn(&child, "/nonexistent", NULL, NULL, words, environ));
	return 0;
}

static int runs(int argc, char **argv)
{
	char line[64] = "";
	FILE *pipe_file;

	printf("system %d\n", system("exit 6") >> 8);
	pipe_file = popen("echo piped; exit 2", "r");
	CHECK(pipe_file && fgets(line, sizeof(line), pipe_file));
	printf("popen %s", line);
	printf("pclose %d\n", pclose(pipe_file) >> 8);
	fflush(stdout);
	pipe_file = popen("tr a-z A-Z", "w");
	CHECK(pipe_file && fputs("upper\n", pipe_file) > 0);
	return pclose(pipe_file);
}

/* Stays as a daemon until somebody opens the FIFO argv[1] to write. */
static int daemonizes(int argc, char **argv)
{
	CHECK(!daemon(0, 0));
	prctl(PR_SET_NAME, "fid-daemon");
	return open(argv[1], O_RDONLY) < 0;
}

/* Says so at the pipe when the grandchild lives on its own. */
static int double_fork(int argc, char **argv)
{
	int ends[2];
	char byte = 0;

	CHECK(!pipe(ends));
	if (fork() == 0) {
		pid_t middle = getpid();

		if (fork() == 0) {
			while (getppid() == middle)
				sched_yield();
			CHECK(setsid() == getpid());
			_exit(write(ends[1], "x", 1) != 1);
		}
		_exit(0);
	}
	close(ends[1]);
	CHECK(wait(NULL) > 0 && read(ends[0], &byte, 1) == 1 && byte == 'x');
	puts("ok");
	return 0;
}

static int session(int argc, char **argv)
{
	pid_t child = fork();

	if (child == 0) {
		CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
		CHECK(setpgid(0, 0) < 0 && errno == EPERM);
		_exit(0);
	}
	show_end(child);
	printf("group %d\n", setpgid(0, 0) || getpgrp() != getpid());
	return 0;
}

static int cloned(void *arg)
{
	*(int *)arg = 9;
	return 11;
}

static int clones(int argc, char **argv)
{
	size_t size = 256 * 1024;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int seen = 0;

	CHECK(stack != MAP_FAILED);
	show_end(clone(cloned, stack + size, CLONE_VM | CLONE_FILES | SIGCHLD, &seen));
	printf("shared %d\n", seen);
	seen = 0;
	show_end(clone(cloned, stack + size, SIGCHLD, &seen));
	printf("copied %d\n", seen);
	show_end(clone(cloned, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, &seen));
	printf("vforked %d\n", seen);
	return 0;
}

/* The child is sent a signal when its parent ends; argv[1]: which one. */
static int deathsig(int argc, char **argv)
{
	int ends[2];
	char byte;

	CHECK(!pipe(ends));
	if (fork() == 0) {
		pid_t child = fork();

		if (child == 0) {
			int signo = 0;

			CHECK(!prctl(PR_SET_PDEATHSIG, atoi(argv[1])));
			CHECK(!prctl(PR_GET_PDEATHSIG, &signo) && signo == atoi(argv[1]));
			CHECK(write(ends[1], "x", 1) == 1);
			for (;;)
				pause();
		}
		CHECK(read(ends[0], &byte, 1) == 1);
		_exit(0);
	}
	close(ends[1]);
	CHECK(wait(NULL) > 0);
	/* all writers are gone once the grandchild is */
	printf("end %d\n", (int)read(ends[0], &byte, 1));
	return 0;
}

/* The signal at the end of its own parent, as it was found and as it is set. */
static int own_deathsig(int argc, char **argv)
{
	int signo = -1;

	CHECK(!prctl(PR_GET_PDEATHSIG, &signo));
	printf("found %d\n", signo);
	if (argc > 1) {
		CHECK(!prctl(PR_SET_PDEATHSIG, atoi(argv[1])));
		CHECK(!prctl(PR_GET_PDEATHSIG, &signo));
		printf("set %d\n", signo);
	}
	printf("invalid %d", prctl(PR_SET_PDEATHSIG, 1000));
	printf(" %d\n", errno);
	fflush(stdout);
	if (argc > 2)
		pause();
	return 0;
}

static int parent(int argc, char **argv)
{
	printf("%d\n", getppid());
	return 0;
}

/* Until a limit ends it. */
static int spins(int argc, char **argv)
{
	for (volatile int i = 0;; i++)
		;
	return 0;
}

static int reaps(int argc, char **argv)
{
	pid_t reader = getpid();

	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	if (fork() == 0) {
		if (fork() == 0) {
			while (getppid() != reader)
				sched_yield();
			_exit(5);
		}
		_exit(4);
	}
	for (int status, i = 0; i < 2; i++) {
		CHECK(wait(&status) > 0);
		printf("reaped %d\n", WEXITSTATUS(status));
	}
	return 0;
}

static int usage(int argc, char **argv)
{
	struct rusage usage;
	pid_t child = fork();

	if (child == 0) {
		for (volatile long i = 0; i < 30000000; i++)
			;
		_exit(0);
	}
	CHECK(wait4(child, NULL, 0, &usage) == child);
	printf("child's time %d\n", usage.ru_utime.tv_sec > 0 || usage.ru_utime.tv_usec > 1000);
	CHECK(!getrusage(RUSAGE_SELF, &usage));
	printf("own time %d\n", usage.ru_utime.tv_sec == 0);
	return 0;
}

static int waits(int argc, char **argv)
{
	siginfo_t info;
	int ends[2];
	pid_t child;
	char byte;
	int fd;

	CHECK(!pipe(ends));
	child = fork();
	if (child == 0) {
		raise(SIGSTOP);
		_exit(read(ends[0], &byte, 1) == 1 ? 3 : 4);
	}
	CHECK(!waitid(P_PID, (id_t)child, &info, WSTOPPED) && info.si_code == CLD_STOPPED);
	CHECK(!kill(child, SIGCONT));
	CHECK(!waitid(P_PID, (id_t)child, &info, WCONTINUED) && info.si_code == CLD_CONTINUED);
	CHECK(write(ends[1], "x", 1) == 1);
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	CHECK(fd >= 0 && !waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
	printf("exited %d %d\n", info.si_code == CLD_EXITED, info.si_status);
	return 0;
}

static const struct verb verbs[] = {
	{"fork", forks},
	{"many-forks", many_forks},
	{"vfork", vforks},
	{"spawn", spawns},
	{"run", runs},
	{"daemon", daemonizes},
	{"double-fork", double_fork},
	{"session", session},
	{"clone", clones},
	{"deathsig", deathsig},
	{"own-deathsig", own_deathsig},
	{"parent", parent},
	{"spin", spins},
	{"reap", reaps},
	{"usage", usage},
	{"wait", waits},
};

VERBS_MAIN(verbs)
