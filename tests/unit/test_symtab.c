/* Ranges out of symbols that overlap, against the rule itself; tables good and spoilt. */
#include "lib/base/cleanup.h"
#include "lib/read/symtab.h"
#include "lib/read/symtab_ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SPAN 200u

/* ---- Ranges -------------------------------------------------------------- */

static bool is_closer(const struct symtab_candidate *c, const struct symtab_candidate *best)
{
	if (!best || c->value != best->value)
		return !best || c->value > best->value;
	if (c->rank != best->rank)
		return c->rank > best->rank;
	if (c->end != best->end)
		return c->end < best->end;
	return c->index < best->index;
}

static const struct symtab_candidate *covering(const struct symtab_candidate *list, size_t count,
                                               uint64_t addr, bool locals)
{
	const struct symtab_candidate *best = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct symtab_candidate *c = &list[i];

		if ((c->rank == SYMTAB_RANK_LOCAL) == locals && c->value <= addr && addr < c->end &&
		    is_closer(c, best))
			best = c;
	}
	return best;
}

static const struct symtab_candidate *label_at(const struct symtab_candidate *list, size_t count,
                                               uint64_t addr)
{
	const struct symtab_candidate *best = NULL;
	uint64_t floor = 0;

	for (size_t i = 0; i < count; i++) {
		if (list[i].value <= addr && list[i].end > floor)
			floor = list[i].end;
	}
	for (size_t i = 0; i < count; i++) {
		const struct symtab_candidate *c = &list[i];

		if (c->value == c->end && c->value >= floor && c->value <= addr &&
		    addr < c->bound && is_closer(c, best))
			best = c;
	}
	return best;
}

/* The rule as it is written, asked for one address. */
static uint32_t owner_by_rule(const struct symtab_candidate *list, size_t count, uint64_t addr)
{
	const struct symtab_candidate *found = covering(list, count, addr, false);

	if (!found)
		found = covering(list, count, addr, true);
	if (!found)
		found = label_at(list, count, addr);
	return found ? found->index : SYMTAB_NONE;
}

static uint32_t owner_by_ranges(const struct symtab_range *ranges, size_t count, uint64_t addr)
{
	uint32_t owner = SYMTAB_NONE;

	for (size_t i = 0; i < count && ranges[i].start <= addr; i++)
		owner = ranges[i].owner;
	return owner;
}

static struct symtab_candidate random_candidate(unsigned short seed[3], uint32_t index)
{
	struct symtab_candidate c = {
		.value = (uint64_t)nrand48(seed) % SPAN,
		.index = index,
		.rank = (uint8_t)(1 + nrand48(seed) % 3),
	};
	/* sections of 50 bytes; a label may lie outside of its own */
	uint64_t section = (uint64_t)nrand48(seed) % 8 ? c.value / 50 : 0;

	c.end = c.value;
	if (nrand48(seed) % 3)
		c.end += 1 + (uint64_t)nrand48(seed) % 40;
	c.bound = c.value / 50 == section ? (section + 1) * 50 : c.value;
	return c;
}

static void compare(const struct symtab_candidate *list, size_t count)
{
	struct symtab_candidate copy[64];
	struct symtab_range *ranges;
	size_t range_count;
	struct err err;

	memcpy(copy, list, count * sizeof(*list));
	assert_int_equal(symtab_ranges(copy, count, &ranges, &range_count, &err), 0);
	assert_int_equal(ranges[range_count - 1].owner, SYMTAB_NONE);
	for (size_t i = 1; i < range_count; i++) {
		assert_true(ranges[i].start > ranges[i - 1].start);
		assert_true(ranges[i].owner != ranges[i - 1].owner);
	}
	for (uint64_t addr = 0; addr < SPAN + 60; addr++) {
		if (owner_by_ranges(ranges, range_count, addr) != owner_by_rule(list, count, addr))
			fail_msg("%zu symbols, 0x%lx: %u, not %u", count, (unsigned long)addr,
			         owner_by_ranges(ranges, range_count, addr),
			         owner_by_rule(list, count, addr));
	}
	free(ranges);
}

