/* Reading malloc's heaps: sound ones of several versions, and ones that are lies. */
#include "tests/unit/heap_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct heap *read_heap(struct heap_sample *s)
{
	struct heap *heap = NULL;
	struct err err;

	if (heap_read(&s->b.target, &s->b.snapshot->threadprocs[1], &heap, &err))
		return NULL;
	return heap;
}

static void check_chunk(struct heap_sample *s, struct heap *heap, uint64_t user,
                        enum chunk_state state, uint64_t size)
{
	struct heap_chunk chunk;

	for (uint64_t addr = user - 8; addr < user + size; addr += size / 3) {
		assert_true(heap_chunk_at(heap, &s->b.target, addr, &chunk));
		assert_int_equal(chunk.user, user);
		assert_int_equal(chunk.size, size);
		assert_int_equal(chunk.state, state);
	}
}

static void check_scene(struct heap_sample *s)
{
	struct heap *heap = read_heap(s);
	struct heap_chunk chunk;

	assert_non_null(heap);
	for (size_t i = 0; i < heap_arena_count(heap); i++)
		assert_false(heap_arena_at(heap, i).broken);
	assert_int_equal(heap_arena_count(heap), 2);
	check_chunk(s, heap, s->tcache, CHUNK_IN_USE, s->minor >= 30 ? 0x288 : 0x248);
	check_chunk(s, heap, s->used[0], CHUNK_IN_USE, 0x18);
	for (int i = 0; i < 3; i++)
		check_chunk(s, heap, s->cached[i], CHUNK_TCACHE, 0x38);
	for (int i = 0; i < 2; i++)
		check_chunk(s, heap, s->fast[i], CHUNK_FAST, 0x58);
	check_chunk(s, heap, s->unsorted, CHUNK_UNSORTED, 0x4f8);
	check_chunk(s, heap, s->small, CHUNK_SMALL, 0xf8);
	check_chunk(s, heap, s->large, CHUNK_LARGE, 0xff8);
	check_chunk(s, heap, s->other, CHUNK_IN_USE, 0x78);
	assert_true(heap_chunk_at(heap, &s->b.target, s->other, &chunk));
	assert_false(chunk.main_arena);
	assert_true(heap_chunk_at(heap, &s->b.target, SAMPLE_BRK + HB_BRK_SIZE - 1, &chunk));
	assert_int_equal(chunk.state, CHUNK_TOP);
	assert_false(heap_chunk_at(heap, &s->b.target, SAMPLE_BRK + HB_BRK_SIZE + 8, &chunk));
	assert_false(heap_chunk_at(heap, &s->b.target, SAMPLE_BRK - 1, &chunk));
	heap_destroy(heap);
}

static void test_versions(void **state)
{
	static const unsigned minors[] = {28, 30, 31, 32, 34, 35, 36, 41};
	static struct heap_sample s;

	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		for (int banner = 0; banner < 2; banner++) {
			heap_builder_sample(&s, minors[i], banner);
			check_scene(&s);
			heap_builder_deinit(&s.b);
		}
	}
}

static void test_version_text(void **state)
{
	static struct heap_sample s;
	struct heap *heap;

	heap_builder_sample(&s, 36, true);
	heap = read_heap(&s);
	assert_string_equal(heap_version(heap), "glibc 2.36");
	heap_destroy(heap);
	heap_builder_deinit(&s.b);
}

