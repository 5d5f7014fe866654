/* What tpinspect's prompt completes, and how it measures the screen. */
#include "inspect/complete.h"
#include "inspect/pager.h"
#include "inspect/session.h"
#include "tests/unit/registry_builder.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct registry_builder builder;
static struct session session;

static int setup(void **state)
{
	struct err err;

	registry_builder_sample(&builder, (struct registry_shape){0});
	if (session_init(&session, "fake", stdout, stderr, &err))
		return -1;
	return registry_from_bytes(builder.bytes, builder.size, &session.registry, &err);
}

static int teardown(void **state)
{
	session_deinit(&session);
	registry_builder_deinit(&builder);
	return 0;
}

/* The candidates for the word at the end of a line, as "start: a b". */
static void assert_completes(const char *line, const char *expected)
{
	struct completion completion;
	char text[4096];
	size_t used;

	complete_line(&session, line, &completion);
	used = (size_t)snprintf(text, sizeof(text), "%zu:", completion.start);
	if (completion.file)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " FILE");
	for (size_t i = 0; i < completion.list.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
		                         completion.list.words[i]);
	completion_deinit(&completion);
	if (strcmp(text, expected) != 0)
		fail_msg("'%s' is '%s', not '%s'", line, text, expected);
}

static void test_verbs(void **state)
{
	assert_completes("lis", "0: list");
	assert_completes("  lis", "2: list");
	assert_completes("nonsense", "0:");
	assert_completes("help qu", "5: quit");
	assert_completes("help lis", "5: list");
	assert_completes("# lis", "5:");
	assert_completes("nonsense lis", "12:");
	assert_completes("| lis", "5:");
}

static void test_components(void **state)
{
	assert_completes("modules ", "8: allocstr gone printstr");
	assert_completes("modules  all", "9: allocstr");
	assert_completes("modules 1", "8: 1");
	assert_completes("modules x", "8:");
	assert_completes("names ", "6:");
}

/* Image 1 is a file with symbols now. */
static void use_file(int fd)
{
	struct tp_image *record = rb_image(&builder, 1);
	struct err err;
	struct stat st;
	char path[64];

	assert_int_equal(fstat(fd, &st), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	record->path = rb_text(&builder, path);
	record->build_id_len = 0;
	record->size = (uint64_t)st.st_size;
	record->mtime_sec = st.st_mtim.tv_sec;
	record->mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	record->users = 1;
	registry_close(session.registry);
	assert_int_equal(registry_from_bytes(builder.bytes, builder.size, &session.registry, &err),
	                 0);
}

static void test_symbols(void **state)
{
	static const struct symtab_entry entries[] = {
		{"alpha_two", 0x1100, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"alpha_one", 0x1200, 0x10, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
		{"_ZN3foo3barEii", 0x1300, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"_ZN3foo3barEv", 0x1400, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"_ZNK12_GLOBAL__N_13bazEv", 0x1500, 0x10, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
		{"escaped\033", 0x1600, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	};
	int fd = symtab_builder_fd(SHT_SYMTAB, entries, sizeof(entries) / sizeof(entries[0]), 0);

	use_file(fd);
	assert_completes("sym alp", "4: alpha_one alpha_two");
	assert_completes("sym foo::", "4: foo::bar"); /* whatever its arguments */
	assert_completes("sym (a", "4:");             /* its name holds a blank */
	assert_completes("sym esc", "4:");            /* cannot be typed */
	assert_completes("sym ", "4:");
	close(fd);
}

static void test_files(void **state)
{
	assert_completes("list > ", "7: FILE");
	assert_completes("list > /tm", "7: FILE");
	assert_completes("list >/tm", "6: FILE");
	assert_completes("list >> /tm", "8: FILE");
	assert_completes("list | modules al", "17:");
}

static void test_hostile_names(void **state)
{
	struct err err;

	strcpy(rb_threadproc(&builder, 1)->name, "all\033[2J");
	strcpy(rb_threadproc(&builder, 2)->name, "all of us");
	registry_close(session.registry);
	assert_int_equal(registry_from_bytes(builder.bytes, builder.size, &session.registry, &err),
	                 0);
	assert_completes("modules ", "8: gone");
	assert_completes("modules al", "8:");
	assert_completes("modules all\033[2J", "8:");
}

static void test_list_is_bounded(void **state)
{
	struct completion completion = {0};
	char word[16];
	int taken = 0;

	for (int i = 0; i < COMPLETE_MAX * 2; i++) {
		snprintf(word, sizeof(word), "w%d", i);
		taken += complete_add(&completion.list, "w", word);
	}
	assert_int_equal(completion.list.count, COMPLETE_MAX);
	assert_int_equal(taken, COMPLETE_MAX - 1);
	completion_deinit(&completion);
}

static void assert_moves(const char *text, size_t row, size_t column)
{
	struct pager_position position = {.columns = 10};

	/* the same, however it is cut */
	for (const char *c = text; *c; c++)
		pager_move(&position, c, 1);
	assert_int_equal(position.row, row);
	assert_int_equal(position.column, column);
}

static void test_screen(void **state)
{
	assert_moves("abc", 0, 3);
	assert_moves("abc\n", 1, 0);
	assert_moves("0123456789", 0, 10);
	assert_moves("0123456789\n", 1, 0);
	assert_moves("01234567890", 1, 1);
	assert_moves("\033[1mabc\033[0m", 0, 3);
	assert_moves("\xc3\xa4\xc3\xb6", 0, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verbs),
		TEST(test_components),
		TEST(test_files),
		TEST(test_symbols),
		TEST(test_hostile_names),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