static void test_ranges(void **state)
{
	unsigned short seed[3] = {2, 7, 1};
	struct symtab_candidate list[64];

	for (int round = 0; round < 3000; round++) {
		size_t count = (size_t)nrand48(seed) % COUNT(list);

		for (size_t i = 0; i < count; i++)
			list[i] = random_candidate(seed, (uint32_t)i);
		compare(list, count);
	}
}

static void test_ranges_at_the_ends(void **state)
{
	struct symtab_candidate list[] = {
		{.value = 0, .end = 4, .index = 0, .rank = SYMTAB_RANK_GLOBAL},
		{.value = UINT64_MAX - 1, .end = UINT64_MAX, .index = 1, .rank = SYMTAB_RANK_LOCAL},
		{.value = UINT64_MAX - 8, .end = UINT64_MAX, .index = 2, .rank = SYMTAB_RANK_WEAK},
	};
	struct symtab_range *ranges;
	struct err err;
	size_t count;

	assert_int_equal(symtab_ranges(list, COUNT(list), &ranges, &count, &err), 0);
	assert_int_equal(ranges[0].start, 0);
	assert_int_equal(ranges[0].owner, 0);
	assert_int_equal(owner_by_ranges(ranges, count, 4), SYMTAB_NONE);
	assert_int_equal(owner_by_ranges(ranges, count, UINT64_MAX - 1), 2);
	assert_int_equal(owner_by_ranges(ranges, count, UINT64_MAX), SYMTAB_NONE);
	free(ranges);
	assert_int_equal(symtab_ranges(NULL, 0, &ranges, &count, &err), 0);
	assert_int_equal(count, 1);
	free(ranges);
}

/* ---- Tables -------------------------------------------------------------- */

#define RANGES 4
#define NAMES 8

struct sample {
	struct symtab_header header;
	struct symtab_load loads[1];
	struct symtab_section sections[2];
	struct symtab_symbol symbols[2];
	uint64_t starts[RANGES];
	uint32_t owners[RANGES];
	char names[NAMES];
};

static void make_sample(struct sample *s)
{
	*s = (struct sample){
		.header = {.magic = SYMTAB_MAGIC,
	                   .version = SYMTAB_VERSION,
	                   .source = SYMTAB_FROM_SYMTAB,
	                   .load_count = 1,
	                   .section_count = 2,
	                   .symbol_count = 2,
	                   .range_count = RANGES,
	                   .names_size = NAMES},
		.loads = {{0, 0x1000, 0x1000}},
		.sections = {{0x1000, 0x800, 1, 0}, {0x1800, 0x800, 3, 0}},
		.symbols = {{.value = 0x1100, .size = 0x10, .name = 5},
	                    {.value = 0x1104, .size = 4, .name = 6}},
		.starts = {0x1100, 0x1104, 0x1108, 0x1110},
		.owners = {0, 1, 0, SYMTAB_NONE},
		.names = "\0a\0b\0cd",
	};
	s->header.size = symtab_size(&s->header);
	symtab_seal(s);
}

static int open_sample(const struct sample *s, struct symtab *ret_table)
{
	size_t size = sizeof(*s);
	void *block = malloc(size);
	struct err err;

	memcpy(block, s, size);
	if (!symtab_open(block, size, ret_table, &err))
		return 0;
	assert_int_equal(err.code, ERR_INVALID);
	free(block);
	return -1;
}

static void test_table(void **state)
{
	struct symtab table;
	struct sample s;

	make_sample(&s);
	assert_int_equal(open_sample(&s, &table), 0);
	assert_null(symtab_find(&table, 0x10ff));
	assert_ptr_equal(symtab_find(&table, 0x1100), &table.symbols[0]);
	assert_ptr_equal(symtab_find(&table, 0x1107), &table.symbols[1]);
	assert_ptr_equal(symtab_find(&table, 0x110f), &table.symbols[0]);
	assert_null(symtab_find(&table, 0x1110));
	assert_null(symtab_find(&table, UINT64_MAX));
	assert_ptr_equal(symtab_section_at(&table, 0x17ff), &table.sections[0]);
	assert_ptr_equal(symtab_section_at(&table, 0x1800), &table.sections[1]);
	assert_null(symtab_section_at(&table, 0x2000));
	symtab_close(&table);
}

