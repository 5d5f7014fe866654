/* Going through memory: which of it, in which blocks, and which words of it point somewhere. */
#include "lib/base/cleanup.h"
#include "lib/read/scan.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

/* ---- Words ------------------------------------------------------------------------- */

#define WORDS 1000u

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 16;
}

static void check_words(const uint64_t *words, size_t count, uint64_t lo, uint64_t len,
                        uint64_t not_lo, uint64_t not_len)
{
	uint32_t hits[100];
	size_t at = 0, found = 0;

	for (size_t i = 0; i < count;) {
		size_t n = scan_words(words + i, count - i, lo, len, not_lo, not_len, hits,
		                      sizeof(hits) / sizeof(hits[0]), &at);

		assert_true(at > 0);
		for (size_t k = 0; k < n; k++) {
			size_t hit = i + hits[k];

			/* none between this one and the one before */
			for (; found < hit; found++)
				assert_false(words[found] - lo < len &&
				             words[found] - not_lo >= not_len);
			assert_true(words[found] - lo < len && words[found] - not_lo >= not_len);
			found++;
		}
		i += at;
	}
	for (; found < count; found++)
		assert_false(words[found] - lo < len && words[found] - not_lo >= not_len);
}

static void test_words(void **state)
{
	static uint64_t words[WORDS];
	uint64_t seed = 42;

	for (unsigned density = 1; density < 200; density = density * 3) {
		for (size_t i = 0; i < WORDS; i++)
			words[i] = next_random(&seed) % density ? next_random(&seed) << 20
			                                        : 0x1000 + next_random(&seed) % 64;
		for (size_t count = WORDS - 130; count <= WORDS; count++)
			check_words(words, count, 0x1000, 64, 0x1010, count % 3 * 8);
	}
	check_words(words, 0, 0, 1, 0, 0);
}

/* The ends of a range, high addresses, everything. */
static void test_borders(void **state)
{
	uint64_t words[] = {
		0, 7, 8, 15, 16, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1};
	uint32_t hits[64];
	size_t next;

	assert_int_equal(scan_words(words, 9, 8, 8, 0, 0, hits, 64, &next), 2);
	assert_int_equal(hits[0], 2);
	assert_int_equal(hits[1], 3);
	assert_int_equal(next, 9);
	assert_int_equal(scan_words(words, 9, UINT64_MAX, 1, 0, 0, hits, 64, &next), 1);
	assert_int_equal(hits[0], 5);
	assert_int_equal(scan_words(words, 9, 0, UINT64_MAX, 0, 0, hits, 64, &next), 8);
	assert_int_equal(scan_words(words, 9, INT64_MAX, 2, 0, 0, hits, 64, &next), 2);
	assert_int_equal(scan_words(words, 9, 0, 0, 0, 0, hits, 64, &next), 0);
}

/* ---- Memory --------------------------------------------------------------------------- */

static const struct scan_filter readable = {.prot = PROT_READ};
static const struct scan_filter writable = {.prot = PROT_READ | PROT_WRITE};

#define BRK_SIZE (2 * SCAN_BLOCK + 3 * PAGE)

struct world {
	struct registry_builder builder;
	struct snapshot *snapshot;
	uint8_t *bytes;
	struct target target;
};

