/* Which signals came to the whole process group.  Everything happens in a child, a group leader. */
#include "loader/client/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Runs a part that says whether all was as it should be; it has a group of its own. */
static void run(bool (*part)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		sigset_t all;

		setpgid(0, 0);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		_exit(part() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What the program reads of its own signals; it is asked about afterwards. */
static void read_own(int signo)
{
	const struct timespec none = {0, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
}

static bool tells_apart(void)
{
	struct witness witness;
	bool right;

	witness_open(&witness);
	kill(getpid(), SIGUSR1);
	kill(0, SIGTERM);
	kill(0, SIGRTMIN + 3);
	witness_ask(&witness);
	right = witness.pid && !witness_take(&witness, SIGUSR1) &&
	        witness_take(&witness, SIGTERM) && witness_take(&witness, SIGRTMIN + 3);
	/* and forgets them */
	witness_ask(&witness);
	right = right && !witness_take(&witness, SIGTERM);
	kill(0, SIGUSR2);
	witness_ask(&witness);
	right = right && witness_take(&witness, SIGUSR2) && !witness_take(&witness, SIGUSR2);
	witness_close(&witness);
	return right && !witness.pid && waitpid(-1, NULL, 0) < 0;
}

/* Of queued signals each is told, those included that came after some were read. */
static bool counts(void)
{
	struct witness witness;
	int taken = 0;

	witness_open(&witness);
	for (int i = 0; i < 1000; i++) {
		kill(0, SIGRTMIN + 3);
		if (i % 10 == 0)
			witness_ask(&witness);
	}
	witness_settle(&witness);
	witness_ask(&witness);
	while (witness_take(&witness, SIGRTMIN + 3))
		taken++;
	witness_close(&witness);
	return taken == 1000;
}

/* What is not pending here any more was made one with what was read, or taken back. */
static bool settles(void)
{
	struct witness witness;
	bool right;

	witness_open(&witness);
	kill(0, SIGUSR1);
	witness_ask(&witness);
	kill(0, SIGUSR1);
	kill(0, SIGRTMIN);
	witness_ask(&witness);
	/* two came, of which one is pending here */
	witness_settle(&witness);
	right = witness_take(&witness, SIGUSR1) && !witness_take(&witness, SIGUSR1);
	read_own(SIGRTMIN);
	witness_settle(&witness);
	right = right && !witness_take(&witness, SIGRTMIN);
	witness_close(&witness);
	return right;
}

/* Whoever continues this process alone does not continue the witness. */
static bool stopped(void)
{
	struct witness witness;
	siginfo_t info;
	bool right;

	witness_open(&witness);
	kill(0, SIGTERM);
	kill(witness.pid, SIGSTOP);
	right = !waitid(P_PID, (id_t)witness.pid, &info, WSTOPPED);
	witness_ask(&witness);
	right = right && witness_take(&witness, SIGTERM) && !witness_take(&witness, SIGCONT);
	witness_close(&witness);
	return right;
}

static bool was_killed(void)
{
	struct witness witness;
	pid_t first;
	bool right;

	witness_open(&witness);
	first = witness.pid;
	kill(first, SIGKILL);
	right = waitpid(first, NULL, 0) == first;
	witness_ask(&witness);
	right = right && witness.pid && witness.pid != first;
	kill(0, SIGTERM);
	witness_ask(&witness);
	right = right && witness_take(&witness, SIGTERM);
	witness_close(&witness);
	return right;
}

static bool without_one(void)
{
	struct witness witness = {0};

	kill(0, SIGTERM);
	witness_ask(&witness);
	if (witness_take(&witness, SIGTERM))
		return false;
	witness_settle(&witness);
	witness_close(&witness);
	return true;
}

/* Who reads a pipe that this process wrote to sees its end, witness or not. */
static bool keeps_nothing_open(void)
{
	struct witness witness;
	struct pollfd polled = {.events = POLLIN};
	int ends[2];
	char byte;
	bool right;

	if (pipe(ends))
		return false;
	witness_open(&witness);
	close(ends[1]);
	polled.fd = ends[0];
	right = poll(&polled, 1, 20000) == 1 && read(ends[0], &byte, 1) == 0;
	witness_close(&witness);
	return right;
}

/* It has a name of its own before it is of use: what is sent to its parent's name is not for it. */
static bool is_called_otherwise(void)
{
	struct witness witness;
	char path[64];
	char text[64] = "";
	ssize_t length = 0;

	witness_open(&witness);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)witness.pid);
	while (!memmem(text, sizeof(text), "group-witness", 13) && length >= 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	witness_close(&witness);
	return length > 0;
}

static void test_tells_apart(void **state)
{
	run(tells_apart);
}

static void test_counts(void **state)
{
	run(counts);
}

static void test_settles(void **state)
{
	run(settles);
}

static void test_stopped(void **state)
{
	run(stopped);
}

static void test_was_killed(void **state)
{
	run(was_killed);
}

static void test_without_one(void **state)
{
	run(without_one);
}

static void test_keeps_nothing_open(void **state)
{
	run(keeps_nothing_open);
}

static void test_is_called_otherwise(void **state)
{
	run(is_called_otherwise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tells_apart),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_settles),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_was_killed),
		cmocka_unit_test(test_without_one),
		cmocka_unit_test(test_keeps_nothing_open),
		cmocka_unit_test(test_is_called_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
