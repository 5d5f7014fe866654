/* The registry's heap: blocks are used again, it grows only when it must, and can be full. */
#include "loader/server/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SIZE (64u << 10)
#define GUARD 64

/* The heap's bytes, with a guard behind them that must not change. */
static uint8_t memory[SIZE + GUARD];
static struct heap heap;

static int setup(void **state)
{
	memset(memory, 0xee, sizeof(memory));
	heap_init(&heap, memory, SIZE);
	return 0;
}

static int teardown(void **state)
{
	heap_deinit(&heap);
	for (unsigned i = 0; i < GUARD; i++)
		if (memory[SIZE + i] != 0xee)
			return -1;
	return 0;
}

/* Length bytes, all of them `fill`. */
static struct tp_ref put(uint32_t length, int fill)
{
	static uint8_t data[2 * SIZE];

	memset(data, fill, length);
	return heap_put(&heap, data, length);
}

static void assert_holds(struct tp_ref ref, uint32_t length, int fill)
{
	assert_int_equal(ref.len, length);
	/* Arrays of structures lie there, too. */
	assert_int_equal(ref.off % 32, 0);
	assert_true((uint64_t)ref.off + ref.len <= SIZE);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(memory[ref.off + i], fill);
}

static void test_blocks_do_not_overlap(void **state)
{
	static const uint32_t lengths[] = {1, 31, 32, 33, 64, 65, 1000, 1024, 1025, 2};
	struct tp_ref refs[10];

	for (int i = 0; i < 10; i++)
		refs[i] = put(lengths[i], i + 1);
	for (int i = 0; i < 10; i++)
		assert_holds(refs[i], lengths[i], i + 1);
}

static void test_a_freed_block_is_used_again(void **state)
{
	struct tp_ref first = put(100, 1);
	struct tp_ref other = put(100, 2);
	uint32_t was = first.off;

	heap_free(&heap, &first);
	assert_int_equal(first.off, 0);
	assert_int_equal(first.len, 0);
	first = put(128, 3);
	assert_int_equal(first.off, was);
	assert_holds(other, 100, 2);
	assert_holds(first, 128, 3);
}

/* Sixteen live blocks of 1 to 512 bytes: at the worst sixteen of each size from 32 to 512. */
static void test_does_not_grow_over_cycles(void **state)
{
	const uint32_t worst = 16 * (32 + 64 + 128 + 256 + 512);
	struct tp_ref refs[16] = {{0}};
	uint32_t random = 1;

	for (int cycle = 0; cycle < 100000; cycle++) {
		unsigned i = cycle % 16;

		heap_free(&heap, &refs[i]);
		random = random * 1664525 + 1013904223;
		refs[i] = put(1 + (random >> 16) % 512, (int)i + 1);
		assert_int_not_equal(refs[i].len, 0);
	}
	assert_true(heap.used <= worst);
	for (unsigned i = 0; i < 16; i++)
		assert_holds(refs[i], refs[i].len, (int)i + 1);
}

static void test_full(void **state)
{
	struct tp_ref refs[SIZE / 1024];

	for (unsigned i = 0; i < SIZE / 1024; i++) {
		refs[i] = put(1000, (int)i);
		assert_int_equal(refs[i].len, 1000);
	}
	assert_int_equal(put(1, 1).len, 0);
	assert_int_equal(put(1000, 1).len, 0);
	for (unsigned i = 0; i < SIZE / 1024; i++)
		assert_holds(refs[i], 1000, (int)i);
	heap_free(&heap, &refs[5]);
	assert_int_equal(put(4000, 1).len, 0);
	assert_int_equal(put(1000, 1).len, 1000);
}

/* Of what is left a part would fit. */
static void test_not_enough_left(void **state)
{
	struct tp_ref half;

	put(32, 1);
	half = put(SIZE / 2, 2);
	assert_holds(half, SIZE / 2, 2);
	assert_int_equal(put(SIZE / 2, 3).len, 0);
	assert_holds(put(SIZE / 4, 4), SIZE / 4, 4);
	assert_holds(half, SIZE / 2, 2);
}

static void test_largest_and_larger(void **state)
{
	struct tp_ref all;

	assert_int_equal(put(SIZE + 1, 1).len, 0);
	assert_int_equal(heap_put(&heap, memory, UINT32_MAX).len, 0);
	assert_int_equal(heap.used, 0);
	all = put(SIZE, 9);
	assert_holds(all, SIZE, 9);
	assert_int_equal(put(1, 1).len, 0);
}

static void test_length_zero(void **state)
{
	struct tp_ref none = heap_put(&heap, "", 0);
	uint32_t off;

	assert_int_equal(none.off, 0);
	assert_int_equal(none.len, 0);
	assert_int_equal(heap.used, 0);
	/* Freeing nothing must not hand out what lies at 0. */
	off = put(10, 1).off;
	assert_int_equal(off, 0);
	heap_free(&heap, &none);
	assert_int_not_equal(put(10, 2).off, off);
	assert_int_equal(memory[off], 1);
}

static void test_strings(void **state)
{
	struct tp_ref text = heap_put_string(&heap, "words");
	struct tp_ref empty = heap_put_string(&heap, NULL);

	assert_int_equal(text.len, 6);
	assert_string_equal((char *)memory + text.off, "words");
	assert_int_equal(empty.len, 1);
	assert_string_equal((char *)memory + empty.off, "");
}

/* More freed blocks of one size than the list of them first has room for. */
static void test_many_free_blocks(void **state)
{
	struct tp_ref refs[1000];
	uint32_t used;

	for (int i = 0; i < 1000; i++)
		refs[i] = put(20, 1);
	used = heap.used;
	for (int i = 0; i < 1000; i++)
		heap_free(&heap, &refs[i]);
	for (int i = 0; i < 1000; i++)
		assert_holds(put(20, 2), 20, 2);
	assert_int_equal(heap.used, used);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blocks_do_not_overlap),
		TEST(test_a_freed_block_is_used_again),
		TEST(test_does_not_grow_over_cycles),
		TEST(test_full),
		TEST(test_not_enough_left),
		TEST(test_largest_and_larger),
		TEST(test_length_zero),
		TEST(test_strings),
		TEST(test_many_free_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