/* Of the brk zone the third page holds nothing. */
static int made_up_pages(const struct target *target, uint64_t lo, uint64_t hi,
                         pages_visitor *visit, void *context, struct err *err)
{
	struct page_run runs[] = {{lo, hi, false, false}, {0, 0, false, false}};

	if (lo == SAMPLE_BRK) {
		runs[0].hi = lo + 2 * PAGE;
		runs[1] = (struct page_run){lo + 3 * PAGE, hi, false, false};
	}
	for (int i = 0; i < 2; i++) {
		int ret = runs[i].hi ? visit(context, &runs[i], err) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

static int setup(void **state)
{
	static const char maps[] = "00400000-00402000 r--p 00000000 08:01 9 /fixed\n"
				   "101000100000-101000101000 r-xp 00000000 08:01 9 /x\n"
				   "101000101000-101000102000 ---p 00000000 00:00 0\n"
				   "101001000000-101001203000 rw-p 00000000 00:00 0\n"
				   "101400000000-101400001000 rw-p 00000000 00:00 0\n";
	struct world *w = calloc(1, sizeof(*w));
	struct mem_bytes runs[2];
	struct err err;

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	w->snapshot = rb_snapshot(&w->builder);
	w->target.snapshot = w->snapshot;
	w->bytes = malloc(BRK_SIZE);
	for (size_t i = 0; i < BRK_SIZE; i++)
		w->bytes[i] = (uint8_t)(i % 251);
	runs[0] = (struct mem_bytes){SAMPLE_BRK, w->bytes, BRK_SIZE};
	runs[1] = (struct mem_bytes){SAMPLE_SLOT_2, w->bytes, PAGE};
	*state = w;
	return maps_open_text(maps, &w->target.maps, &err) ||
	       mem_open_bytes(runs, 2, &w->target.mem, &err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	target_close(&w->target);
	snapshot_destroy(w->snapshot);
	registry_builder_deinit(&w->builder);
	free(w->bytes);
	free(w);
	return 0;
}

static void test_plan(void **state)
{
	static const struct target_ops ops = {.pages = made_up_pages};
	struct world *w = *state;
	struct scan_plan plan;
	struct err err;

	assert_int_equal(scan_plan_read(&w->target, 0, UINT64_MAX, &readable, &plan, &err), 0);
	assert_int_equal(plan.count, 4);
	assert_int_equal(plan.bytes, 2 * PAGE + PAGE + BRK_SIZE + PAGE);
	assert_int_equal(plan.pieces[0].owner.tp->abi.id, 2);
	assert_int_equal(plan.pieces[2].owner.tp->abi.id, 1);
	scan_plan_deinit(&plan);

	w->target.ops = &ops;
	assert_int_equal(scan_plan_read(&w->target, SAMPLE_BRK + 5, SAMPLE_BRK + 4 * PAGE,
	                                &writable, &plan, &err),
	                 0);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.pieces[0].lo, SAMPLE_BRK + 5);
	assert_int_equal(plan.pieces[0].hi, SAMPLE_BRK + 2 * PAGE);
	assert_int_equal(plan.pieces[1].lo, SAMPLE_BRK + 3 * PAGE);
	assert_int_equal(plan.bytes, 3 * PAGE - 5);
	scan_plan_deinit(&plan);

	assert_int_equal(
		scan_plan_of(&w->target, &w->snapshot->threadprocs[2], &readable, &plan, &err), 0);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.pieces[0].lo, SAMPLE_FIXED);
	assert_int_equal(plan.pieces[1].lo, SAMPLE_SLOT_2);
	scan_plan_deinit(&plan);
}

struct seen {
	const struct world *w;
	uint64_t next; /* how far it came */
	uint64_t bytes;
	unsigned blocks;
	unsigned stop_at;
};

static int see(void *context, const struct scan_piece *piece, uint64_t addr, const uint8_t *bytes,
               size_t len, struct err *err)
{
	struct seen *seen = context;
	const size_t base = addr >= SAMPLE_SLOT_2 ? SAMPLE_SLOT_2 : SAMPLE_BRK;

	assert_true(addr >= piece->lo && addr + len <= piece->hi);
	assert_memory_equal(bytes, seen->w->bytes + (addr - base), len);
	if (addr != piece->lo)
		assert_int_equal(addr + 10, seen->next);
	seen->bytes += addr == piece->lo ? len : len - 10;
	seen->next = addr + len;
	return ++seen->blocks == seen->stop_at ? 9 : 0;
}

static void test_blocks(void **state)
{
	struct world *w = *state;
	struct seen seen = {.w = w};
	struct scan_plan plan;
	struct err err;

	assert_int_equal(
		scan_plan_read(&w->target, SAMPLE_SLOT, UINT64_MAX, &writable, &plan, &err), 0);
	assert_int_equal(plan.count, 2);
	assert_int_equal(scan_run(w->target.mem, &plan, 10, see, &seen, &err), 0);
	assert_int_equal(seen.blocks, 4);
	assert_int_equal(seen.bytes, plan.bytes);
	seen = (struct seen){.w = w, .stop_at = 2};
	assert_int_equal(scan_run(w->target.mem, &plan, 10, see, &seen, &err), 9);
	assert_int_equal(seen.blocks, 2);
	scan_plan_deinit(&plan);
	/* memory that is gone by now is left out */
	seen = (struct seen){.w = w};
	assert_int_equal(scan_plan_read(&w->target, 0, SAMPLE_BRK, &readable, &plan, &err), 0);
	assert_true(plan.bytes > 0);
	assert_int_equal(scan_run(w->target.mem, &plan, 10, see, &seen, &err), 0);
	assert_int_equal(seen.blocks, 0);
	scan_plan_deinit(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_borders),
		cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
