/* Plans while they are put together. */
#include "loader/server/plan_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

static struct plan plan;

static int setup(void **state)
{
	plan_init(&plan);
	return 0;
}

static int teardown(void **state)
{
	plan_deinit(&plan);
	return 0;
}

static void assert_op(uint32_t i, struct plan_op expected)
{
	assert_true(i < plan.op_count);
	assert_memory_equal(&plan.ops[i], &expected, sizeof(expected));
}

static void assert_finishes(void)
{
	struct err err;

	assert_int_equal(plan_finish(&plan, &err), 0);
}

static void test_empty(void **state)
{
	assert_finishes();
	assert_int_equal(plan.op_count, 0);
	assert_int_equal(plan.data_len, 0);
	assert_int_equal(plan.fd_count, 0);
}

static void test_each_op(void **state)
{
	const uint32_t fixed = MAP_FIXED_NOREPLACE;

	plan_map(&plan, 0x1000, 0x2000, PROT_READ, MAP_PRIVATE, 3, 0x5000);
	plan_map_anon(&plan, 0x4000, 0x1000, PROT_WRITE, MAP_NORESERVE);
	plan_zero(&plan, 0x4010, 20);
	plan_write(&plan, 0x4020, "abc", 3);
	plan_protect(&plan, 0x4000, 0x1000, PROT_EXEC);
	plan_advise(&plan, 0x4000, 0x1000, MADV_WIPEONFORK);
	plan_unmap(&plan, 0x1000, 0x2000);
	plan_seal(&plan, 0x4000, 0x1000);
	plan_clone(&plan, 0x4040, 7, 8);
	assert_finishes();
	assert_int_equal(plan.op_count, 9);
	assert_op(0, (struct plan_op){PLAN_MAP, 3, 0x1000, 0x2000, PROT_READ, MAP_PRIVATE | fixed,
	                              0x5000});
	assert_op(1, (struct plan_op){PLAN_MAP, -1, 0x4000, 0x1000, PROT_WRITE,
	                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, 0});
	assert_op(2, (struct plan_op){PLAN_ZERO, -1, 0x4010, 20, 0, 0, 0});
	assert_op(3, (struct plan_op){PLAN_WRITE, -1, 0x4020, 3, 0, 0, 0});
	assert_op(4, (struct plan_op){PLAN_PROTECT, -1, 0x4000, 0x1000, PROT_EXEC, 0, 0});
	assert_op(5, (struct plan_op){PLAN_ADVISE, -1, 0x4000, 0x1000, 0, MADV_WIPEONFORK, 0});
	assert_op(6, (struct plan_op){PLAN_UNMAP, -1, 0x1000, 0x2000, 0, 0, 0});
	assert_op(7, (struct plan_op){PLAN_SEAL, -1, 0x4000, 0x1000, 0, 0, 0});
	assert_op(8, (struct plan_op){PLAN_CLONE, 8, 0x4040, 7, 0, 0, 0});
}

static void test_set_mm(void **state)
{
	struct plan_mm mm = {.start_code = 1, .aux_count = 2, .aux = {7, 8}};

	plan_write(&plan, 0x1000, "abc", 3);
	plan_set_mm(&plan, &mm);
	assert_finishes();
	assert_op(1, (struct plan_op){PLAN_SET_MM, -1, 0, sizeof(mm), 0, 0, 3});
	assert_memory_equal(plan.data + 3, &mm, sizeof(mm));
}

static void test_nothing_to_do_is_no_op(void **state)
{
	plan_zero(&plan, 0x1000, 0);
	assert_null(plan_write(&plan, 0x1000, "", 0));
	assert_finishes();
	assert_int_equal(plan.op_count, 0);
}

static void test_data_offsets(void **state)
{
	char text[] = "first";

	plan_write(&plan, 0x1000, text, 5);
	memset(text, 'x', sizeof(text));
	plan_write(&plan, 0x2000, "second", 6);
	plan_zero(&plan, 0x3000, 1);
	plan_write(&plan, 0x4000, "3", 1);
	assert_finishes();
	assert_int_equal(plan.ops[0].off, 0);
	assert_int_equal(plan.ops[1].off, 5);
	assert_int_equal(plan.ops[3].off, 11);
	assert_int_equal(plan.data_len, 12);
	assert_memory_equal(plan.data, "firstsecond3", 12);
}

/* The copy may be changed, and what comes later does not move it out of the plan. */
static void test_the_copy_is_the_plans(void **state)
{
	static uint8_t page[4096];
	uint8_t *copy;

	plan_write(&plan, 0x1000, "abc", 3);
	copy = plan_write(&plan, 0x2000, "defgh", 5);
	assert_non_null(copy);
	assert_memory_equal(copy, "defgh", 5);
	copy[0] = 'D';
	copy[4] = 'H';
	for (int i = 0; i < 1000; i++)
		plan_write(&plan, 0x3000, page, sizeof(page));
	assert_finishes();
	assert_memory_equal(plan.data + plan.ops[1].off, "DefgH", 5);
	assert_memory_equal(plan.data + plan.ops[0].off, "abc", 3);
	assert_int_equal(plan.data_len, 8 + 1000 * sizeof(page));
}

static void test_many_descriptors(void **state)
{
	for (int i = 0; i < 1000; i++)
		assert_int_equal(plan_add_fd(&plan, 5000 + i), i);
	assert_finishes();
	assert_int_equal(plan.fd_count, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(plan.fds[i], 5000 + i);
}

static void test_as_many_ops_as_there_may_be(void **state)
{
	for (uint32_t i = 0; i < PLAN_MAX_OPS; i++)
		plan_zero(&plan, i, 1);
	assert_finishes();
	assert_int_equal(plan.op_count, PLAN_MAX_OPS);
	assert_int_equal(plan.ops[PLAN_MAX_OPS - 1].addr, PLAN_MAX_OPS - 1);
}

/* Nothing is told on the spot; plan_finish says it, once and for all. */
static void test_too_many_ops(void **state)
{
	struct err err;

	for (uint32_t i = 0; i <= PLAN_MAX_OPS; i++)
		plan_zero(&plan, i, 1);
	plan_protect(&plan, 0, 1, 0);
	plan_clone(&plan, 0, 0, 0);
	assert_int_equal(plan.op_count, PLAN_MAX_OPS);
	assert_null(plan_write(&plan, 0, "x", 1));
	assert_int_equal(plan_add_fd(&plan, 1), -1);
	assert_int_equal(plan_finish(&plan, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.text, "4096"));
	assert_int_equal(plan_finish(&plan, &err), -1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_set_mm),           TEST(test_empty),
		TEST(test_each_op),          TEST(test_nothing_to_do_is_no_op),
		TEST(test_data_offsets),     TEST(test_the_copy_is_the_plans),
		TEST(test_many_descriptors), TEST(test_as_many_ops_as_there_may_be),
		TEST(test_too_many_ops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
