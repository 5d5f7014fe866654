/* Patterns, and finding them in memory: at ends, across blocks, and never twice. */
#include "lib/base/cleanup.h"
#include "lib/read/needle.h"
#include "lib/read/pattern.h"
#include "lib/read/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* ---- Needles ------------------------------------------------------------------------ */

static size_t find_plainly(const struct needle *n, const uint8_t *hay, size_t len, size_t from)
{
	for (size_t i = from; i + n->len <= len; i++) {
		size_t j = 0;

		while (j < n->len && (hay[i + j] & n->mask[j]) == n->bytes[j])
			j++;
		if (j == n->len)
			return i;
	}
	return len;
}

/* Few different bytes, so that there is much to find; every length, place and alignment. */
static void test_needle(void **state)
{
	uint8_t hay[300];
	uint32_t x = 7;

	for (int round = 0; round < 20000; round++) {
		struct needle n = {.len = 1 + (x >> 9) % 6};
		size_t len = (x >> 3) % sizeof(hay), from = (x >> 17) % 40;
		size_t got;

		for (size_t i = 0; i < sizeof(hay); i++) {
			x = x * 1664525 + 1013904223;
			hay[i] = "\0\1e"[(x >> 24) % 3];
		}
		for (size_t i = 0; i < n.len; i++) {
			x = x * 1664525 + 1013904223;
			n.bytes[i] = "\0\1e"[(x >> 24) % 3];
			n.mask[i] = (x >> 16) % 5 ? 0xff : 0;
		}
		if (!needle_prepare(&n))
			continue;
		got = needle_find(&n, hay, len, from);
		assert_int_equal(got, find_plainly(&n, hay, len, from));
	}
}

static void test_needle_nothing(void **state)
{
	struct needle n = {.len = 2};

	assert_false(needle_prepare(&n)); /* any bytes at all */
}

/* ---- Patterns ------------------------------------------------------------------------- */

static void assert_finds(const char *text, unsigned size, const void *hay, size_t len,
                         size_t expected_at, size_t expected_len)
{
	struct pattern *p;
	struct err err;
	size_t at = 0, found = 0;

	assert_int_equal(pattern_create(text, size, &p, &err), 0);
	assert_int_equal(pattern_find(p, hay, len, 0, &at, &found, &err), 1);
	assert_int_equal(at, expected_at);
	assert_int_equal(found, expected_len);
	pattern_destroy(p);
}

#define FINDS(text, size, hay, at, len) assert_finds(text, size, hay, sizeof(hay) - 1, at, len)

static void test_patterns(void **state)
{
	FINDS("de:AD:be:ef", 0, "..\xde\xad\xbe\xef", 2, 4);
	FINDS("de:??:be", 0, "\xde\xad\xbf\xde\x00\xbe", 3, 3);
	FINDS("\"a\\n\\\"\\x41\\101\\0\"", 0, "..a\n\"AA\0", 2, 6);
	FINDS("\"caf\303\251\"", 0, "caf\303\251", 0, 5);
	FINDS("u\"h\303\251\360\237\230\200\"", 0, ".h\0\351\0\x3d\xd8\x00\xde", 1, 8);
	FINDS("U\"h\342\202\254\"", 0, "h\0\0\0\254\x20\0\0", 0, 8);
	FINDS("0x1122", 0, "..\x22\x11\0\0\0\0\0\0", 2, 8);
	FINDS("0x1122", 2, "..\x22\x11", 2, 2);
	FINDS("258", 0, ".\2\1\0\0", 1, 4);
	FINDS("-1", 1, ".\xff", 1, 1);
	FINDS("-128", 1, ".\x80", 1, 1);
	FINDS("18446744073709551615", 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 0, 8);
	FINDS("plain", 0, "a plain word", 2, 5);
	FINDS("de:ad:b", 0, "de:ad:b", 0, 7); /* no pairs: a text */
	FINDS("/w[ao]rd.\\x00/s", 0, "a word\n\0", 2, 6);
	FINDS("/WORD/i", 0, "a word", 2, 4);
	FINDS("/\\x{20ac}/u", 0, "\xff\342\202\254", 1, 3);
	FINDS("/a\\/b/", 0, "a/b", 0, 3);
}

