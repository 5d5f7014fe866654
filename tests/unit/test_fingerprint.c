/* What changed in memory, by fingerprints of it. */
#include "lib/read/fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define BASE UINT64_C(0x101000000000)

struct expected {
	enum difference difference;
	uint64_t lo;
	uint64_t hi;
};

struct check {
	const struct expected *expected;
	size_t count;
	size_t seen;
};

static int check_one(void *context, enum difference difference, uint64_t lo, uint64_t hi,
                     struct err *err)
{
	struct check *check = context;
	const struct expected *e = &check->expected[check->seen];

	assert_true(check->seen < check->count);
	assert_int_equal(difference, e->difference);
	assert_int_equal(lo - BASE, e->lo);
	assert_int_equal(hi - BASE, e->hi);
	check->seen++;
	return 0;
}

static struct fingerprint *make(const uint8_t *bytes, size_t pages, uint64_t at)
{
	struct fingerprint *f;
	struct err err;

	assert_int_equal(fingerprint_create(&f, &err), 0);
	assert_int_equal(fingerprint_add(f, BASE + at, bytes, pages * PAGE, &err), 0);
	assert_int_equal(fingerprint_pages(f), pages);
	return f;
}

static void check_all(const struct fingerprint *before, const struct fingerprint *after,
                      const struct expected *expected, size_t count)
{
	struct check check = {expected, count, 0};
	struct err err;

	assert_int_equal(fingerprint_compare(before, after, check_one, &check, &err), 0);
	assert_int_equal(check.seen, count);
}

static void test_changes(void **state)
{
	static const struct expected expected[] = {
		{DIFFERENCE_CHANGED, 64, 192},
		{DIFFERENCE_CHANGED, 2 * PAGE - 64, 2 * PAGE + 64},
	};
	uint8_t bytes[3 * PAGE] = {0};
	struct fingerprint *before = make(bytes, 3, 0), *after;

	check_all(before, before, NULL, 0);
	bytes[64] = 1;
	bytes[191] = 1;
	bytes[2 * PAGE - 1] = 1;
	bytes[2 * PAGE] = 1;
	after = make(bytes, 3, 0);
	check_all(before, after, expected, 2);
	fingerprint_destroy(before);
	fingerprint_destroy(after);
}

static void test_new_and_gone(void **state)
{
	static const struct expected expected[] = {
		{DIFFERENCE_GONE, 0, 2 * PAGE},
		{DIFFERENCE_CHANGED, 2 * PAGE, 2 * PAGE + 64},
		{DIFFERENCE_NEW, 4 * PAGE, 6 * PAGE},
	};
	uint8_t bytes[4 * PAGE] = {0};
	struct fingerprint *before = make(bytes, 4, 0), *after;

	bytes[0] = 7;
	after = make(bytes, 4, 2 * PAGE);
	check_all(before, after, expected, 3);
	check_all(after, after, NULL, 0);
	fingerprint_destroy(before);
	fingerprint_destroy(after);
}

static int stop(void *context, enum difference difference, uint64_t lo, uint64_t hi,
                struct err *err)
{
	++*(int *)context;
	return 5;
}

/* Parts of pages, nothing at all, and a visitor that has seen enough. */
static void test_borders(void **state)
{
	uint8_t bytes[2 * PAGE] = {0};
	struct fingerprint *none, *before;
	struct err err;
	int seen = 0;

	assert_int_equal(fingerprint_create(&none, &err), 0);
	assert_int_equal(fingerprint_add(none, BASE + 1, bytes, sizeof(bytes) - 1, &err), 0);
	assert_int_equal(fingerprint_pages(none), 1);
	assert_int_equal(fingerprint_add(none, BASE + PAGE, bytes, PAGE, &err), 0);
	assert_int_equal(fingerprint_pages(none), 1); /* has it already */
	assert_int_equal(fingerprint_add(none, BASE + 5 * PAGE + 1, bytes, PAGE, &err), 0);
	assert_int_equal(fingerprint_pages(none), 1);
	before = make(bytes, 1, 8 * PAGE);
	assert_int_equal(fingerprint_compare(before, none, stop, &seen, &err), 5);
	assert_int_equal(seen, 1);
	fingerprint_destroy(none);
	fingerprint_destroy(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_new_and_gone),
		cmocka_unit_test(test_borders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
