/* In-space code that notes signal handlers, hosted; the kernel's part is the real one. */
#include "loader/agent/inspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/signal.h>

#define PAGE 4096

static char page[PAGE] __attribute__((aligned(PAGE)));
static struct slot slot;

void crash_hide(const struct slot *s, const struct arch_call *call)
{
	/* tests/integration/test_crashes.py */
}

bool report_is_live(const struct slot *s)
{
	return ((const struct tp_self *)s->self)->magic == TP_SELF_MAGIC;
}

static struct tp_self *self(void)
{
	return (struct tp_self *)page;
}

static const struct tp_handler *noted(int number)
{
	return (const struct tp_handler *)(page + TP_HANDLERS_OFFSET) + (number - 1);
}

static int setup(void **state)
{
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = 0;
	slot.self = (uint64_t)page;
	self()->magic = TP_SELF_MAGIC;
	self()->pid = (int32_t)sys0(__NR_getpid);
	return 0;
}

static long set(unsigned long number, const struct kernel_sigaction *action)
{
	const struct arch_call call = {
		.nr = __NR_rt_sigaction,
		.arg = {number, (unsigned long)action, 0, ARCH_SIGSET_SIZE},
	};

	return sigaction_set(&slot, &call);
}

static const struct kernel_sigaction handler = {.handler = 0x123456, .flags = SA_SIGINFO};
static const struct kernel_sigaction by_default = {.handler = 0};

static void test_noted(void **state)
{
	assert_int_equal(set(SIGUSR1, &handler), 0);
	assert_int_equal(noted(SIGUSR1)->handler, 0x123456);
	assert_int_equal(noted(SIGUSR1)->flags, SA_SIGINFO);
	assert_int_equal(noted(SIGUSR2)->handler, 0);
	assert_int_equal(set(SIGUSR1, &by_default), 0);
	assert_int_equal(noted(SIGUSR1)->handler, 0);
	assert_int_equal(set(64, &handler), 0);
	assert_int_equal(noted(64)->handler, 0x123456);
	assert_int_equal(set(64, &by_default), 0);
}

/* Failures, questions, and numbers that are none leave nothing behind. */
static void test_not_noted(void **state)
{
	char before[PAGE];

	__builtin_memcpy(before, page, PAGE);
	assert_int_equal(set(SIGKILL, &handler), -EINVAL);
	assert_int_equal(set(0, &handler), -EINVAL);
	assert_int_equal(set(65, &handler), -EINVAL);
	assert_int_equal(set(UINT64_MAX, &handler), -EINVAL);
	assert_int_equal(set(SIGUSR1, NULL), 0);
	assert_int_equal(set(SIGUSR1, (const struct kernel_sigaction *)8), -EFAULT);
	assert_memory_equal(page, before, PAGE);
}

/* A child that shares the memory has another pid; a forked one has no page. */
static void test_children(void **state)
{
	self()->pid++;
	assert_int_equal(set(SIGUSR1, &handler), 0);
	assert_int_equal(noted(SIGUSR1)->handler, 0);
	self()->pid--;
	self()->magic = 0;
	assert_int_equal(set(SIGUSR1, &handler), 0);
	assert_int_equal(noted(SIGUSR1)->handler, 0);
	assert_int_equal(set(SIGUSR1, &by_default), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_noted),
		TEST(test_not_noted),
		TEST(test_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
