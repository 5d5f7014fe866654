/* Which pages hold something, asked of this process in both ways; and what they add up to. */
#include "lib/base/cleanup.h"
#include "lib/read/component.h"
#include "lib/read/pages.h"
#include "lib/read/usage.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

/* The pages of a piece of memory, a letter each: a(non), f(ile), s(wapped), '.' for nothing. */
struct picture {
	uint64_t lo;
	char text[32];
	uint64_t last; /* end of the latest run */
};

static int draw(void *context, const struct page_run *run, struct err *err)
{
	struct picture *picture = context;

	assert_true(run->lo < run->hi);
	assert_true(run->lo >= picture->last);
	picture->last = run->hi;
	for (uint64_t at = run->lo; at < run->hi; at += PAGE)
		picture->text[(at - picture->lo) / PAGE] = run->swapped ? 's'
		                                           : run->file  ? 'f'
		                                                        : 'a';
	return 0;
}

/* Sixteen pages: 0 to 7 anonymous, 8 to 15 of a file. */
static char *make_memory(FILE *file)
{
	char *memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	static const char page[PAGE];

	assert_ptr_not_equal(memory, MAP_FAILED);
	madvise(memory, 16 * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < 8; i++)
		assert_int_equal(fwrite(page, sizeof(page), 1, file), 1);
	fflush(file);
	assert_ptr_not_equal(mmap(memory + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_FIXED, fileno(file), 0),
	                     MAP_FAILED);
	madvise(memory + 8 * PAGE, 8 * PAGE, MADV_RANDOM); /* no reading around */
	return memory;
}

static void check_picture(struct pages_live *pages, const char *memory, const char *expected)
{
	struct picture picture = {.lo = (uintptr_t)memory, .text = "................"};
	struct err err;

	assert_int_equal(pages_live_each(pages, picture.lo + 1, picture.lo + 16 * PAGE - 1, draw,
	                                 &picture, &err),
	                 0);
	/* what the kernel read around a page of the file counts too */
	for (int i = 0; i < 16; i++) {
		if (expected[i] != '?')
			assert_int_equal(picture.text[i], expected[i]);
	}
}

static void test_live(void **state)
{
	FILE *file = tmpfile();
	char *memory = make_memory(file);
	struct pages_live pages;
	struct err err;

	assert_int_equal(pages_live_open(getpid(), &pages, &err), 0);
	memory[2 * PAGE] = 1;
	memory[3 * PAGE] = 1;
	memory[7 * PAGE] = 1;
	memory[9 * PAGE] = 1; /* copied on write */
	for (int no_scan = 0; no_scan < 2; no_scan++) {
		pages.no_scan = no_scan;
		check_picture(&pages, memory, "..aa...a?a??????");
	}
	pages_live_close(&pages);
	munmap(memory, 16 * PAGE);
	fclose(file);
}

static int count_pages(void *context, const struct page_run *run, struct err *err)
{
	*(uint64_t *)context += (run->hi - run->lo) / PAGE;
	return 0;
}

static int stop(void *context, const struct page_run *run, struct err *err)
{
	return 7;
}

/* More runs than fit one answer of the kernel's. */
static void test_many_runs(void **state)
{
	const size_t size = 2048 * PAGE;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t lo = (uintptr_t)memory;
	struct pages_live pages;
	struct err err;

	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += 2 * PAGE)
		memory[at] = 1;
	assert_int_equal(pages_live_open(getpid(), &pages, &err), 0);
	for (int no_scan = 0; no_scan < 2; no_scan++) {
		uint64_t count = 0;

		pages.no_scan = no_scan;
		assert_int_equal(pages_live_each(&pages, lo, lo + size, count_pages, &count, &err),
		                 0);
		assert_int_equal(count, 1024);
		assert_int_equal(pages_live_each(&pages, lo, lo + size, stop, NULL, &err), 7);
		/* up to where no memory can be */
		assert_int_equal(
			pages_live_each(&pages, UINT64_MAX - 9, UINT64_MAX, stop, NULL, &err), 0);
	}
	pages_live_close(&pages);
	munmap(memory, size);
}

