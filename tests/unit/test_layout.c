/* Where everything of a launch goes: inside the slot, apart, aligned, for images of every shape. */
#include "loader/agent/slot.h"
#include "loader/server/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define UNLIMITED UINT64_MAX
#define MAX_REGIONS 9

static const struct image pie = {.vaddr_hi = 0x5000, .align = 4096, .site_count = 2};
static const struct image interp = {.vaddr_hi = 0x35000, .align = 4096, .site_count = 9};

static const uint64_t stack_limits[] = {0, 1, 100 * KIB, 8 * MIB, 8 * MIB + 1, 3 * GIB, UNLIMITED};

struct regions {
	struct region {
		const char *name;
		uint64_t lo;
		uint64_t hi;
	} of[MAX_REGIONS];
	int count;
};

static void add(struct regions *regions, const char *name, uint64_t lo, uint64_t hi)
{
	assert_true(regions->count < MAX_REGIONS);
	regions->of[regions->count++] = (struct region){name, lo, hi};
}

static int by_lo(const void *a, const void *b)
{
	const struct region *x = a;
	const struct region *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void assert_apart(struct regions *regions, uint64_t lo, uint64_t hi)
{
	qsort(regions->of, (size_t)regions->count, sizeof(regions->of[0]), by_lo);
	for (int i = 0; i < regions->count; i++) {
		const struct region *r = &regions->of[i];

		if (r->lo < lo || r->hi > hi || r->lo >= r->hi || r->lo % SLOT_PAGE)
			fail_msg("%s: 0x%lx-0x%lx", r->name, r->lo, r->hi);
		lo = r->hi;
	}
}

static void add_image(struct regions *regions, const char *name, const struct image *image,
                      uint64_t bias)
{
	assert_int_equal(bias % image->align, 0);
	add(regions, name, bias + image->vaddr_lo, bias + image->vaddr_hi);
}

/* Lays out at the given granule; everything that has to hold of it is checked. */
static struct layout lay_out(uint64_t first, uint64_t limit, const struct image *program,
                             const struct image *with_interp)
{
	uint64_t stack = layout_stack_size(limit);
	uint32_t granules = layout_granules(stack, program, with_interp);
	uint64_t lo = first << TP_GRANULE_SHIFT;
	struct regions regions = {.count = 0};
	struct layout layout;

	assert_true(granules > 0 && granules < TP_LAST_GRANULE - TP_FIRST_GRANULE);
	layout_compute(lo, granules, stack, program, with_interp, &layout);
	assert_int_equal(layout.lo, lo);
	assert_int_equal(layout.hi, lo + ((uint64_t)granules << TP_GRANULE_SHIFT));
	assert_int_equal(layout.stack_hi - layout.stack_lo, stack);
	/* Off either end of the stack there is nothing. */
	assert_true(layout.stack_lo - lo >= SLOT_MARGIN);
	assert_true(layout.state - SLOT_ALT_SIZE - layout.stack_hi >= SLOT_PAGE);
	add(&regions, "stack", layout.stack_lo, layout.stack_hi);
	add(&regions, "self", layout.self, layout.self + SLOT_PAGE);
	add(&regions, "state", layout.state, layout.state + SLOT_STATE_SIZE);
	add(&regions, "stubs", layout.stubs, layout.stubs + SLOT_STUBS_SIZE);
	if (with_interp && !with_interp->fixed)
		add_image(&regions, "interp", with_interp, layout.interp_bias);
	else
		assert_int_equal(layout.interp_bias, 0);
	if (!program->fixed)
		add_image(&regions, "program", program, layout.program_bias);
	else
		assert_int_equal(layout.program_bias, 0);
	add(&regions, "brk", layout.brk_lo, layout.brk_hi);
	add(&regions, "mmap", layout.mmap_lo, layout.mmap_hi);
	assert_apart(&regions, layout.lo, layout.hi);
	assert_true(layout.brk_hi - layout.brk_lo >= GIB - SLOT_TAIL);
	assert_true(layout.mmap_hi - layout.mmap_lo >= TP_GRANULE_SIZE / 2 - SLOT_TAIL);
	/* Jumps to the stubs reach 2 GiB. */
	if (with_interp && !with_interp->fixed)
		assert_true(layout.interp_bias + with_interp->vaddr_lo - layout.stubs < 2 * GIB);
	return layout;
}

/* For all stacks, in the first and in the last slots. */
static void check(const struct image *program, const struct image *with_interp)
{
	for (size_t i = 0; i < sizeof(stack_limits) / sizeof(stack_limits[0]); i++) {
		lay_out(TP_FIRST_GRANULE, stack_limits[i], program, with_interp);
		lay_out(TP_LAST_GRANULE - 1, stack_limits[i], program, with_interp);
		lay_out(TP_FIRST_GRANULE + 1234, stack_limits[i], program, with_interp);
	}
}

static void test_stack_size(void **state)
{
	uint64_t least = layout_stack_size(0);

	assert_true(least >= 256 * KIB && least <= MIB);
	assert_int_equal(layout_stack_size(1), least);
	assert_int_equal(layout_stack_size(least + 1), least + SLOT_PAGE);
	assert_int_equal(layout_stack_size(8 * MIB), 8 * MIB);
	assert_int_equal(layout_stack_size(8 * MIB - 1), 8 * MIB);
	assert_int_equal(layout_stack_size(8 * MIB + 1), 8 * MIB + SLOT_PAGE);
	assert_int_equal(layout_stack_size(4 * GIB), 4 * GIB);
	assert_int_equal(layout_stack_size(4 * GIB + 1), 4 * GIB);
	assert_int_equal(layout_stack_size(UNLIMITED), 4 * GIB);
	assert_int_equal(layout_stack_size(UNLIMITED - 1), 4 * GIB);
}

static void test_pie(void **state)
{
	check(&pie, &interp);
	assert_int_equal(layout_granules(layout_stack_size(8 * MIB), &pie, &interp), 1);
}

static void test_static_pie(void **state)
{
	check(&pie, NULL);
}

static void test_image_that_begins_elsewhere(void **state)
{
	const struct image image = {.vaddr_lo = 0x1234000, .vaddr_hi = 0x1300000, .align = 4096};
	const struct image crooked = {
		.vaddr_lo = 0x1234000, .vaddr_hi = 0x1300000, .align = 2 * MIB};

	check(&image, &interp);
	check(&crooked, &interp);
	check(&crooked, &crooked);
}

static void test_large_alignment(void **state)
{
	for (uint64_t align = 8 * KIB; align <= IMAGE_MAX_ALIGN; align *= 2) {
		const struct image image = {.vaddr_hi = 0x700000, .align = align};

		check(&image, &interp);
		check(&pie, &image);
		check(&image, &image);
	}
}

static void test_large_image(void **state)
{
	for (uint64_t size = GIB; size <= UINT64_C(1) << 45; size *= 4) {
		const struct image image = {.vaddr_hi = size, .align = 2 * MIB};

		check(&image, &interp);
	}
}

static void test_fixed(void **state)
{
	const struct image image = {
		.fixed = true, .vaddr_lo = 0x400000, .vaddr_hi = 0x4c0000, .align = 4096};
	struct layout layout;

	check(&image, &interp);
	check(&image, NULL);
	layout = lay_out(TP_FIRST_GRANULE, 8 * MIB, &image, &interp);
	assert_int_equal(layout.fixed_lo, 0x400000);
	assert_int_equal(layout.fixed_hi, 0x4c0000);
	assert_int_equal(layout.fixed_stubs, 0);
}

/* Its stubs have to be within reach, so they lie right behind it. */
static void test_fixed_with_sites(void **state)
{
	const struct image image = {.fixed = true,
	                            .vaddr_lo = 0x400000,
	                            .vaddr_hi = 0x4c0000,
	                            .align = 4096,
	                            .site_count = 7};
	struct layout layout = lay_out(TP_FIRST_GRANULE, 8 * MIB, &image, NULL);
	uint64_t lo;
	uint64_t hi;

	check(&image, NULL);
	assert_int_equal(layout.fixed_stubs, 0x4c0000);
	assert_int_equal(layout.fixed_hi, 0x4c0000 + SLOT_STUBS_SIZE);
	layout_fixed_range(&image, &lo, &hi);
	assert_int_equal(lo, layout.fixed_lo);
	assert_int_equal(hi, layout.fixed_hi);
}

static void test_pie_occupies_nothing_fixed(void **state)
{
	struct layout layout = lay_out(TP_FIRST_GRANULE, 8 * MIB, &pie, &interp);

	assert_int_equal(layout.fixed_lo, 0);
	assert_int_equal(layout.fixed_hi, 0);
	assert_int_equal(layout.fixed_stubs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack_size),
		cmocka_unit_test(test_pie),
		cmocka_unit_test(test_static_pie),
		cmocka_unit_test(test_image_that_begins_elsewhere),
		cmocka_unit_test(test_large_alignment),
		cmocka_unit_test(test_large_image),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_fixed_with_sites),
		cmocka_unit_test(test_pie_occupies_nothing_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