static void test_not_used(void **state)
{
	static struct heap_sample s;
	struct err err;
	struct heap *heap;

	heap_builder_init(&s.b, 36);
	heap = read_heap(&s);
	assert_non_null(heap);
	assert_int_equal(heap_arena_at(heap, 0).bytes, 0);
	heap_destroy(heap);
	memset(hb_main(&s.b), 0, sizeof(struct malloc_state));
	assert_int_equal(heap_read(&s.b.target, &s.b.snapshot->threadprocs[1], &heap, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	heap_builder_deinit(&s.b);
}

/* ---- Lies --------------------------------------------------------------------------- */

/* Reads what is there now; whatever is found covers the address that was asked for. */
static void survey(struct heap_sample *s)
{
	struct heap *heap = read_heap(s);
	struct heap_chunk chunk;

	for (uint64_t at = 0; heap && at < HB_BRK_SIZE + 64; at += 24) {
		uint64_t addr = SAMPLE_BRK + at;

		if (!heap_chunk_at(heap, &s->b.target, addr, &chunk))
			continue;
		assert_true(chunk.state < CHUNK_STATES);
		assert_true(chunk.lo <= addr);
		assert_true(addr < chunk.user + chunk.size + 16);
	}
	for (size_t i = 0; heap && i < heap_arena_count(heap); i++)
		heap_arena_at(heap, i);
	heap_destroy(heap);
}

static void spoil(struct heap_sample *s, uint64_t addr, uint64_t value)
{
	uint64_t before = *hb_word(&s->b, addr);

	*hb_word(&s->b, addr) = value;
	survey(s);
	*hb_word(&s->b, addr) = before;
}

static void test_bad_sizes(void **state)
{
	static const uint64_t sizes[] = {
		0,
		1,
		8,
		0x11,
		0x18,
		UINT64_MAX,
		UINT64_MAX & ~UINT64_C(15),
		1ul << 63 | 1,
		0x21001,
		0x7ffffffffff1,
		0x23,
		0x21,
		0x11,
	};
	static struct heap_sample s;

	heap_builder_sample(&s, 36, true);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		spoil(&s, s.tcache - 8, sizes[i]);
		spoil(&s, s.used[1] - 8, sizes[i]);
		spoil(&s, hb_main(&s.b)->top + 8, sizes[i]);
		spoil(&s, s.other - 8, sizes[i]);
	}
	check_scene(&s);
	heap_builder_deinit(&s.b);
}

/* What lies behind a broken header is found again. */
static void test_overwritten_header(void **state)
{
	static struct heap_sample s;
	struct heap *heap;

	heap_builder_sample(&s, 36, true);
	*hb_word(&s.b, s.small - 8) = 0x4141414141414141;
	heap = read_heap(&s);
	assert_true(heap_arena_at(heap, 0).broken);
	check_chunk(&s, heap, s.used[1] - 0x500, CHUNK_UNSORTED, 0x4f8);
	check_chunk(&s, heap, s.large, CHUNK_LARGE, 0xff8);
	heap_destroy(heap);
	heap_builder_deinit(&s.b);
}

static void test_cycles(void **state)
{
	static struct heap_sample s;
	uint64_t arena;

	heap_builder_sample(&s, 36, true);
	arena = *hb_word(&s.b, HB_HEAP);
	spoil(&s, s.cached[2], s.cached[0] ^ s.cached[2] >> 12);
	spoil(&s, s.cached[0], s.cached[0] ^ s.cached[0] >> 12);
	spoil(&s, s.fast[1], (s.fast[0] - 16) ^ s.fast[1] >> 12);
	spoil(&s, s.unsorted, s.unsorted - 16);
	spoil(&s, s.unsorted, 0x10);
	/* the ring of arenas: to itself, to nothing, to what is none */
	spoil(&s, arena + offsetof(struct malloc_state, next), arena);
	spoil(&s, arena + offsetof(struct malloc_state, next), arena + 8);
	spoil(&s, HB_MAIN_ARENA + offsetof(struct malloc_state, next), SAMPLE_BRK);
	/* heaps: one before the first, itself, a size that is none, somebody else's */
	spoil(&s, HB_HEAP + 8, HB_HEAP);
	spoil(&s, HB_HEAP + 16, UINT64_MAX);
	spoil(&s, HB_HEAP, HB_MAIN_ARENA);
	spoil(&s, arena + offsetof(struct malloc_state, top), SAMPLE_BRK + 0x100);
	spoil(&s, arena + offsetof(struct malloc_state, top), UINT64_MAX - 15);
	spoil(&s, HB_MAIN_ARENA + offsetof(struct malloc_state, top), HB_HEAP + 0x1000);
	spoil(&s, HB_MAIN_ARENA + offsetof(struct malloc_state, system_mem), UINT64_MAX);
	check_scene(&s);
	heap_builder_deinit(&s.b);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Addresses of all three pieces are likelier than anything else to lead astray. */
static uint64_t strange_value(uint64_t *seed)
{
	switch (next_random(seed) % 6) {
	case 0:
		return SAMPLE_BRK + next_random(seed) % HB_BRK_SIZE / 16 * 16;
	case 1:
		return HB_HEAP + next_random(seed) % HB_HEAP_SIZE / 16 * 16;
	case 2:
		return SAMPLE_LIBC + next_random(seed) % HB_LIBC_SIZE / 8 * 8;
	case 3:
		return next_random(seed) % 0x400;
	case 4:
		return 0;
	default:
		return next_random(seed) << 32 | next_random(seed);
	}
}

static void test_noise(void **state)
{
	static const uint64_t bases[] = {SAMPLE_BRK, HB_HEAP, HB_MAIN_ARENA};
	static const uint64_t sizes[] = {0x2000, 0x1000, sizeof(struct malloc_state)};
	static struct heap_sample s;
	uint64_t seed = 1;

	for (int round = 0; round < 60; round++) {
		heap_builder_sample(&s, 36, round % 2);
		for (int i = 0; i < 20; i++) {
			unsigned where = (unsigned)next_random(&seed) % 3;

			*hb_word(&s.b, bases[where] + next_random(&seed) % sizes[where] / 8 * 8) =
				strange_value(&seed);
			survey(&s);
		}
		heap_builder_deinit(&s.b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_version_text),
		cmocka_unit_test(test_not_used),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_overwritten_header),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
