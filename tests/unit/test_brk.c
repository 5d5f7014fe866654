/* Each program's own break, and what it waits on: the in-space code, hosted. */
#include "loader/agent/inspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define LO UINT64_C(0x200000000000)
#define SIZE (UINT64_C(16) << 20)
#define HI (LO + SIZE)

static struct slot slot;

static int setup(void **state)
{
	memset(&slot, 0, sizeof(slot));
	slot.brk_lo = slot.brk_now = slot.brk_mapped = LO;
	slot.brk_hi = HI;
	return 0;
}

static int teardown(void **state)
{
	return munmap((void *)LO, SIZE + PAGE);
}

static bool is_mapped(uint64_t addr)
{
	unsigned char in_core;

	return mincore((void *)addr, PAGE, &in_core) == 0;
}

static void test_asking(void **state)
{
	assert_int_equal(brk_set(&slot, 0), LO);
	assert_int_equal(brk_set(&slot, LO + 100), LO + 100);
	assert_int_equal(brk_set(&slot, 0), LO + 100);
}

static void test_grows(void **state)
{
	assert_int_equal(brk_set(&slot, LO + 1), LO + 1);
	assert_true(is_mapped(LO));
	assert_false(is_mapped(LO + PAGE));
	*(uint8_t *)LO = 7;
	assert_int_equal(brk_set(&slot, LO + PAGE), LO + PAGE);
	assert_false(is_mapped(LO + PAGE));
	assert_int_equal(brk_set(&slot, LO + 5 * PAGE + 1), LO + 5 * PAGE + 1);
	assert_true(is_mapped(LO + 5 * PAGE));
	assert_false(is_mapped(LO + 6 * PAGE));
	assert_int_equal(*(uint8_t *)LO, 7);
	assert_int_equal(*(uint8_t *)(LO + 5 * PAGE), 0);
}

/* What comes back is zero again. */
static void test_shrinks(void **state)
{
	brk_set(&slot, LO + 4 * PAGE);
	memset((void *)LO, 0xff, 4 * PAGE);
	assert_int_equal(brk_set(&slot, LO + PAGE + 1), LO + PAGE + 1);
	assert_true(is_mapped(LO + PAGE));
	assert_false(is_mapped(LO + 2 * PAGE));
	assert_int_equal(brk_set(&slot, LO + 4 * PAGE), LO + 4 * PAGE);
	assert_int_equal(*(uint8_t *)(LO + PAGE), 0xff);
	assert_int_equal(*(uint8_t *)(LO + 2 * PAGE), 0);
	assert_int_equal(brk_set(&slot, LO), LO);
	assert_false(is_mapped(LO));
}

static void test_bounds(void **state)
{
	assert_int_equal(brk_set(&slot, HI), HI);
	assert_int_equal(brk_set(&slot, HI + 1), HI);
	assert_int_equal(brk_set(&slot, UINT64_MAX), HI);
	assert_int_equal(brk_set(&slot, LO - 1), HI);
	assert_int_equal(brk_set(&slot, 1), HI);
	assert_true(is_mapped(HI - PAGE));
	assert_false(is_mapped(HI));
}

/* It stays where it was, as the kernel's does. */
static void test_something_in_the_way(void **state)
{
	const uint64_t at = LO + 3 * PAGE;
	void *got = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_int_equal((uint64_t)got, at);
	*(uint8_t *)at = 42;
	assert_int_equal(brk_set(&slot, LO + 2 * PAGE), LO + 2 * PAGE);
	assert_int_equal(brk_set(&slot, LO + 4 * PAGE), LO + 2 * PAGE);
	assert_int_equal(brk_set(&slot, LO + 3 * PAGE), LO + 3 * PAGE);
	assert_int_equal(*(uint8_t *)at, 42);
}

static void *grow(void *arg)
{
	brk_set(&slot, LO + PAGE);
	return NULL;
}

static void test_lock_is_waited_for(void **state)
{
	pthread_t thread;

	slot.brk_lock = 1;
	assert_int_equal(pthread_create(&thread, NULL, grow, NULL), 0);
	/* Whether it waits by now or not: nothing happens before the lock is free. */
	assert_int_equal(slot.brk_now, LO);
	__atomic_store_n(&slot.brk_lock, 0, __ATOMIC_RELEASE);
	futex_wake(&slot.brk_lock);
	pthread_join(thread, NULL);
	assert_int_equal(slot.brk_now, LO + PAGE);
	assert_int_equal(slot.brk_lock, 0);
}

/* A child of fork has a copy of the word, but nobody who would free it. */
static void test_reset(void **state)
{
	slot.brk_lock = 1;
	brk_reset(&slot);
	assert_int_equal(brk_set(&slot, LO + PAGE), LO + PAGE);
}

static void *move(void *arg)
{
	uint32_t random = *(uint32_t *)arg;

	for (int i = 0; i < 3000; i++) {
		random = random * 1664525 + 1013904223;
		brk_set(&slot, LO + (random >> 8) % SIZE);
	}
	return NULL;
}

static void test_threads(void **state)
{
	uint32_t seeds[4] = {1, 2, 3, 4};
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, move, &seeds[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(slot.brk_mapped, page_up(slot.brk_now));
	assert_int_equal(slot.brk_lock, 0);
	for (uint64_t at = LO; at < HI; at += PAGE)
		assert_int_equal(is_mapped(at), at < slot.brk_mapped);
}

static volatile sig_atomic_t got_signal;

static void on_signal(int sig)
{
	got_signal = sig;
}

static void test_signals_wait(void **state)
{
	uint64_t before;

	signal(SIGUSR1, on_signal);
	before = signals_block();
	assert_int_equal(before & (UINT64_C(1) << (SIGUSR1 - 1)), 0);
	raise(SIGUSR1);
	assert_int_equal(got_signal, 0);
	/* Blocking twice keeps what was blocked. */
	signals_restore(signals_block());
	assert_int_equal(got_signal, 0);
	signals_restore(before);
	assert_int_equal(got_signal, SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
}

/* Neither waits when the word has changed already, nor beyond its time. */
static void test_futex(void **state)
{
	uint32_t word = 5;

	futex_wait(&word, 4, 100000);
	futex_wait(&word, 5, 1);
	futex_wake(&word);
	assert_int_equal(word, 5);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_asking),
		TEST(test_grows),
		TEST(test_shrinks),
		TEST(test_bounds),
		TEST(test_something_in_the_way),
		TEST(test_lock_is_waited_for),
		TEST(test_reset),
		TEST(test_threads),
		TEST(test_signals_wait),
		TEST(test_futex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
