/* Memory as text: formats, quotes, strings and instructions, at the edges that GDB is not asked
 * about. */
#include "lib/base/cleanup.h"
#include "lib/read/disassemble.h"
#include "lib/read/examine.h"
#include "lib/read/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* ---- Formats ------------------------------------------------------------------ */

static void assert_format(const char *text, char last_letter, char last_size, int64_t count,
                          char letter, char size)
{
	struct examine_format last = {1, last_letter, last_size};
	struct examine_format format;
	struct err err;

	assert_int_equal(examine_parse(text, &last, &format, &err), 0);
	assert_int_equal(format.count, count);
	assert_int_equal(format.letter, letter);
	assert_int_equal(format.size, size);
}

static void test_formats(void **state)
{
	assert_format("8xg", 'd', 'b', 8, 'x', 'g');
	assert_format("gx", 'd', 'b', 1, 'x', 'g');
	assert_format("0u", 'd', 'b', 0, 'u', 'b');
	assert_format("xd", 'a', 'b', 1, 'd', 'b'); /* the last one counts */
}

static void test_format_defaults(void **state)
{
	assert_format("3", 'd', 'h', 3, 'd', 'h');
	assert_format("-", 'd', 'h', -1, 'd', 'h');
	assert_format("-12", 'x', 'w', -12, 'x', 'w');
	assert_format("a", 'x', 'w', 1, 'a', 'g');
	assert_format("c", 'x', 'w', 1, 'c', 'b');
	assert_format("f", 'x', 'b', 1, 'f', 'g');
	assert_format("f", 'x', 'w', 1, 'f', 'w');
	assert_format("s", 'x', 'w', 1, 's', '\0');
	assert_format("sg", 'x', 'w', 1, 's', 'b');
	assert_format("b", 'i', 'w', 1, 'x', 'b');
	assert_format("h", 's', 'b', 1, 's', 'h');
}

static void test_format_refused(void **state)
{
	static const char *const wrong[] = {"y",    "8xq", "x8",      "99999999999999999999x",
	                                    "--1x", " x",  "1000001b"};
	const struct examine_format last = EXAMINE_FORMAT_FIRST;
	struct examine_format format = {42};
	struct err err;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(examine_parse(wrong[i], &last, &format, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_int_equal(format.count, 42);
	}
}

/* ---- Quotes -------------------------------------------------------------------- */

static void assert_quoted(const void *bytes, size_t count, unsigned width, bool more,
                          const char *expected)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	quote_string(out, bytes, count, width, more);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_quotes(void **state)
{
	assert_quoted("", 0, 1, false, "\"\"");
	assert_quoted("\0", 1, 1, false, "\"\"");
	assert_quoted("a\0", 2, 1, false, "\"a\"");
	assert_quoted("a\0", 2, 1, true, "\"a\\000\"...");
	assert_quoted("a\"b\\\a\b\t\n\v\f\r\033", 12, 1, false,
	              "\"a\\\"b\\\\\\a\\b\\t\\n\\v\\f\\r\\033\"");
	/* a character of several bytes that does not end, and one that ends wrongly */
	assert_quoted("tail\303", 5, 1, false, "\"tail\", <incomplete sequence \\303>");
	assert_quoted("\342\202", 2, 1, false, " <incomplete sequence \\342\\202>");
	assert_quoted("\342\202(", 3, 1, false, "\"\\342\\202(\"");
	/* a digit behind a hexadecimal number would be a part of it */
	assert_quoted((uint32_t[]){0x110000, '1', 'g'}, 3, 4, false, "U\"\\x110000\\061g\"");
	assert_quoted((uint16_t[]){'a', 0xd800}, 2, 2, false,
	              "u\"a\", <incomplete sequence \\xd800>");
}

/* Ten in a row are text, eleven a repetition. */
static void test_repeats(void **state)
{
	assert_quoted("xxxxxxxxxx", 10, 1, false, "\"xxxxxxxxxx\"");
	assert_quoted("xxxxxxxxxxx", 11, 1, false, "'x' <repeats 11 times>");
	assert_quoted("axxxxxxxxxxxb", 13, 1, true, "\"a\", 'x' <repeats 11 times>, \"b\"...");
}

/* What would move the cursor, or turn text around, is never written as it is. */
static void test_hostile(void **state)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	assert_quoted("\342\200\256abc\302\233", 8, 1, false, "\"\\342\\200\\256abc\\302\\233\"");
	assert_quoted("\303\251", 2, 1, false, "\"\303\251\"");
	setlocale(LC_CTYPE, "C");
	assert_quoted("\303\251", 2, 1, false, "\"\\303\\251\"");
}

/* ---- Strings in memory ----------------------------------------------------------- */

static struct mem *memory(const void *bytes, size_t len)
{
	const struct mem_bytes run = {0x1000, bytes, len};
	struct mem *mem;
	struct err err;

	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	return mem;
}

