/* Thread-local storage in made-up memory: found by the C library's lists and its link map, and
 * lies. */
#include "lib/read/component.h"
#include "lib/read/tls.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define DATA (SAMPLE_PROGRAM + 0x3000)
#define AREA (SAMPLE_SLOT + 0x3000000)
#define AREA_SIZE 0x8000u

/* In the program's data: the heads of two lists of threads. */
#define USED (DATA + 0x100)
#define USER (DATA + 0x110)
/* In the area: two control blocks, their tables of blocks, r_debug, a link map, a dynamic block. */
#define MAIN (AREA + 0x1000)
#define OTHER (AREA + 0x3000)
#define MAIN_TABLE (AREA + 0x5000)
#define OTHER_TABLE (AREA + 0x5200)
#define DEBUG (AREA + 0x5400)
#define MAP (AREA + 0x5500)
#define BLOCK (AREA + 0x6000)

#define LIST 0x2c0u
#define TID 0x2d0u

struct world {
	struct registry_builder builder;
	struct snapshot *snapshot;
	uint8_t program[0x4000];
	uint8_t area[AREA_SIZE];
	struct target target;
};

static uint64_t *word(struct world *w, uint64_t addr)
{
	return (uint64_t *)(addr >= AREA ? w->area + (addr - AREA)
	                                 : w->program + (addr - SAMPLE_PROGRAM));
}

static void put_headers(struct world *w)
{
	static const Elf64_Phdr phdrs[] = {
		{PT_LOAD, PF_R | PF_W, 0x3000, 0x3000, 0, 0x1000, 0x1000, 0x1000},
		{PT_TLS, PF_R, 0x3800, 0x3800, 0, 8, 0x40, 8},
	};
	const Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1},
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};

	memcpy(w->program, &header, sizeof(header));
	memcpy(w->program + sizeof(header), phdrs, sizeof(phdrs));
}

static void put_thread(struct world *w, uint64_t pointer, uint64_t head, uint64_t table,
                       int32_t tid)
{
	*word(w, pointer) = pointer;
	*word(w, pointer + 8) = table;
	*word(w, pointer + 16) = pointer;
	*word(w, pointer + LIST) = head;
	*word(w, pointer + LIST + 8) = head;
	*word(w, pointer + TID) = (uint32_t)tid;
	*word(w, head) = pointer + LIST;
	*word(w, head + 8) = pointer + LIST;
	*word(w, table - 16) = 3;
	*word(w, table + 16) = UINT64_MAX;
	*word(w, table + 32) = UINT64_MAX;
}

