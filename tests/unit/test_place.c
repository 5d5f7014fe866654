/*
 * Where mappings go in a slot: the in-space code itself, hosted, over addresses of the test's
 * own.  It makes real system calls, so that the kernel says whether something was in the way.
 */
#include "loader/agent/inspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define HUGE_PAGE (2 * MIB)
/* Far from what the kernel places, and beyond a sanitizer's shadow. */
#define RANGE_LO UINT64_C(0x200000000000)
#define BRK_LO (RANGE_LO + 4 * GIB)
#define BRK_HI (BRK_LO + 16 * MIB)
#define CLAIMS_LO UINT64_C(0x280000000000)
#define CLAIMS_HI UINT64_C(0x300000000000)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct slot slot;

/* ---- the server's part ---------------------------------------------------------------- */

static struct {
	bool granted;
	uint32_t asked; /* of the last claim */
	int calls;
	uint64_t next;
	int together; /* so many claims are answered at the same moment */
} claims;

/* Until as many have come; a futex would wake them one after the other. */
static void wait_for_the_others(void)
{
	while (__atomic_load_n(&claims.calls, __ATOMIC_ACQUIRE) < claims.together)
		;
}

uint64_t report_claim(struct slot *of, uint32_t granules, uint32_t *ret_granules)
{
	uint64_t size = (uint64_t)granules << TP_GRANULE_SHIFT;
	uint64_t addr;

	__atomic_store_n(&claims.asked, granules, __ATOMIC_RELAXED);
	/* As a program's next neighbour would, one granule lies between two claims. */
	addr = __atomic_fetch_add(&claims.next, size + TP_GRANULE_SIZE, __ATOMIC_RELAXED);
	__atomic_fetch_add(&claims.calls, 1, __ATOMIC_RELEASE);
	wait_for_the_others();
	if (!claims.granted || addr + size > CLAIMS_HI)
		return 0;
	*ret_granules = granules;
	return addr;
}

/* ---- a slot -------------------------------------------------------------------------------- */

static void make_slot(uint64_t size)
{
	memset(&slot, 0, sizeof(slot));
	slot.lo = RANGE_LO;
	slot.hi = RANGE_LO + size;
	slot.range_count = 1;
	slot.ranges[0] = (struct slot_range){RANGE_LO, RANGE_LO + size, RANGE_LO};
	slot.brk_lo = slot.brk_now = slot.brk_mapped = BRK_LO;
	slot.brk_hi = BRK_HI;
}

static int setup(void **state)
{
	make_slot(GIB);
	memset(&claims, 0, sizeof(claims));
	claims.next = CLAIMS_LO;
	return 0;
}

static int teardown(void **state)
{
	return munmap((void *)RANGE_LO, CLAIMS_HI - RANGE_LO);
}

static bool is_mapped(uint64_t addr)
{
	unsigned char in_core;

	return mincore((void *)addr, PAGE, &in_core) == 0;
}

/* Anonymous memory of that many pages; fails the test when it lies outside of the slot. */
static uint64_t map(uint64_t pages)
{
	long addr = place_map(&slot, 0, pages * PAGE, RW, ANON, -1, 0);

	assert_false(sys_failed(addr));
	assert_true(place_owns(&slot, (uint64_t)addr, pages * PAGE));
	assert_true(is_mapped((uint64_t)addr));
	return (uint64_t)addr;
}

static void unmap(uint64_t addr, uint64_t pages)
{
	assert_int_equal(munmap((void *)addr, pages * PAGE), 0);
	place_release(&slot, addr, pages * PAGE);
}

/* Something that the slot's own code did not put there. */
static void put_in_the_way(uint64_t addr, uint64_t pages)
{
	void *got = mmap((void *)addr, pages * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);

	assert_int_equal((uint64_t)got, addr);
	*(uint64_t *)got = 0x1234;
}

static unsigned hole_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SLOT_HOLES; i++)
		count += slot.holes[i] != 0;
	return count;
}