static void test_wrong_patterns(void **state)
{
	static const struct {
		const char *text;
		unsigned size;
	} wrong[] = {
		{"", 0},
		{"\"open", 0},
		{"\"a\"b", 0},
		{"\"\"", 0},
		{"\"\\", 0},
		{"12x", 0},
		{"0x", 0},
		{"256", 1},
		{"-129", 1},
		{"65536", 2},
		{"4294967296", 0},
		{"??:??", 0},
		{"/a(/", 0},
		{"/a", 0},
		{"/a/q", 0},
		{"//", 0},
		{"/", 0},
		{"-9223372036854775809", 8},
		{"99999999999999999999", 8},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pattern *p = NULL;
		struct err err;

		assert_int_equal(pattern_create(wrong[i].text, wrong[i].size, &p, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

/* An expression that would take for ever ends. */
static void test_exploding(void **state)
{
	char hay[4096];
	struct pattern *p;
	struct err err;
	size_t at, len;

	memset(hay, 'a', sizeof(hay));
	assert_int_equal(pattern_create("/(a+)+b/", 0, &p, &err), 0);
	if (pattern_find(p, (uint8_t *)hay, sizeof(hay), 0, &at, &len, &err))
		assert_int_equal(err.code, ERR_LIMIT);
	pattern_destroy(p);
}

/* ---- Memory ------------------------------------------------------------------------------- */

struct finds {
	uint64_t list[64];
	size_t lengths[64];
	size_t count;
	size_t stop_at; /* 0: never */
	uint64_t stepped;
};

static int note(void *context, const struct scan_piece *piece, uint64_t addr, const uint8_t *bytes,
                size_t len, size_t has, struct err *err)
{
	struct finds *finds = context;

	assert_true(finds->count < 64);
	assert_true(has >= len);
	finds->lengths[finds->count] = len;
	finds->list[finds->count++] = addr;
	return finds->count == finds->stop_at ? 5 : 0;
}

static int step(void *context, uint64_t bytes, struct err *err)
{
	((struct finds *)context)->stepped += bytes;
	return 0;
}

#define LO UINT64_C(0x10000)
#define SIZE (3 * SCAN_BLOCK)

static char memory[SIZE];

static int search(const char *text, unsigned align, struct finds *finds)
{
	const struct mem_bytes run = {LO, memory, SIZE};
	const struct search_visitor visitor = {note, step, finds};
	struct scan_piece piece = {.lo = LO, .hi = LO + SIZE};
	struct scan_plan plan = {&piece, 1, SIZE};
	struct pattern *pattern;
	struct mem *mem;
	struct err err;
	int ret;

	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	assert_int_equal(pattern_create(text, 0, &pattern, &err), 0);
	ret = search_each(mem, &plan, pattern, align, &visitor, &err);
	pattern_destroy(pattern);
	mem_close(mem);
	return ret;
}

static int fill(void **state)
{
	memset(memory, '.', sizeof(memory));
	return 0;
}

/* At the very beginning, across blocks in every way, at the very end; each once. */
static void test_across_blocks(void **state)
{
	static const char needle[] = "needle";
	struct finds finds = {0};

	for (size_t i = 0; i <= 6; i++) {
		fill(state);
		memcpy(memory, needle, 6);
		memcpy(memory + SCAN_BLOCK - 6 + i, needle, 6);
		memcpy(memory + 2 * SCAN_BLOCK - 6 + i, needle, 6);
		memcpy(memory + SIZE - 6, needle, 6);
		finds = (struct finds){0};
		assert_int_equal(search("needle", 1, &finds), 0);
		assert_int_equal(finds.count, 4);
		assert_int_equal(finds.list[1], LO + SCAN_BLOCK - 6 + i);
		finds = (struct finds){0};
		assert_int_equal(search("/ne+dl(e)/", 1, &finds), 0);
		assert_int_equal(finds.count, 4);
		assert_int_equal(finds.list[2], LO + 2 * SCAN_BLOCK - 6 + i);
		assert_int_equal(finds.list[3], LO + SIZE - 6);
	}
	assert_true(finds.stepped >= SIZE);
}

/* What lies in the part of a block that the next begins with is found once. */
static void test_once(void **state)
{
	struct finds finds = {0};

	memcpy(memory + SCAN_BLOCK - 1000, "needle", 6);
	memcpy(memory + 2 * SCAN_BLOCK - 4000, "needle", 6);
	assert_int_equal(search("/needle/", 1, &finds), 0);
	assert_int_equal(finds.count, 2);
}

/* What is greedy gets all of it, also where a block ends within. */
static void test_greedy(void **state)
{
	struct finds finds = {0};

	memset(memory + SCAN_BLOCK - 100, 'x', 300);
	assert_int_equal(search("/x+/", 1, &finds), 0);
	assert_int_equal(finds.count, 1);
	assert_int_equal(finds.list[0], LO + SCAN_BLOCK - 100);
	assert_int_equal(finds.lengths[0], 300);
}

/* Longer than can be: it is cut, but found. */
static void test_long_match(void **state)
{
	struct finds finds = {0};

	memset(memory + SCAN_BLOCK - 10000, 'x', 20000);
	assert_int_equal(search("/x+/", 1, &finds), 0);
	assert_true(finds.count >= 1);
	assert_int_equal(finds.list[0], LO + SCAN_BLOCK - 10000);
}

static void test_overlapping(void **state)
{
	struct finds finds = {0};

	memcpy(memory + 100, "aaaa", 4);
	assert_int_equal(search("aa", 1, &finds), 0);
	assert_int_equal(finds.count, 3);
	finds = (struct finds){0};
	assert_int_equal(search("aa", 2, &finds), 0);
	assert_int_equal(finds.count, 2);
	finds = (struct finds){0};
	assert_int_equal(search("/aa/", 1, &finds), 0);
	assert_int_equal(finds.count, 2);
}

static void test_stop(void **state)
{
	struct finds finds = {.stop_at = 2};

	memcpy(memory + 100, "aaaa", 4);
	assert_int_equal(search("aa", 1, &finds), 5);
	assert_int_equal(finds.count, 2);
}

#define IN_MEMORY(function) cmocka_unit_test_setup(function, fill)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needle),
		cmocka_unit_test(test_needle_nothing),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_wrong_patterns),
		cmocka_unit_test(test_exploding),
		IN_MEMORY(test_across_blocks),
		IN_MEMORY(test_once),
		IN_MEMORY(test_greedy),
		IN_MEMORY(test_long_match),
		IN_MEMORY(test_overlapping),
		IN_MEMORY(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
