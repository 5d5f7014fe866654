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
#include <unistd.h>

#define BIT(signo) (UINT64_C(1) << ((signo)-1))

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

static bool tells_apart(void)
{
	struct witness witness;
	bool right;

	witness_open(&witness);
	kill(getpid(), SIGUSR1);
	kill(0, SIGTERM);
	kill(0, SIGRTMIN + 3);
	right = witness.pid && witness_take(&witness) == (BIT(SIGTERM) | BIT(SIGRTMIN + 3));
	/* and forgets them */
	right = right && witness_take(&witness) == 0;
	kill(0, SIGUSR2);
	right = right && witness_take(&witness) == BIT(SIGUSR2);
	witness_close(&witness);
	return right && !witness.pid && waitpid(-1, NULL, 0) < 0;
}

static bool continues(void)
{
	struct witness witness;
	bool right;

	witness_open(&witness);
	kill(0, SIGTSTP);
	kill(0, SIGCONT);
	right = witness_take(&witness) == BIT(SIGCONT);
	witness_close(&witness);
	return right;
}

static bool without_one(void)
{
	struct witness witness = {0};

	kill(0, SIGTERM);
	if (witness_take(&witness))
		return false;
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

static void test_continues(void **state)
{
	run(continues);
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
		cmocka_unit_test(test_continues),
		cmocka_unit_test(test_without_one),
		cmocka_unit_test(test_keeps_nothing_open),
		cmocka_unit_test(test_is_called_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