static void test_owns(void **state)
{
	assert_true(place_owns(&slot, RANGE_LO, GIB));
	assert_true(place_owns(&slot, RANGE_LO + GIB - PAGE, PAGE));
	assert_false(place_owns(&slot, RANGE_LO + GIB - PAGE, PAGE + 1));
	assert_false(place_owns(&slot, RANGE_LO - 1, PAGE));
	assert_false(place_owns(&slot, RANGE_LO + PAGE, UINT64_MAX));
	assert_false(place_owns(&slot, UINT64_MAX, PAGE));
	slot.ranges[1] = (struct slot_range){CLAIMS_LO, CLAIMS_LO + MIB, CLAIMS_LO};
	assert_false(place_owns(&slot, CLAIMS_LO, PAGE));
	slot.range_count = 2;
	assert_true(place_owns(&slot, CLAIMS_LO, MIB));
	assert_false(place_owns(&slot, CLAIMS_LO, MIB + 1));
}

static void test_maps_one_after_the_other(void **state)
{
	assert_int_equal(map(1), RANGE_LO);
	assert_int_equal(map(3), RANGE_LO + PAGE);
	assert_int_equal(map(1), RANGE_LO + 4 * PAGE);
	assert_int_equal(slot.escapes, 0);
}

static void test_length_is_rounded_up(void **state)
{
	assert_int_equal(place_map(&slot, 0, 1, RW, ANON, -1, 0), RANGE_LO);
	assert_int_equal(place_map(&slot, 0, PAGE + 1, RW, ANON, -1, 0), RANGE_LO + PAGE);
	assert_int_equal(map(1), RANGE_LO + 3 * PAGE);
}

static void test_passes_everything_on(void **state)
{
	int fd = memfd_create("place", MFD_CLOEXEC);
	long addr;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 3 * (off_t)PAGE), 0);
	assert_int_equal(pwrite(fd, "here", 5, (off_t)PAGE), 5);
	addr = place_map(&slot, 0, PAGE, PROT_READ, MAP_SHARED, fd, (long)PAGE);
	assert_false(sys_failed(addr));
	assert_string_equal((const char *)addr, "here");
	close(fd);
}

/* ---- holes ------------------------------------------------------------------------------ */

static void test_reuses_what_was_unmapped(void **state)
{
	uint64_t a = map(4);

	map(1);
	unmap(a, 4);
	assert_int_equal(map(4), a);
	assert_int_equal(hole_count(), 0);
}

static void test_takes_part_of_a_hole(void **state)
{
	uint64_t a = map(4);

	map(1);
	unmap(a, 4);
	assert_int_equal(map(1), a + 3 * PAGE);
	assert_int_equal(map(2), a + PAGE);
	assert_int_equal(map(1), a);
	assert_int_equal(hole_count(), 0);
	assert_int_equal(map(1), a + 5 * PAGE);
}

/* In every order, three neighbours become one hole. */
static void test_holes_coalesce(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
	                                {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		uint64_t part[3] = {map(2), map(3), map(1)};
		static const uint64_t pages[3] = {2, 3, 1};

		assert_int_equal(part[2], part[0] + 5 * PAGE);
		map(1);
		for (int k = 0; k < 3; k++)
			unmap(part[orders[i][k]], pages[orders[i][k]]);
		assert_int_equal(hole_count(), 1);
		assert_int_equal(map(6), part[0]);
		assert_int_equal(hole_count(), 0);
	}
}

static void test_hole_that_somebody_took(void **state)
{
	uint64_t a = map(4);
	uint64_t b;

	map(1);
	unmap(a, 4);
	put_in_the_way(a, 4);
	b = map(4);
	assert_true(b >= a + 5 * PAGE);
	assert_int_equal(*(uint64_t *)a, 0x1234);
}

