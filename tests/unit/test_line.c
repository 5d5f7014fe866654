/* The grammar of tpinspect's command lines: heads, words, expressions, where answers go. */
#include "inspect/line.h"
#include "inspect/nearest.h"
#include "inspect/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* ---- Heads --------------------------------------------------------------- */

static void assert_head(const char *text, const char *verb, const char *format, const char *rest)
{
	struct line_head head;
	struct err err;

	assert_int_equal(line_head(text, &head, &err), 0);
	assert_string_equal(head.verb, verb);
	assert_string_equal(head.format, format);
	assert_string_equal(head.rest, rest);
}

static void test_head(void **state)
{
	assert_head("", "", "", "");
	assert_head(" \t\r\n", "", "", " \t\r\n");
	assert_head("# list", "", "", "# list");
	assert_head(" list ", "list", "", " ");
	assert_head("x/8xg 10", "x", "8xg", " 10");
	assert_head("list|head", "list", "", "|head");
	assert_head("list>f", "list", "", ">f");
	assert_head("x/s|head", "x", "s", "|head");
}

static void test_head_refused(void **state)
{
	static const char *const bad[] = {
		"| head",
		"> f",
		"/x",
		"x/",
		"x/ 8",
		"x/8/x",
		"x/8-x",
		"x/+",
		"x/01234567890123456789012345678901234567890",
		"verbverbverbverbverbverbverbverbverbverbverbverbverbverbverbverbverb",
	};
	struct line_head head = {.verb = "untouched"};
	char *longest = calloc(1, LINE_LENGTH_MAX + 2);
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (line_head(bad[i], &head, &err) != -1)
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
	}
	assert_string_equal(head.verb, "untouched");
	memset(longest, ' ', LINE_LENGTH_MAX + 1);
	assert_int_equal(line_head(longest, &head, &err), -1);
	longest[LINE_LENGTH_MAX] = '\0';
	assert_int_equal(line_head(longest, &head, &err), 0);
	free(longest);
}

/* ---- Words and expressions ------------------------------------------------ */

/* Writes what a rest means as "[word][word]>target", to compare. */
static void describe(const char *rest, bool raw, char *dst, size_t size)
{
	static const char *const sinks[] = {"", "|", ">", ">>"};
	struct line line;
	struct err err;
	size_t used = 0;

	if (line_parse(rest, raw, &line, &err)) {
		assert_int_equal(err.code, ERR_USAGE);
		snprintf(dst, size, "refused");
		return;
	}
	dst[0] = '\0';
	for (int i = 0; i < line.count; i++)
		used += (size_t)snprintf(dst + used, size - used, "[%s]", line.words[i]);
	assert_null(line.words[line.count]);
	assert_int_equal(!line.target, line.sink == LINE_SINK_OUT);
	snprintf(dst + used, size - used, "%s%s", sinks[line.sink], line.target ? line.target : "");
	line_deinit(&line);
}

struct meaning {
	const char *rest;
	const char *meaning;
};

static void assert_meanings(const struct meaning *list, size_t count, bool raw)
{
	for (size_t i = 0; i < count; i++) {
		char text[512];

		describe(list[i].rest, raw, text, sizeof(text));
		if (strcmp(text, list[i].meaning) != 0)
			fail_msg("'%s' is %s, not %s", list[i].rest, text, list[i].meaning);
	}
}

#define ASSERT_MEANINGS(list, raw) assert_meanings(list, sizeof(list) / sizeof(list[0]), raw)

static void test_words(void **state)
{
	static const struct meaning list[] = {
		{"", ""},
		{" \t ", ""},
		{" a  b\tc\r\n", "[a][b][c]"},
		{" 'a b' \"c d\"", "[a b][c d]"},
		{" 'a'b\"c\"", "[abc]"},
		{" ''", "[]"},
		{" '\\'", "[\\]"},
		{" \"\\\"\\\\\\n\"", "[\"\\\\n]"},
		{" a\\ b \\'", "[a b][']"},
		{" a # b", "[a]"},
		{" a#b", "[a#b]"},
		{"#", ""},
		{" 'open", "refused"},
		{" \"open", "refused"},
		{" \"open\\", "refused"},
		{" a\\", "refused"},
		{" vector<int> operator|", "[vector<int>][operator|]"},
		{" p->next", "[p->next]"},
		{" a | head -1 | wc # no comment", "[a]|head -1 | wc # no comment"},
		{"|head", "|head"},
		{" a |head ", "[a]|head"},
		{" a |", "refused"},
		{" a | ", "refused"},
		{" a > f", "[a]>f"},
		{" a >f", "[a]>f"},
		{">f", ">f"},
		{" a >> 'the file'  # why", "[a]>>the file"},
		{" a >>f", "[a]>>f"},
		{" a >", "refused"},
		{" a > f g", "refused"},
		{" a > f | head", "refused"},
		{" a > ''", "refused"},
		{" a \\> f '>' f", "[a][>][f][>][f]"},
		{" --svg f -- --x", "[--svg][f][--][--x]"},
	};

	ASSERT_MEANINGS(list, false);
}

