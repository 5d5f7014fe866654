/* What the kernel says of a memory: read, and made to speak of another program. */
#include "loader/server/mm_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <string.h>
#include <unistd.h>

static const char LINE[] =
	"42 (a) b (c) S 1 42 42 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 1 0 77 2674688 288 "
	"18446744073709551615 93824992231424 93824992251705 140737488347664 0 0 0 0 4096 0 0 0 0 "
        "17 1 0 "
	"0 0 0 0 93824992267792 93824992269480 93824992272384 140737488348301 140737488348321 "
	"140737488348321 140737488351211 0\n";

static uint64_t value(const struct plan_mm *mm, uint64_t type)
{
	for (uint64_t i = 0; i < mm->aux_count; i += 2)
		if (mm->aux[i] == type)
			return mm->aux[i + 1];
	return UINT64_MAX;
}

static void test_stat(void **state)
{
	struct plan_mm mm = {0};
	struct err err;

	assert_int_equal(mm_view_parse_stat(LINE, &mm, &err), 0);
	assert_int_equal(mm.start_code, 93824992231424);
	assert_int_equal(mm.end_code, 93824992251705);
	assert_int_equal(mm.start_stack, 140737488347664);
	assert_int_equal(mm.start_data, 93824992267792);
	assert_int_equal(mm.end_data, 93824992269480);
	assert_int_equal(mm.start_brk, 93824992272384);
	assert_int_equal(mm.arg_start, 140737488348301);
	assert_int_equal(mm.env_end, 140737488351211);
}

static void test_stat_cut_short(void **state)
{
	const char *last = strstr(LINE, " 140737488351211");
	char line[sizeof(LINE)];
	struct err err;

	for (size_t length = 0; length <= (size_t)(last - LINE); length++) {
		struct plan_mm mm = {0};

		memcpy(line, LINE, length);
		line[length] = '\0';
		assert_int_equal(mm_view_parse_stat(line, &mm, &err), -1);
		assert_int_equal(mm.start_code, 0);
	}
}

static void test_aux(void **state)
{
	const uint64_t words[] = {AT_PHDR, 1, AT_PAGESZ, 4096, AT_ENTRY, 2, AT_NULL, 0, 5, 5};
	struct plan_mm mm = {0};
	struct err err;

	assert_int_equal(mm_view_take_aux(words, 10, &mm, &err), 0);
	assert_int_equal(mm.aux_count, 6);
	assert_int_equal(value(&mm, AT_PAGESZ), UINT64_MAX);
	assert_int_equal(value(&mm, AT_ENTRY), 2);
	for (size_t count = 0; count < 7; count++)
		assert_int_equal(mm_view_take_aux(words, count, &mm, &err), -1);
}

static void test_aux_too_long(void **state)
{
	uint64_t words[PLAN_AUX_WORDS + 2];
	struct plan_mm mm = {0};
	struct err err;

	for (size_t i = 0; i < PLAN_AUX_WORDS; i++)
		words[i] = AT_UID;
	words[PLAN_AUX_WORDS] = words[PLAN_AUX_WORDS + 1] = AT_NULL;
	assert_int_equal(mm_view_take_aux(words, PLAN_AUX_WORDS + 2, &mm, &err), -1);
	words[PLAN_AUX_WORDS - 2] = AT_NULL;
	assert_int_equal(mm_view_take_aux(words, PLAN_AUX_WORDS + 2, &mm, &err), 0);
	assert_int_equal(mm.aux_count, PLAN_AUX_WORDS);
}

static void test_program(void **state)
{
	const struct mm_program program = {
		.phdr = 11, .phnum = 12, .entry = 13, .base = 14, .execfn = 15};
	const uint64_t words[] = {AT_PHDR, 1, AT_PHNUM, 2, AT_ENTRY, 3,
	                          AT_BASE, 4, AT_UID,   5, AT_NULL,  0};
	struct plan_mm mm = {0};
	struct err err;

	assert_int_equal(mm_view_take_aux(words, 12, &mm, &err), 0);
	mm_view_set_program(&mm, &program);
	assert_int_equal(value(&mm, AT_PHDR), 11);
	assert_int_equal(value(&mm, AT_PHNUM), 12);
	assert_int_equal(value(&mm, AT_ENTRY), 13);
	assert_int_equal(value(&mm, AT_BASE), 14);
	assert_int_equal(value(&mm, AT_UID), 5);
	assert_int_equal(value(&mm, AT_EXECFN), UINT64_MAX);
}

static void test_own(void **state)
{
	struct plan_mm mm;
	struct err err;

	assert_int_equal(mm_view_read(getpid(), &mm, &err), 0);
	assert_true(mm.start_code && mm.start_code < mm.end_code);
	assert_true(mm.arg_start < mm.env_end);
	assert_int_not_equal(value(&mm, AT_ENTRY), UINT64_MAX);
	assert_int_equal(value(&mm, AT_PAGESZ), UINT64_MAX);
}

static void test_nobody(void **state)
{
	struct plan_mm mm;
	struct err err;

	assert_int_equal(mm_view_read(-1, &mm, &err), -1);
	assert_non_null(strstr(err.text, "/proc/-1/stat"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),    cmocka_unit_test(test_stat_cut_short),
		cmocka_unit_test(test_aux),     cmocka_unit_test(test_aux_too_long),
		cmocka_unit_test(test_program), cmocka_unit_test(test_own),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