/* More holes than can be noted: the oldest are forgotten, and nothing breaks. */
static void test_more_holes_than_are_noted(void **state)
{
	uint64_t addrs[3 * SLOT_HOLES];
	uint64_t next;

	for (unsigned i = 0; i < 3 * SLOT_HOLES; i++) {
		addrs[i] = map(1);
		map(1);
	}
	for (unsigned i = 0; i < 3 * SLOT_HOLES; i++)
		unmap(addrs[i], 1);
	assert_int_equal(hole_count(), SLOT_HOLES);
	for (unsigned i = 0; i < SLOT_HOLES; i++)
		assert_true(map(1) < addrs[3 * SLOT_HOLES - 1] + PAGE);
	assert_int_equal(hole_count(), 0);
	next = map(1);
	assert_true(next > addrs[3 * SLOT_HOLES - 1]);
}

static void test_only_own_addresses_become_holes(void **state)
{
	place_release(&slot, RANGE_LO - PAGE, PAGE);
	place_release(&slot, RANGE_LO + GIB, PAGE);
	place_release(&slot, RANGE_LO, 2 * GIB);
	place_release(&slot, RANGE_LO, 0);
	place_release(&slot, RANGE_LO, UINT64_MAX);
	place_release(&slot, RANGE_LO, UINT64_MAX - PAGE + 2);
	place_release(&slot, UINT64_MAX - PAGE + 1, PAGE);
	assert_int_equal(hole_count(), 0);
}

/* The program can write the list; what is not its own is not believed. */
static void test_holes_that_were_scribbled_on(void **state)
{
	for (unsigned i = 0; i < SLOT_HOLES; i++)
		slot.holes[i] = (i % 2 ? UINT64_C(0x12345) : UINT64_C(0x7ffffffff))
		                        << SLOT_HOLE_BITS |
		                1000;
	for (unsigned i = 0; i < 2 * SLOT_HOLES; i++)
		map(1);
	assert_int_equal(slot.escapes, 0);
}

/* ---- alignment ------------------------------------------------------------------------------ */

static void test_huge_pages_are_aligned(void **state)
{
	map(1);
	assert_int_equal(map(2 * HUGE_PAGE / PAGE) % HUGE_PAGE, 0);
	map(1);
	/* Neither a stack nor what is no multiple need be. */
	assert_int_not_equal(
		place_map(&slot, 0, HUGE_PAGE, RW, ANON | MAP_STACK, -1, 0) % HUGE_PAGE, 0);
	assert_int_not_equal(map(HUGE_PAGE / PAGE + 1) % HUGE_PAGE, 0);
}

static void test_hole_is_aligned(void **state)
{
	uint64_t a = map(3 * HUGE_PAGE / PAGE + 1);
	uint64_t b;

	map(1);
	unmap(a, 3 * HUGE_PAGE / PAGE + 1);
	b = map(HUGE_PAGE / PAGE);
	assert_int_equal(b % HUGE_PAGE, 0);
	assert_true(b >= a && b + HUGE_PAGE <= a + 3 * HUGE_PAGE + PAGE);
	/* What of the hole lies below is still there. */
	assert_true(map(HUGE_PAGE / PAGE + 1) < b);
}

static void test_reserve(void **state)
{
	long addr;

	map(1);
	addr = place_reserve(&slot, 3 * PAGE, HUGE_PAGE);
	assert_int_equal(addr, RANGE_LO + HUGE_PAGE);
	assert_true(is_mapped((uint64_t)addr + 2 * PAGE));
	assert_int_equal(mprotect((void *)addr, PAGE, PROT_READ), 0);
	assert_int_equal(*(uint8_t *)addr, 0);
}

/* ---- hints ------------------------------------------------------------------------------------
 */

static void test_hints(void **state)
{
	const uint64_t hint = RANGE_LO + 512 * MIB;
	long other;

	assert_int_equal(place_map(&slot, hint, PAGE, RW, ANON, -1, 0), hint);
	*(uint64_t *)hint = 77;
	/* Taken: anywhere else. */
	other = place_map(&slot, hint, PAGE, RW, ANON, -1, 0);
	assert_false(sys_failed(other));
	assert_int_not_equal(other, hint);
	assert_int_equal(*(uint64_t *)hint, 77);
	/* Within a page: of that page. */
	assert_int_equal(place_map(&slot, hint + PAGE + 5, PAGE, RW, ANON, -1, 0), hint + PAGE);
}