static void test_raw(void **state)
{
	static const struct meaning list[] = {
		{"", ""},
		{"  ", ""},
		{" *(struct list *)0x10 ", "[*(struct list *)0x10]"},
		{" a->b > f", "[a->b]>f"},
		{" a->b>f", "[a->b>f]"},
		{" a >f", "[a >f]"},
		{" a > f", "[a]>f"},
		{" (a > f)", "[(a > f)]"},
		{" a[b | c] {d # e}", "[a[b | c] {d # e}]"},
		{" a >> f", "[a]>>f"},
		{" (a >> 2)", "[(a >> 2)]"},
		{" a || b", "[a || b]"},
		{" a | head -1", "[a]|head -1"},
		{" a # why", "[a]"},
		{" \"a > b\" '\"' '\\'' | cat", "[\"a > b\" '\"' '\\'']|cat"},
		{" \"open > f", "[\"open > f]"},
		{" ) > f", "[)]>f"},
		{" --gdb *p", "[--gdb][*p]"},
		{" --depth=2 --gdb --x", "[--depth=2][--gdb][--x]"},
		{" -- --p > f", "[--][--p]>f"},
		{" --gdb", "[--gdb]"},
		{" --(p)", "[--(p)]"},
		{" --gdb | cat", "[--gdb]|cat"},
		{" *p --gdb", "[*p][--gdb]"},
		{" --in=1 a - b --gdb --svg='x y' | cat", "[--in=1][a - b][--gdb][--svg=x y]|cat"},
		{" a --b + c", "[a --b + c]"},
		{" a --b + c --d", "[a --b + c][--d]"},
		{" a --5", "[a --5]"},
		{" (a --b) \"c --d\"", "[(a --b) \"c --d\"]"},
		{" -- a --b", "[--][a --b]"},
		{" a --b='open", "refused"},
		{" a |", "refused"},
		{" a | ", "refused"},
		{" a > ", "refused"},
		{" a > f g", "refused"},
	};

	ASSERT_MEANINGS(list, true);
}

static void test_unquote(void **state)
{
	static const struct meaning list[] = {
		{"'a b'", "a b"}, {"\"a\"", "a"}, {"a", "a"},   {"", ""},
		{"'", "'"},       {"''", ""},     {"'a", "'a"}, {"'a' 'b'", "'a' 'b'"},
		{"a'b'", "a'b'"},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char word[32];

		snprintf(word, sizeof(word), "%s", list[i].rest);
		assert_string_equal(line_unquote(word), list[i].meaning);
	}
}

/* Any bytes: nothing is read or written where it should not (run with sanitizers). */
static void test_noise(void **state)
{
	static const char bytes[] = " \t'\"\\|>#-()[]{}ab/=\n\x80";
	unsigned short seed[3] = {1, 2, 3};
	char text[40], meaning[512];

	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)nrand48(seed) % sizeof(text);

		for (size_t i = 0; i < len; i++)
			text[i] = bytes[(size_t)nrand48(seed) % (sizeof(bytes) - 1)];
		text[len ? len - 1 : 0] = '\0';
		describe(text, round % 2, meaning, sizeof(meaning));
	}
}

/* ---- Options ------------------------------------------------------------- */

static const struct verb_option options[] = {
	{"svg", "FILE", "draws", TAKES_FILE},
	{"gdb", NULL, "shows", TAKES_NOTHING},
	{0},
};

static const struct verb verb = {
	.name = "draw", .usage = "[ID]", .format = "FMT", .options = options, .args_max = 1};
static const struct verb raw_verb = {.name = "draw",
                                     .usage = "EXPR",
                                     .options = options,
                                     .args_min = 1,
                                     .args_max = 1,
                                     .raw = true};