/* What rtld keeps of PT_TLS, somewhere behind the public part of the link map. */
static void put_map(struct world *w, uint64_t offset, uint64_t id)
{
	const uint64_t record[] = {SAMPLE_PROGRAM + 0x3800, 8, 0x40, 8, 0, offset, id};

	*word(w, DEBUG) = 1;
	*word(w, DEBUG + 8) = MAP;
	*word(w, MAP) = SAMPLE_PROGRAM;
	memcpy(word(w, MAP + 0x300), record, sizeof(record));
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mem_bytes runs[] = {{SAMPLE_PROGRAM, w->program, sizeof(w->program)},
	                           {AREA, w->area, sizeof(w->area)}};
	struct err err;

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	rb_threadproc(&w->builder, 1)->r_debug = DEBUG;
	w->snapshot = rb_snapshot(&w->builder);
	w->target.snapshot = w->snapshot;
	w->target.components = components_create(w->snapshot);
	put_headers(w);
	put_thread(w, MAIN, USER, MAIN_TABLE, 71);
	put_thread(w, OTHER, USED, OTHER_TABLE, 72);
	put_map(w, 0x100, 1);
	*state = w;
	return maps_open_text("", &w->target.maps, &err) ||
	       mem_open_bytes(runs, 2, &w->target.mem, &err);
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

static struct tls ask(struct world *w)
{
	struct tls tls;
	struct err err;

	assert_int_equal(tls_read(&w->target, &w->snapshot->threadprocs[1], &tls, &err), 0);
	for (size_t i = 0; i < tls.count; i++)
		assert_true(tls.list[i].lo < tls.list[i].hi);
	return tls;
}

static void check_block(const struct tls *tls, uint64_t addr, pid_t tid, uint64_t lo, bool module)
{
	const struct tls_block *block = tls_at(tls, addr);

	assert_non_null(block);
	assert_int_equal(block->tid, tid);
	assert_int_equal(block->lo, lo);
	assert_true(!block->module == !module);
}

static void test_static_blocks(void **state)
{
	struct tls tls = ask(*state);

	assert_int_equal(tls.count, 4);
	check_block(&tls, MAIN, 71, MAIN, false);
	check_block(&tls, MAIN - 0x100, 71, MAIN - 0x100, true);
	check_block(&tls, MAIN - 0xc1, 71, MAIN - 0x100, true);
	check_block(&tls, OTHER - 0x100 + 5, 72, OTHER - 0x100, true);
	assert_null(tls_at(&tls, MAIN - 0xc0));
	assert_null(tls_at(&tls, MAIN - 0x101));
	assert_null(tls_at(&tls, 0));
	tls_deinit(&tls);
}

/* Of no fixed place: one thread has used it, the other has not. */
static void test_dynamic_blocks(void **state)
{
	struct world *w = *state;
	struct tls tls;

	put_map(w, UINT64_MAX, 2);
	*word(w, OTHER_TABLE + 32) = BLOCK;
	tls = ask(w);
	assert_int_equal(tls.count, 3);
	check_block(&tls, BLOCK + 0x3f, 72, BLOCK, true);
	tls_deinit(&tls);
}

static void spoil(struct world *w, uint64_t addr, uint64_t value)
{
	uint64_t before = *word(w, addr);
	struct tls tls;

	*word(w, addr) = value;
	tls = ask(w);
	tls_deinit(&tls);
	*word(w, addr) = before;
}

static void test_lies(void **state)
{
	struct world *w = *state;
	struct tls tls;

	spoil(w, USER, OTHER + LIST);
	spoil(w, MAIN + LIST, MAIN + LIST);
	spoil(w, MAIN + LIST, UINT64_MAX);
	spoil(w, MAIN + 8, UINT64_MAX);
	spoil(w, MAIN + 8, 8);
	spoil(w, MAIN_TABLE - 16, UINT64_MAX);
	spoil(w, DEBUG + 8, UINT64_MAX - 3);
	spoil(w, MAP + 24, MAP); /* a ring of link maps */
	spoil(w, MAP + 0x300 + 40, UINT64_MAX);
	spoil(w, MAP + 0x300 + 48, UINT64_MAX / 16);
	spoil(w, SAMPLE_PROGRAM + 32, UINT64_MAX);
	spoil(w, SAMPLE_PROGRAM + 56, UINT64_MAX); /* numbers and sizes of headers */
	spoil(w, SAMPLE_PROGRAM + 64 + 40, UINT64_MAX);
	tls = ask(w);
	assert_int_equal(tls.count, 4);
	tls_deinit(&tls);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void test_noise(void **state)
{
	static const uint64_t places[] = {
		USED,  MAIN, MAIN + LIST, OTHER,         OTHER + LIST, MAIN_TABLE - 16,
		DEBUG, MAP,  MAP + 0x300, SAMPLE_PROGRAM};
	struct world *w = *state;
	uint64_t seed = 7;

	for (int i = 0; i < 3000; i++) {
		uint64_t place = places[next_random(&seed) % 10] + next_random(&seed) % 8 * 8;
		uint64_t value = next_random(&seed) % 3 ? AREA + next_random(&seed) % AREA_SIZE
		                                        : next_random(&seed) << 33;

		spoil(w, place, value);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_static_blocks),
		TEST(test_dynamic_blocks),
		TEST(test_lies),
		TEST(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
