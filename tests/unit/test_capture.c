/* Threads captured as they run, sleep and are stopped: the copy is right, nothing is lost. */
#include "lib/base/err.h"
#include "lib/read/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATTERN_SIZE 4096

/* What a child tells once it is where it is to be captured. */
struct report {
	pid_t tid;
	uint64_t pattern; /* address of PATTERN_SIZE known bytes on its stack */
};

struct child {
	pid_t pid;
	int from; /* reports, then a byte for each signal it got */
	int to;   /* closed: it ends */
	struct report report;
};

static int signals_to;

static void on_signal(int number)
{
	char byte = (char)number;

	if (write(signals_to, &byte, 1) != 1)
		_exit(3);
}

static void fill(volatile unsigned char *pattern)
{
	for (size_t i = 0; i < PATTERN_SIZE; i++)
		pattern[i] = (unsigned char)(i * 7 + 1);
}

static void tell(int fd, volatile unsigned char *pattern)
{
	struct report report = {(pid_t)syscall(SYS_gettid), (uintptr_t)pattern};

	if (write(fd, &report, sizeof(report)) != sizeof(report))
		_exit(2);
}

/* What it has on its stack is really there, and not where AddressSanitizer would put it. */
#define ON_THE_STACK __attribute__((no_sanitize_address))

/* Asleep in read(2) until the pipe is closed; signals interrupt it. */
ON_THE_STACK static void child_sleeps(int to_parent, int from_parent)
{
	volatile unsigned char pattern[PATTERN_SIZE];
	char byte;

	fill(pattern);
	tell(to_parent, pattern);
	while (read(from_parent, &byte, 1) < 0 && errno == EINTR)
		;
}

ON_THE_STACK static void child_spins(int to_parent, int from_parent)
{
	volatile unsigned char pattern[PATTERN_SIZE];

	fill(pattern);
	tell(to_parent, pattern);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

struct pipes {
	int to_parent;
	int from_parent;
};

static void *thread_sleeps(void *arg)
{
	struct pipes *pipes = arg;

	child_sleeps(pipes->to_parent, pipes->from_parent);
	return NULL;
}

static void child_has_thread(int to_parent, int from_parent)
{
	struct pipes pipes = {to_parent, from_parent};
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_sleeps, &pipes))
		_exit(4);
	pthread_join(thread, NULL);
}

static struct child start(void (*run)(int, int))
{
	struct child child;
	int up[2], down[2];

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(up[0]);
		close(down[1]);
		signals_to = up[1];
		signal(SIGUSR1, on_signal);
		run(up[1], down[0]);
		_exit(0);
	}
	close(up[1]);
	close(down[0]);
	child.from = up[0];
	child.to = down[1];
	assert_int_equal(read(child.from, &child.report, sizeof(child.report)),
	                 sizeof(child.report));
	return child;
}

/* Ends by itself, when it still can. */
static void finish(struct child *child)
{
	int status;

	close(child->to);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	close(child->from);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void kill_child(struct child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	close(child->to);
	close(child->from);
}

static void check_pattern(const struct capture *capture, uint64_t addr)
{
	unsigned char bytes[PATTERN_SIZE];
	struct err err;

	assert_in_range(addr, capture->stack_lo, capture->stack_lo + capture->stack_len);
	assert_int_equal(capture_read(capture, NULL, addr, bytes, sizeof(bytes), &err), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], (unsigned char)(i * 7 + 1));
}

static void capture_child(const struct child *child, struct capture *capture)
{
	struct err err;

	if (capture_live(child->pid, child->report.tid, 0, capture, &err))
		fail_msg("%s", err.text);
	assert_int_equal(capture->tid, child->report.tid);
	assert_true(capture->frozen_ns > 0);
	check_pattern(capture, child->report.pattern);
}

static void test_sleeping(void **state)
{
	struct child child = start(child_sleeps);
	struct capture capture;

	/* more than once: it was let go of */
	for (int i = 0; i < 3; i++) {
		capture_child(&child, &capture);
		assert_false(capture.stopped);
		capture_deinit(&capture);
	}
	finish(&child);
}

static void test_running(void **state)
{
	struct child child = start(child_spins);
	struct capture capture;

	capture_child(&child, &capture);
	capture_deinit(&capture);
	kill_child(&child);
}

static void test_other_thread(void **state)
{
	struct child child = start(child_has_thread);
	struct capture capture;

	assert_int_not_equal(child.report.tid, child.pid);
	capture_child(&child, &capture);
	capture_deinit(&capture);
	finish(&child);
}