static void assert_string(const void *bytes, size_t len, uint64_t addr, size_t characters,
                          const char *expected)
{
	struct mem *mem = memory(bytes, len);
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(examine_string(out, mem, addr, 1), characters);
	fclose(out);
	assert_string_equal(text, expected);
	mem_close(mem);
}

/* As GDB says it: what can be read, and what could not be. */
static void test_string_at_the_end(void **state)
{
	char long_one[300];

	assert_string("abc", 3, 0x1000, 3,
	              "\"abc\"<error: Cannot access memory at address 0x1003>");
	assert_string("abc", 3, 0x2000, 0, "<error: Cannot access memory at address 0x2000>");
	assert_string("abc", 4, 0x1001, 3, "\"bc\"");
	for (size_t i = 0; i < sizeof(long_one); i++)
		long_one[i] = (char)('a' + i % 3);
	/* just the 200 that are shown, with and without one more */
	long_one[200] = '\0';
	assert_string(long_one + 199, 2, 0x1000, 2, "\"b\"");
}

static void test_strings_before(void **state)
{
	static const char text[] = "one\0two\0three";
	struct mem *mem = memory(text, sizeof(text));
	char long_one[450];
	size_t found;

	assert_int_equal(examine_strings_before(mem, 0x1000 + 8, 1, 1, &found), 0x1000 + 8);
	assert_int_equal(examine_strings_before(mem, 0x1000 + 7, 1, 1, &found), 0x1000 + 4);
	assert_int_equal(found, 1);
	/* the first begins where memory does */
	assert_int_equal(examine_strings_before(mem, 0x1000 + 7, 5, 1, &found), 0x1000);
	assert_int_equal(found, 1);
	assert_int_equal(examine_strings_before(mem, 0, 1, 1, &found), 0);
	assert_int_equal(found, 0);
	mem_close(mem);

	/* a long one counts as several */
	memset(long_one, 'x', sizeof(long_one));
	mem = memory(long_one, sizeof(long_one));
	assert_int_equal(examine_strings_before(mem, 0x1000 + 450, 1, 1, &found),
	                 0x1000 + 450 - EXAMINE_STRING_MAX);
	assert_int_equal(found, 1);
	mem_close(mem);
}

/* ---- Instructions ------------------------------------------------------------------ */

static void name_it(void *context, uint64_t addr, char *dst, size_t size)
{
	snprintf(dst, size, "0x%" PRIx64 " <somewhere>", addr);
}

static void test_instructions(void **state)
{
	static const uint8_t code[] = {
		0x48, 0x89, 0xe5,             /* mov %rsp,%rbp */
		0xe8, 0xf8, 0xff, 0xff, 0xff, /* call 0x1000 */
		0x06,                         /* none in 64-bit mode */
		0x48, 0x8b,                   /* cut */
	};
	struct mem *mem = memory(code, sizeof(code));
	char text[DISASSEMBLE_TEXT_SIZE];
	struct err err;

	assert_int_equal(disassemble(mem, 0x1000, name_it, NULL, text, &err), 3);
	assert_string_equal(text, "mov    %rsp,%rbp");
	assert_int_equal(disassemble(mem, 0x1003, name_it, NULL, text, &err), 5);
	assert_string_equal(text, "call   0x1000 <somewhere>");
	assert_int_equal(disassemble(mem, 0x1003, NULL, NULL, text, &err), 5);
	assert_string_equal(text, "call   0x1000");
	assert_int_equal(disassemble(mem, 0x1008, NULL, NULL, text, &err), 1);
	assert_string_equal(text, "(bad)");
	assert_int_equal(disassemble(mem, 0x1009, NULL, NULL, text, &err), 1);
	assert_string_equal(text, "rex.W");
	assert_int_equal(disassemble(mem, 0x100b, NULL, NULL, text, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(disassemble(mem, 0, NULL, NULL, text, &err), -1);
	mem_close(mem);
}

/* Whatever the bytes are, an answer comes. */
static void test_any_instruction(void **state)
{
	uint8_t noise[4096 + INSTRUCTION_MAX];
	char text[DISASSEMBLE_TEXT_SIZE];
	uint32_t x = 1;
	struct mem *mem;
	struct err err;

	for (size_t i = 0; i < sizeof(noise); i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (uint8_t)(x >> 24);
	}
	mem = memory(noise, sizeof(noise));
	for (uint64_t at = 0; at < 4096; at++) {
		int len = disassemble(mem, 0x1000 + at, name_it, NULL, text, &err);

		assert_in_range(len, 1, INSTRUCTION_MAX);
	}
	mem_close(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),           cmocka_unit_test(test_format_defaults),
		cmocka_unit_test(test_format_refused),    cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_repeats),           cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_string_at_the_end), cmocka_unit_test(test_strings_before),
		cmocka_unit_test(test_instructions),      cmocka_unit_test(test_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