static void test_hints_outside_of_the_slot(void **state)
{
	static const uint64_t hints[] = {0x10000,   RANGE_LO - PAGE, RANGE_LO + GIB,
	                                 CLAIMS_LO, UINT64_MAX,      UINT64_MAX - PAGE};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		long addr = place_map(&slot, hints[i], 2 * PAGE, RW, ANON, -1, 0);

		assert_false(sys_failed(addr));
		assert_true(place_owns(&slot, (uint64_t)addr, 2 * PAGE));
	}
	/* Half of it would lie outside. */
	assert_true(place_owns(
		&slot, (uint64_t)place_map(&slot, RANGE_LO + GIB - PAGE, 2 * PAGE, RW, ANON, -1, 0),
		2 * PAGE));
	assert_int_equal(slot.escapes, 0);
}

/* No slot is there: the kernel chooses, and it counts as an escape. */
static void test_map_32bit_is_the_kernels(void **state)
{
	long addr;

	addr = place_map(&slot, 0, PAGE, RW, ANON | MAP_32BIT, -1, 0);
	assert_true(addr > 0 && addr < 0x80000000);
	assert_int_equal(slot.escapes, 1);
	munmap((void *)addr, PAGE);
}

/* ---- full ranges -------------------------------------------------------------------------------
 */

static void test_steps_over_what_is_in_the_way(void **state)
{
	uint64_t addr;

	put_in_the_way(RANGE_LO + PAGE, 100);
	assert_int_equal(map(1), RANGE_LO);
	addr = map(1);
	assert_true(addr > RANGE_LO + 100 * PAGE);
	assert_int_equal(*(uint64_t *)(RANGE_LO + PAGE), 0x1234);
	assert_int_equal(slot.escapes, 0);
	assert_int_equal(claims.calls, 0);
}

static void test_wraps_around(void **state)
{
	make_slot(16 * PAGE);
	assert_int_equal(map(16), RANGE_LO);
	/* By somebody who does not tell. */
	munmap((void *)RANGE_LO, 4 * PAGE);
	assert_int_equal(map(4), RANGE_LO);
	assert_int_equal(claims.calls, 0);
}

static void test_exhausted_and_no_more(void **state)
{
	uint64_t addr;

	make_slot(16 * PAGE);
	map(16);
	addr = (uint64_t)place_map(&slot, 0, PAGE, RW, ANON, -1, 0);
	/* The kernel's choice, and counted. */
	assert_false(sys_failed((long)addr));
	assert_false(place_owns(&slot, addr, PAGE));
	assert_int_equal(claims.calls, 1);
	assert_int_equal(slot.escapes, 1);
	munmap((void *)addr, PAGE);
}

static void test_claims_another_run(void **state)
{
	make_slot(16 * PAGE);
	claims.granted = true;
	map(16);
	assert_int_equal(map(5), CLAIMS_LO);
	assert_int_equal(claims.asked, 1);
	assert_int_equal(slot.range_count, 2);
	assert_int_equal(slot.ranges[1].lo, CLAIMS_LO);
	assert_int_equal(slot.ranges[1].hi, CLAIMS_LO + TP_GRANULE_SIZE - SLOT_TAIL);
	/* From now on that is where there is room. */
	assert_int_equal(map(1), CLAIMS_LO + 5 * PAGE);
	assert_int_equal(claims.calls, 1);
	assert_int_equal(slot.escapes, 0);
}