/* ---- Usage ------------------------------------------------------------------ */

static const char maps_text[] =
	"101000000000-101000001000 r--p 00000000 08:01 9 /nowhere\n"
	"101001000000-101001003000 rw-p 00000000 00:00 0\n"
	"101001fff000-101002000000 ---p 00000000 00:00 0\n"
	"101002000000-101002800000 rw-p 00000000 00:00 0\n"
	"101010000000-101020000000 ---p 00000000 00:00 0\n";

/* Of each mapping the first page is dirty, the second the page cache's, the third in swap. */
static int made_up_pages(const struct target *target, uint64_t lo, uint64_t hi,
                         pages_visitor *visit, void *context, struct err *err)
{
	for (unsigned i = 0; i < 3 && lo < hi; i++, lo += PAGE) {
		struct page_run run = {lo, lo + PAGE, i == 1, i == 2};
		int ret = visit(context, &run, err);

		if (ret)
			return ret;
	}
	return 0;
}

struct world {
	struct registry_builder builder;
	struct snapshot *snapshot;
	struct target target;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	w->snapshot = rb_snapshot(&w->builder);
	w->target.snapshot = w->snapshot;
	w->target.components = components_create(w->snapshot);
	*state = w;
	return maps_open_text(maps_text, &w->target.maps, &err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	target_close(&w->target);
	snapshot_destroy(w->snapshot);
	registry_builder_deinit(&w->builder);
	free(w);
	return 0;
}

static const struct target_ops made_up = {.pages = made_up_pages};

static void test_sum(void **state)
{
	struct world *w = *state;
	struct usage usage;
	bool has_pages;
	struct err err;

	assert_int_equal(
		usage_of(&w->target, &w->snapshot->threadprocs[1], &usage, &has_pages, &err), 0);
	assert_false(has_pages);
	assert_int_equal(usage.mapped, 0x804000);
	assert_int_equal(usage.reserved, 0x10001000);
	assert_int_equal(usage.resident, 0);
	w->target.ops = &made_up;
	assert_int_equal(
		usage_of(&w->target, &w->snapshot->threadprocs[1], &usage, &has_pages, &err), 0);
	assert_true(has_pages);
	assert_int_equal(usage.dirty, 5 * PAGE);
	assert_int_equal(usage.resident, 8 * PAGE);
	assert_int_equal(usage.swapped, 3 * PAGE);
}

static void test_areas(void **state)
{
	static const struct {
		enum place place;
		uint64_t resident;
	} expected[] = {
		{PLACE_FILE, PAGE},      {PLACE_HEAP, 2 * PAGE}, {PLACE_GUARD, PAGE},
		{PLACE_STACK, 2 * PAGE}, {PLACE_ANON, 2 * PAGE},
	};
	struct world *w = *state;
	struct areas areas;
	struct err err;

	w->target.ops = &made_up;
	assert_int_equal(areas_read(&w->target, SAMPLE_SLOT, SAMPLE_SLOT_2, &areas, &err), 0);
	assert_int_equal(areas.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(areas.list[i].place, expected[i].place);
		assert_int_equal(areas.list[i].usage.resident, expected[i].resident);
		assert_int_equal(areas.list[i].owner.tp->abi.id, 1);
	}
	assert_string_equal(areas.list[0].path, "/nowhere");
	assert_null(areas.list[1].path);
	areas_deinit(&areas);
	/* the one that begins below does not count */
	assert_int_equal(areas_read(&w->target, SAMPLE_SLOT + 1, SAMPLE_SLOT_2, &areas, &err), 0);
	assert_int_equal(areas.count, 4);
	areas_deinit(&areas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_many_runs),
		cmocka_unit_test_setup_teardown(test_sum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_areas, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
