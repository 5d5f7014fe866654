/*
 * Whose child a program believes to be: in-space code, hosted.  The test stands for the program
 * and for its launcher, whose entry below /proc has the parent.
 */
#include "loader/agent/inspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_TOLD UINT32_MAX

static struct slot slot;
static bool live;
static uint32_t told;

/* ---- what the code under test asks of its neighbours ---------------------------------------- */

bool report_is_live(const struct slot *of)
{
	(void)of;
	return live;
}

void report_death_signal(struct slot *of)
{
	told = of->death_signal;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static long get_parent(void)
{
	struct arch_call made = {.nr = __NR_getppid};

	return parent_pid(&slot, &made);
}

static long call_prctl(unsigned long option, unsigned long value)
{
	struct arch_call made = {.nr = __NR_prctl, .arg = {option, value}};

	return parent_prctl(&slot, &made);
}

static int setup(void **state)
{
	(void)state;
	memset(&slot, 0, sizeof(slot));
	slot.pid = (uint32_t)getpid();
	slot.launcher = (uint32_t)getpid();
	live = true;
	told = NOT_TOLD;
	return 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* As many processes as it takes to tell the launcher's parent from the program's. */
static void test_the_parent_is_the_launchers(void **state)
{
	pid_t launcher = getpid();
	pid_t program = fork();
	int status;

	if (program == 0) {
		slot.pid = (uint32_t)getpid();
		_exit(getppid() != launcher || get_parent() == launcher);
	}
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(status, 0);
	assert_int_equal(get_parent(), getppid());
}

/* A process may call itself what it likes. */
static void test_names_that_look_like_the_rest(void **state)
{
	static const char *const names[] = {
		"a) S 77 (b", ")", "))))", "(", "", "a b", ") S ", "0123456789abcde", "\n) R 5\n",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_int_equal(get_parent(), getppid());
	}
}

static void test_a_launcher_that_is_not_known(void **state)
{
	/* the number of the longest name; no process has it */
	slot.launcher = UINT32_MAX;
	assert_int_equal(get_parent(), getppid());
	slot.launcher = 0;
	assert_int_equal(get_parent(), getppid());
}

/* A child of vfork shares the slot, and asks for itself. */
static void test_a_child_has_its_own_parent(void **state)
{
	pid_t parent = getpid();
	pid_t child = fork();
	int status;

	if (child == 0) {
		bool right = get_parent() == parent;

		right = right && !call_prctl(PR_SET_PDEATHSIG, SIGKILL) && told == NOT_TOLD;
		_exit(!right);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_outside_the_kernel_answers(void **state)
{
	int signo = -1;

	live = false;
	slot.launcher = 1;
	slot.death_signal = SIGTERM;
	assert_int_equal(get_parent(), getppid());
	assert_int_equal(call_prctl(PR_GET_PDEATHSIG, (unsigned long)&signo), 0);
	assert_int_equal(signo, 0);
}

static void test_signal_at_the_parents_death(void **state)
{
	int32_t signo[2] = {-1, -1};

	assert_int_equal(call_prctl(PR_SET_PDEATHSIG, 64), 0);
	assert_int_equal(told, 64);
	assert_int_equal(call_prctl(PR_GET_PDEATHSIG, (unsigned long)signo), 0);
	assert_int_equal(signo[0], 64);
	assert_int_equal(signo[1], -1);
	assert_int_equal(call_prctl(PR_SET_PDEATHSIG, 0), 0);
	assert_int_equal(told, 0);
}

static void test_what_is_no_signal(void **state)
{
	slot.death_signal = SIGTERM;
	assert_int_equal(call_prctl(PR_SET_PDEATHSIG, 65), -EINVAL);
	assert_int_equal(call_prctl(PR_SET_PDEATHSIG, 1ul << 32 | SIGTERM), -EINVAL);
	assert_int_equal(call_prctl(PR_SET_PDEATHSIG, ~0ul), -EINVAL);
	assert_int_equal(slot.death_signal, SIGTERM);
	assert_int_equal(told, NOT_TOLD);
	assert_int_equal(call_prctl(PR_GET_PDEATHSIG, 0), -EFAULT);
	assert_int_equal(call_prctl(PR_GET_PDEATHSIG, ~7ul), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_parent_is_the_launchers, setup),
		cmocka_unit_test_setup(test_names_that_look_like_the_rest, setup),
		cmocka_unit_test_setup(test_a_launcher_that_is_not_known, setup),
		cmocka_unit_test_setup(test_a_child_has_its_own_parent, setup),
		cmocka_unit_test_setup(test_outside_the_kernel_answers, setup),
		cmocka_unit_test_setup(test_signal_at_the_parents_death, setup),
		cmocka_unit_test_setup(test_what_is_no_signal, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