static void test_claims_as_much_as_is_wanted(void **state)
{
	const uint64_t len = 3 * TP_GRANULE_SIZE;
	long addr;

	claims.granted = true;
	addr = place_map(&slot, 0, len, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	assert_false(sys_failed(addr));
	assert_true(place_owns(&slot, (uint64_t)addr, len));
	assert_int_equal(claims.asked, 4);
	/* The next one is as large as all that there is, so that few are needed. */
	map(1);
	assert_false(sys_failed(
		place_map(&slot, 0, 2 * TP_GRANULE_SIZE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0)));
	assert_true(claims.asked >= 4);
}

static void test_all_runs_used(void **state)
{
	long addr;

	make_slot(PAGE);
	claims.granted = true;
	slot.range_count = TP_RUNS;
	map(1);
	addr = place_map(&slot, 0, PAGE, RW, ANON, -1, 0);
	assert_false(sys_failed(addr));
	assert_int_equal(slot.escapes, 1);
	assert_false(place_owns(&slot, (uint64_t)addr, PAGE));
	munmap((void *)addr, PAGE);
}

/* ---- errors are the kernel's -------------------------------------------------------------------
 */

static void test_lengths_that_cannot_be(void **state)
{
	static const uint64_t lengths[] = {0, UINT64_C(1) << 47, UINT64_C(1) << 63,
	                                   UINT64_MAX - 2 * PAGE, UINT64_MAX};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		long expected = sys6(__NR_mmap, 0, lengths[i], RW, ANON, -1, 0);

		assert_true(sys_failed(expected));
		assert_int_equal(place_map(&slot, 0, lengths[i], RW, ANON, -1, 0), expected);
		assert_int_equal(place_map(&slot, RANGE_LO, lengths[i], RW, ANON, -1, 0), expected);
	}
	assert_int_equal(claims.calls, 0);
}

