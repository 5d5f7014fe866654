/* Symbols by name: exact, by pattern, by expression. */
#include "lib/base/cleanup.h"
#include "lib/read/symbol_search.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct symtab_entry entries[] = {
	{"second", 0x1300, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	{"first", 0x1200, 0x10, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
	{"_ZN3foo3barEi", 0x1400, 0x10, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
	{"_ZN3foo3barEv", 0x1410, 0x10, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
	{"_ZN3foo4barsEv", 0x1420, 0x10, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
	{"memcpy@@GLIBC_2.14", 0x1500, 0x10, STB_GLOBAL, STT_GNU_IFUNC, SYMTAB_TEXT},
	{"local_to_thread", 0x8, 0x4, STB_GLOBAL, STT_TLS, SYMTAB_DATA},
	{"evil\033[2J", 0x1600, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	{"_ZN3fooixEi", 0x1700, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
};

static int setup(void **state)
{
	AUTO_CLOSE int fd =
		symtab_builder_fd(SHT_SYMTAB, entries, sizeof(entries) / sizeof(entries[0]), 0);
	struct symbols *symbols;
	struct err err;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (symbols_open(path, &symbols, &err))
		fail_msg("%s", err.text);
	*state = symbols;
	return 0;
}

static int teardown(void **state)
{
	symbols_close(*state);
	return 0;
}

/* The names of what matches, each with a blank behind it. */
static void expect(const struct symbols *symbols, const char *word, const char *names)
{
	struct symbol_pattern *pattern;
	struct symbol_matches matches;
	char found[256] = "";
	struct err err;

	assert_int_equal(symbol_pattern_create(word, &pattern, &err), 0);
	assert_int_equal(symbol_search(symbols, pattern, NULL, NULL, &matches, &err), 0);
	for (uint32_t i = 0; i < matches.count; i++) {
		strcat(found, symbols_text(symbols, matches.list[i], NULL));
		strcat(found, " ");
	}
	if (strcmp(found, names))
		fail_msg("%s: '%s', not '%s'", word, found, names);
	free(matches.list);
	symbol_pattern_destroy(pattern);
}

static void test_names(void **state)
{
	expect(*state, "first", "first ");
	expect(*state, "firs", "");
	expect(*state, "foo::bar", "foo::bar(int) foo::bar() ");
	expect(*state, "foo::bar(int)", "foo::bar(int) ");
	expect(*state, "_ZN3foo3barEv", "foo::bar() ");
	expect(*state, "memcpy", "memcpy ");
	expect(*state, "memcpy@@GLIBC_2.14", "memcpy ");
	expect(*state, "foo::operator[]", "foo::operator[](int) ");
	expect(*state, "evil\\x1b[2J", "evil\\x1b[2J "); /* escaped, as it is shown */
}

static void test_patterns(void **state)
{
	expect(*state, "*st", "first ");
	expect(*state, "foo::ba*", "foo::bar(int) foo::bar() foo::bars() ");
	expect(*state, "[fs]*o[nr]d", "second ");
	expect(*state, "local*", "local_to_thread ");
	expect(*state, "/^(first|second)$/", "first second ");
	expect(*state, "/thread|cpy/", "memcpy local_to_thread "); /* that comes last */
	expect(*state, "/evil.x1b/", "evil\\x1b[2J ");
	expect(*state, "//", "");
}

static void test_refused(void **state)
{
	struct symbol_pattern *pattern;
	struct err err;

	assert_int_equal(symbol_pattern_create("/(/", &pattern, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(symbol_pattern_create("", &pattern, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
}

static bool at_once(void *context)
{
	return true;
}

static void test_stopped(void **state)
{
	struct symbol_pattern *pattern;
	struct symbol_matches matches;
	struct err err;

	assert_int_equal(symbol_pattern_create("*", &pattern, &err), 0);
	assert_int_equal(symbol_search(*state, pattern, at_once, NULL, &matches, &err), 0);
	assert_int_equal(matches.count, 0);
	symbol_pattern_destroy(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stopped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
