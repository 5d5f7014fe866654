/* Hostile bytes on their way to a terminal. */
#include "lib/base/out.h"
#include "lib/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	const char *src;
	const char *dst;
};

static void check(const struct pair *pair)
{
	char *got = text_escape_dup(pair->src);

	assert_string_equal(got, pair->dst);
	free(got);
}

static void test_escape(void **state)
{
	static const struct pair pairs[] = {
		{"", ""},
		{"plain text, ~", "plain text, ~"},
		{"a\\b", "a\\\\b"},
		{"\033[31mred\n\t\177", "\\x1b[31mred\\x0a\\x09\\x7f"},
		{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
	         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"C1 \xc2\x9b", "C1 \\xc2\\x9b"},
		{"bidi \xe2\x80\xae!", "bidi \\xe2\\x80\\xae!"},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"overlong \xc0\xaf \xe0\x80\xaf", "overlong \\xc0\\xaf \\xe0\\x80\\xaf"},
		{"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
		{"beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
		{"cut \xe2\x82", "cut \\xe2\\x82"},
		{"cut \xc3(", "cut \\xc3("},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check(&pairs[i]);
}

static void test_bounds(void **state)
{
	char dst[8];

	assert_int_equal(text_escape(dst, 8, "1234567", 7), 7);
	assert_string_equal(dst, "1234567");
	assert_int_equal(text_escape(dst, 8, "12345678", 8), 7);
	assert_string_equal(dst, "1234...");
	assert_int_equal(text_escape(dst, 8, "12\033\033", 4), 5);
	assert_string_equal(dst, "12...");
	assert_int_equal(text_escape(dst, 3, "1234", 4), 2);
	assert_string_equal(dst, "..");
	assert_int_equal(text_escape(dst, 1, "1", 1), 0);
	assert_string_equal(dst, "");
	dst[0] = 'x';
	assert_int_equal(text_escape(dst, 0, "1", 1), 0);
	assert_int_equal(dst[0], 'x');
	assert_int_equal(text_escape(dst, 8, "a\0b", 3), 6);
	assert_string_equal(dst, "a\\x00b");
}

/* Every cut of every length stays in its buffer and is terminated. */
static void test_random(void **state)
{
	unsigned short seed[3] = {1, 2, 3};
	char src[64];

	for (int round = 0; round < 2000; round++) {
		size_t len = (size_t)nrand48(seed) % sizeof(src);
		size_t size = (size_t)nrand48(seed) % 80 + 1;
		char *dst = malloc(size);
		size_t got;

		for (size_t i = 0; i < len; i++)
			src[i] = (char)nrand48(seed);
		got = text_escape(dst, size, src, len);
		assert_true(got < size);
		assert_int_equal(strlen(dst), got);
		free(dst);
	}
}

static void test_colour(void **state)
{
	enum out_colour when;
	struct err err;

	assert_int_equal(out_colour_parse("always", &when, &err), 0);
	assert_true(out_colour_wanted(when, -1));
	assert_int_equal(out_colour_parse("never", &when, &err), 0);
	assert_false(out_colour_wanted(when, 1));
	assert_int_equal(out_colour_parse("auto", &when, &err), 0);
	assert_false(out_colour_wanted(when, -1));
	assert_int_equal(out_colour_parse("sometimes", &when, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
}

static void test_json(void **state)
{
	json_t *hex = out_json_hex(UINT64_C(0xffffffffffffffff));
	json_t *text = out_json_text("a\xff");
	json_t *bytes = out_json_bytes("\x01\xab", 2);

	assert_string_equal(json_string_value(hex), "0xffffffffffffffff");
	assert_string_equal(json_string_value(text), "a\\xff");
	assert_string_equal(json_string_value(bytes), "01ab");
	json_decref(hex);
	json_decref(text);
	json_decref(bytes);
}

static void test_table(void **state)
{
	static const struct out_column columns[] = {{"N", true}, {"NAME", false}};
	struct out_table *table;
	char *text = NULL;
	struct err err;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(out_table_create(columns, 2, false, &table, &err), 0);
	out_table_row(table);
	out_table_cell(table, 0, "%d", 12);
	out_table_cell(table, 1, "%s", "\033]0;title\007");
	out_table_style(table, 1, OUT_RED);
	assert_int_equal(out_table_print(table, file, &err), 0);
	out_table_destroy(table);
	fclose(file);
	assert_string_equal(text, " N NAME\n12 \\x1b]0;title\\x07\n");
	free(text);
}

static void test_empty_table(void **state)
{
	static const struct out_column columns[] = {{"N", true}};
	struct out_table *table;
	char *text = NULL;
	struct err err;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(out_table_create(columns, 1, false, &table, &err), 0);
	assert_int_equal(out_table_print(table, file, &err), 0);
	fputs("-- ", file);
	out_table_when_empty(table, "nobody");
	assert_int_equal(out_table_print(table, file, &err), 0);
	out_table_destroy(table);
	fclose(file);
	assert_string_equal(text, "-- nobody\n");
	free(text);
}

/* "\xc9\xb9" in a table: a locale without UTF-8 gets ASCII, and an end. */
static void check_letter(const char *locale, const char *want)
{
	static const struct out_column columns[] = {{"NAME", false}};
	struct out_table *table;
	char *text = NULL;
	struct err err;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(setlocale(LC_CTYPE, locale));
	assert_int_equal(out_table_create(columns, 1, false, &table, &err), 0);
	out_table_row(table);
	out_table_cell(table, 0, "%s", "a\xc9\xb9\xff");
	assert_int_equal(out_table_print(table, file, &err), 0);
	out_table_destroy(table);
	fputs("-- ", file);
	out_text(file, "a\xc9\xb9\xff");
	fclose(file);
	assert_string_equal(text, want);
	free(text);
	setlocale(LC_CTYPE, "C");
}

static void test_locale(void **state)
{
	char *ascii = text_escape_ascii_dup("a\\\xc3\xbc");

	assert_string_equal(ascii, "a\\\\\\xc3\\xbc");
	free(ascii);
	check_letter("C.UTF-8", "NAME\na\xc9\xb9\\xff\n-- a\xc9\xb9\\xff");
	check_letter("C", "NAME\na\\xc9\\xb9\\xff\n-- a\\xc9\\xb9\\xff");
}

static void test_base_name(void **state)
{
	assert_string_equal(text_base_name("/lib/libc.so.6"), "libc.so.6");
	assert_string_equal(text_base_name("libc.so.6"), "libc.so.6");
	assert_string_equal(text_base_name("/lib/"), "/lib/");
	assert_string_equal(text_base_name(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_name), cmocka_unit_test(test_escape),
		cmocka_unit_test(test_bounds),    cmocka_unit_test(test_random),
		cmocka_unit_test(test_colour),    cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_empty_table),     cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