static void test_other_errors(void **state)
{
	assert_int_equal(place_map(&slot, 0, PAGE, RW, MAP_PRIVATE, -1, 0), -EBADF);
	assert_int_equal(place_map(&slot, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
	assert_int_equal(place_map(&slot, 0, PAGE, RW, MAP_PRIVATE, 0, 1), -EINVAL);
	assert_int_equal(claims.calls, 0);
	assert_int_equal(slot.escapes, 0);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

#define THREADS 4
#define ROUNDS 3000
#define LIVE 16

/* Whose a page is, 0: nobody's. */
static uint8_t page_owner[GIB / PAGE];

struct worker {
	pthread_t thread;
	uint32_t random;
	uint8_t number;
	const char *trouble;
};

static uint32_t next_random(struct worker *worker)
{
	worker->random = worker->random * 1664525 + 1013904223;
	return worker->random >> 8;
}

static void mark(struct worker *worker, uint64_t addr, uint64_t pages, uint8_t from, uint8_t to)
{
	for (uint64_t i = 0; i < pages; i++)
		if (__atomic_exchange_n(&page_owner[(addr - RANGE_LO) / PAGE + i], to,
		                        __ATOMIC_RELAXED) != from)
			worker->trouble = "a page belongs to two";
}

static uint64_t worker_map(struct worker *worker, uint64_t pages)
{
	long addr = place_map(&slot, 0, pages * PAGE, RW, ANON | MAP_NORESERVE, -1, 0);

	if (sys_failed(addr) || (uint64_t)addr < RANGE_LO ||
	    (uint64_t)addr + pages * PAGE > RANGE_LO + GIB) {
		worker->trouble = "a mapping lies outside";
		return 0;
	}
	mark(worker, (uint64_t)addr, pages, 0, worker->number);
	*(volatile uint8_t *)addr = worker->number;
	*(volatile uint8_t *)(addr + (long)((pages - 1) * PAGE)) = worker->number;
	return (uint64_t)addr;
}

static void worker_unmap(struct worker *worker, uint64_t addr, uint64_t pages)
{
	if (*(volatile uint8_t *)addr != worker->number ||
	    *(volatile uint8_t *)(addr + (pages - 1) * PAGE) != worker->number)
		worker->trouble = "somebody else's bytes are in it";
	mark(worker, addr, pages, worker->number, 0);
	munmap((void *)addr, pages * PAGE);
	place_release(&slot, addr, pages * PAGE);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	uint64_t addrs[LIVE] = {0};
	uint64_t pages[LIVE];

	for (int round = 0; round < ROUNDS + LIVE && !worker->trouble; round++) {
		int i = round < ROUNDS ? (int)(next_random(worker) % LIVE) : round - ROUNDS;

		if (addrs[i])
			worker_unmap(worker, addrs[i], pages[i]);
		addrs[i] = 0;
		if (round >= ROUNDS)
			continue;
		pages[i] =
			next_random(worker) % 32 ? 1 + next_random(worker) % 40 : HUGE_PAGE / PAGE;
		addrs[i] = worker_map(worker, pages[i]);
	}
	return NULL;
}

static void run_workers(struct worker *workers, int count, void *(*fn)(void *))
{
	for (int i = 0; i < count; i++) {
		workers[i].number = (uint8_t)(i + 1);
		workers[i].random = 12345u * (uint32_t)(i + 1);
		workers[i].trouble = NULL;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, fn, &workers[i]), 0);
	}
	for (int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; i < count; i++)
		if (workers[i].trouble)
			fail_msg("thread %d: %s", i, workers[i].trouble);
}

static void test_threads_map_and_unmap(void **state)
{
	struct worker workers[THREADS];

	run_workers(workers, THREADS, work);
	assert_int_equal(slot.escapes, 0);
	assert_int_equal(claims.calls, 0);
	for (size_t i = 0; i < sizeof(page_owner); i++)
		assert_int_equal(page_owner[i], 0);
}

/* Maps what only a run of its own can hold. */
static void *work_claim(void *arg)
{
	struct worker *worker = arg;
	const uint64_t len = TP_GRANULE_SIZE / 4 * 3;
	long addr = place_map(&slot, 0, len, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	if (sys_failed(addr) || !place_owns(&slot, (uint64_t)addr, len))
		worker->trouble = "a mapping lies outside";
	return NULL;
}

/* As many runs as were claimed, each of them one that was given. */
static void assert_runs(int calls)
{
	assert_int_equal(claims.calls, calls);
	assert_int_equal(slot.range_count, 1 + calls);
	for (uint32_t i = 1; i < slot.range_count; i++) {
		const struct slot_range *range = &slot.ranges[i];

		assert_true(range->lo >= CLAIMS_LO && range->lo < claims.next);
		assert_int_equal(range->lo % TP_GRANULE_SIZE, 0);
		assert_int_equal(range->hi, range->lo + TP_GRANULE_SIZE - SLOT_TAIL);
		for (uint32_t k = 1; k < i; k++)
			assert_int_not_equal(range->lo, slot.ranges[k].lo);
	}
}

/* Threads whose claims are answered at the same moment get a run each, and none is lost. */
static void test_threads_claim(void **state)
{
	struct worker workers[2];

	for (int round = 0; round < 1000; round++) {
		teardown(state);
		setup(state);
		make_slot(PAGE);
		claims.granted = true;
		claims.together = 2;
		run_workers(workers, 2, work_claim);
		assert_int_equal(slot.escapes, 0);
		assert_runs(2);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_owns),
		TEST(test_maps_one_after_the_other),
		TEST(test_length_is_rounded_up),
		TEST(test_passes_everything_on),
		TEST(test_reuses_what_was_unmapped),
		TEST(test_takes_part_of_a_hole),
		TEST(test_holes_coalesce),
		TEST(test_hole_that_somebody_took),
		TEST(test_more_holes_than_are_noted),
		TEST(test_only_own_addresses_become_holes),
		TEST(test_holes_that_were_scribbled_on),
		TEST(test_huge_pages_are_aligned),
		TEST(test_hole_is_aligned),
		TEST(test_reserve),
		TEST(test_hints),
		TEST(test_hints_outside_of_the_slot),
		TEST(test_map_32bit_is_the_kernels),
		TEST(test_steps_over_what_is_in_the_way),
		TEST(test_wraps_around),
		TEST(test_exhausted_and_no_more),
		TEST(test_claims_another_run),
		TEST(test_claims_as_much_as_is_wanted),
		TEST(test_all_runs_used),
		TEST(test_lengths_that_cannot_be),
		TEST(test_other_errors),
		TEST(test_threads_map_and_unmap),
		TEST(test_threads_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