static void test_stack_is_bounded(void **state)
{
	struct child child = start(child_sleeps);
	uint64_t hi = child.report.pattern + PATTERN_SIZE;
	struct capture capture;
	struct err err;

	assert_int_equal(capture_live(child.pid, child.pid, hi, &capture, &err), 0);
	assert_int_equal(capture.stack_lo + capture.stack_len, hi);
	check_pattern(&capture, child.report.pattern);
	assert_int_equal(capture_read(&capture, NULL, hi - 4, &hi, 8, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	capture_deinit(&capture);
	finish(&child);
}

/* Signals that arrive while captures go on are all delivered, in a program that counts them. */
static void test_no_signal_is_lost(void **state)
{
	struct child child = start(child_sleeps);
	struct capture capture;

	for (int i = 0; i < 200; i++) {
		struct err err;
		char byte;

		assert_int_equal(kill(child.pid, SIGUSR1), 0);
		assert_int_equal(capture_live(child.pid, child.pid, 0, &capture, &err), 0);
		capture_deinit(&capture);
		assert_int_equal(read(child.from, &byte, 1), 1);
		assert_int_equal(byte, SIGUSR1);
	}
	finish(&child);
}

static void test_stopped_stays_stopped(void **state)
{
	struct child child = start(child_sleeps);
	struct capture capture;
	siginfo_t info = {0};
	int status;

	kill(child.pid, SIGSTOP);
	assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
	assert_true(WIFSTOPPED(status));
	for (int i = 0; i < 3; i++) {
		capture_child(&child, &capture);
		assert_true(capture.stopped);
		capture_deinit(&capture);
	}
	/* neither has it gone on nor is it told twice that it stopped */
	assert_int_equal(
		waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT),
		0);
	assert_int_equal(info.si_pid, 0);
	kill(child.pid, SIGCONT);
	assert_int_equal(waitpid(child.pid, &status, WCONTINUED), child.pid);
	assert_true(WIFCONTINUED(status));
	finish(&child);
}

static void test_traced_by_another(void **state)
{
	struct child child = start(child_sleeps);
	struct capture capture;
	struct err err;

	assert_int_equal(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL), 0);
	assert_int_equal(capture_live(child.pid, child.pid, 0, &capture, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.text, "traces it already"));
	kill_child(&child);
}

struct in_vfork {
	struct pipes pipes;
	struct report report;
};

static int tell_and_wait(void *arg)
{
	const struct in_vfork *in = arg;
	char byte;

	if (write(in->pipes.to_parent, &in->report, sizeof(in->report)) != sizeof(in->report))
		_exit(2);
	while (read(in->pipes.from_parent, &byte, 1) < 0)
		;
	return 0;
}

/* The parent in vfork(2) cannot be stopped; it is let go of, and ends when its child has. */
static void child_vforks(int to_parent, int from_parent)
{
	static char stack[16384] __attribute__((aligned(16)));
	struct in_vfork in = {{to_parent, from_parent}, {getpid(), 0}};
	pid_t pid =
		clone(tell_and_wait, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &in);

	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(5);
}

static void test_uninterruptible(void **state)
{
	struct child child = start(child_vforks);
	struct capture capture;
	struct err err;

	assert_int_equal(capture_live(child.pid, child.pid, 0, &capture, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	finish(&child);
}

static void test_gone(void **state)
{
	struct child child = start(child_sleeps);
	struct capture capture;
	struct err err;

	/* a thread of this process is none of that one */
	assert_int_equal(capture_live(child.pid, getpid(), 0, &capture, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	finish(&child);
	assert_int_equal(capture_live(child.pid, child.pid, 0, &capture, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* The part that the copy lacks comes from memory. */
static void test_read_across_the_end(void **state)
{
	uint8_t stack[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct mem_bytes run = {0x1008, (const uint8_t[8]){9, 10, 11, 12, 13, 14, 15, 16}, 8};
	const struct capture capture = {.stack = stack, .stack_lo = 0x1000, .stack_len = 8};
	const uint8_t expected[8] = {5, 6, 7, 8, 9, 10, 11, 12};
	uint8_t got[8];
	struct mem *mem;
	struct err err;

	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	assert_int_equal(capture_read(&capture, mem, 0x1004, got, 8, &err), 0);
	assert_memory_equal(got, expected, 8);
	assert_int_equal(capture_read(&capture, mem, 0xfff, got, 8, &err), -1);
	assert_int_equal(capture_read(&capture, mem, UINT64_MAX - 3, got, 8, &err), -1);
	mem_close(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleeping),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_other_thread),
		cmocka_unit_test(test_stack_is_bounded),
		cmocka_unit_test(test_no_signal_is_lost),
		cmocka_unit_test(test_stopped_stays_stopped),
		cmocka_unit_test(test_traced_by_another),
		cmocka_unit_test(test_uninterruptible),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_read_across_the_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