/* A symbol far away must not cost memory, and the near ones are still found. */
static void test_far_apart(void **state)
{
	struct symtab table;
	struct sample s;

	make_sample(&s);
	s.starts[3] = UINT64_MAX;
	symtab_seal(&s);
	assert_int_equal(open_sample(&s, &table), 0);
	assert_ptr_equal(symtab_find(&table, 0x1105), &table.symbols[1]);
	assert_ptr_equal(symtab_find(&table, UINT64_MAX / 2), &table.symbols[0]);
	symtab_close(&table);
}

/* The checksum is right, what it is of is not. */
#define EXPECT_REFUSED(change)                                                                     \
	do {                                                                                       \
		make_sample(&s);                                                                   \
		change;                                                                            \
		symtab_seal(&s);                                                                   \
		if (!open_sample(&s, &table))                                                      \
			fail_msg("accepted: %s", #change);                                         \
	} while (0)

static void test_refused(void **state)
{
	struct symtab table;
	struct sample s;

	EXPECT_REFUSED(s.header.magic++);
	EXPECT_REFUSED(s.header.version++);
	EXPECT_REFUSED(s.header.source = SYMTAB_SOURCES);
	EXPECT_REFUSED(s.header.build_id_len = TP_BUILD_ID_SIZE + 1);
	EXPECT_REFUSED(s.header.symbol_count++);
	EXPECT_REFUSED(s.header.symbol_count--);
	EXPECT_REFUSED(s.header.names_size--);
	EXPECT_REFUSED(s.header.range_count = 0);
	EXPECT_REFUSED(s.header.debug_path = NAMES);
	EXPECT_REFUSED(s.header.debuglink = NAMES);
	EXPECT_REFUSED(s.names[0] = 'x');
	EXPECT_REFUSED(s.names[NAMES - 1] = 'x');
	EXPECT_REFUSED(s.symbols[1].name = NAMES);
	EXPECT_REFUSED(s.sections[1].name = NAMES);
	EXPECT_REFUSED(s.sections[1].addr = 0xfff);
	EXPECT_REFUSED(s.sections[1].size = UINT64_MAX);
	EXPECT_REFUSED(s.starts[1] = s.starts[0]);
	EXPECT_REFUSED(s.starts[2] = 0);
	EXPECT_REFUSED(s.owners[3] = 0);
	EXPECT_REFUSED(s.owners[1] = 2);
	EXPECT_REFUSED(s.owners[0] = 1); /* it begins above */
	make_sample(&s);
	s.owners[0] = SYMTAB_NONE;
	assert_int_equal(open_sample(&s, &table), -1); /* the checksum */
}

static void look_everywhere(const struct symtab *table)
{
	for (uint64_t at = 0x1000; at < 0x2100; at += 3) {
		const struct symtab_symbol *symbol = symtab_find(table, at);

		if (symbol)
			assert_true(strlen(table->names + symbol->name) < NAMES);
		symtab_section_at(table, at);
	}
	for (unsigned bit = 0; bit < 64; bit++)
		symtab_find(table, UINT64_C(1) << bit);
}

static void test_spoilt(void **state)
{
	unsigned short seed[3] = {1, 2, 3};
	struct symtab table;
	struct sample s;

	for (int round = 0; round < 20000; round++) {
		make_sample(&s);
		for (int i = 0; i < 1 + round % 3; i++)
			((char *)&s)[(size_t)nrand48(seed) % sizeof(s)] = (char)nrand48(seed);
		if (s.header.size == sizeof(s))
			symtab_seal(&s);
		if (open_sample(&s, &table))
			continue;
		look_everywhere(&table);
		symtab_close(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),  cmocka_unit_test(test_ranges_at_the_ends),
		cmocka_unit_test(test_table),   cmocka_unit_test(test_far_apart),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_spoilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