/* Splits the words and sorts them; the line is the caller's. */
static int sort(const struct verb *of, const char *rest, struct line *line, struct verb_args *args,
                struct err *err)
{
	assert_int_equal(line_parse(rest, of->raw, line, err), 0);
	return options_parse(of, line->words, line->count, args, err);
}

static void test_options(void **state)
{
	struct verb_args args;
	struct line line;
	struct err err;

	assert_int_equal(sort(&verb, " --svg a 2 --gdb --svg=b", &line, &args, &err), 0);
	assert_int_equal(args.count, 1);
	assert_string_equal(args.words[0], "2");
	assert_null(args.words[1]);
	assert_string_equal(args.options[0], "b");
	assert_string_equal(args.options[1], "");
	line_deinit(&line);

	assert_int_equal(sort(&verb, " --svg= -- --gdb", &line, &args, &err), 0);
	assert_string_equal(args.words[0], "--gdb");
	assert_string_equal(args.options[0], "");
	assert_null(args.options[1]);
	line_deinit(&line);

	assert_int_equal(sort(&verb, " -", &line, &args, &err), 0);
	assert_string_equal(args.words[0], "-");
	line_deinit(&line);

	assert_int_equal(sort(&raw_verb, " --gdb --svg=a a - b", &line, &args, &err), 0);
	assert_string_equal(args.words[0], "a - b");
	assert_string_equal(args.options[0], "a");
	line_deinit(&line);
}

static void assert_refused(const struct verb *of, const char *rest, const char *why)
{
	struct verb_args args;
	struct line line;
	struct err err;

	assert_int_equal(sort(of, rest, &line, &args, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, why);
	line_deinit(&line);
}

static void test_options_refused(void **state)
{
	assert_refused(&verb, " --svg", "--svg needs a value: --svg=FILE");
	assert_refused(&verb, " --gdb=1", "--gdb takes no value");
	assert_refused(&verb, " --svh a", "draw has no option '--svh'; did you mean '--svg'?");
	assert_refused(&verb, " --colour", "draw has no option '--colour'");
	assert_refused(&verb, " 1 2", "usage: draw[/FMT] [--svg FILE] [--gdb] [ID]");
	assert_refused(&raw_verb, " --svg a", "--svg needs a value: --svg=FILE");
	assert_refused(&raw_verb, " --gdb", "usage: draw [--svg=FILE] [--gdb] EXPR");
}

static void test_option_number(void **state)
{
	static const char *const bad[] = {
		"", " 1", "-1", "+1", "1x", "11", "0", "18446744073709551616", "0x5"};
	uint64_t number = 77;
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(option_number("count", bad[i], 1, 10, &number, &err), -1);
	assert_int_equal(number, 77);
	assert_string_equal(err.text, "count: '0x5' is no number from 1 to 10");
	assert_int_equal(option_number("count", "10", 1, 10, &number, &err), 0);
	assert_int_equal(number, 10);
}

/* ---- Nearest ------------------------------------------------------------- */

static const char *nearest_of(const char *word)
{
	static const char *const words[] = {"list", "owner", "modules", "fds", "list"};
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_consider(&nearest, words[i]);
	return nearest_found(&nearest);
}

static void test_nearest(void **state)
{
	char longest[NEAREST_LENGTH_MAX + 2];

	assert_int_equal(nearest_distance("", ""), 0);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("abc", "acb"), 1);
	assert_int_equal(nearest_distance("ca", "abc"), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_true(nearest_distance(longest, longest) == SIZE_MAX);
	longest[sizeof(longest) - 2] = '\0';
	assert_int_equal(nearest_distance(longest, longest), 0);

	assert_string_equal(nearest_of("lsit"), "list");
	assert_string_equal(nearest_of("owners"), "owner");
	assert_string_equal(nearest_of("onwer"), "owner");
	assert_string_equal(nearest_of("fdd"), "fds");
	assert_null(nearest_of("x"));
	assert_null(nearest_of(""));
	assert_null(nearest_of("nothing alike"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),          cmocka_unit_test(test_head_refused),
		cmocka_unit_test(test_words),         cmocka_unit_test(test_raw),
		cmocka_unit_test(test_unquote),       cmocka_unit_test(test_noise),
		cmocka_unit_test(test_options),       cmocka_unit_test(test_options_refused),
		cmocka_unit_test(test_option_number), cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
