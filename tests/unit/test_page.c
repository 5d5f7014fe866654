/* Pages of HTML: what is text stays text, files are whole or not there. */
#include "inspect/markup.h"
#include "inspect/new_file.h"
#include "inspect/page/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Text ---------------------------------------------------------------- */

struct pair {
	const char *src;
	const char *dst;
};

static void check(void (*write)(FILE *out, const char *text), const struct pair *pair)
{
	char *got = NULL;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	write(out, pair->src);
	fclose(out);
	assert_string_equal(got, pair->dst);
	free(got);
}

static void test_text(void **state)
{
	static const struct pair pairs[] = {
		{"", ""},
		{"plain", "plain"},
		{"<script>alert(\"1\" & '2')</script>",
	         "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;"},
		{"&lt;", "&amp;lt;"},
		{"-->", "--&gt;"},
		{"a\n\033\177b\\", "a\\x0a\\x1b\\x7fb\\\\"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xff<\xe2\x80\xae", "\\xff&lt;\\xe2\\x80\\xae"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check(markup_text, &pairs[i]);
}

static void test_printed_text(void **state)
{
	static const struct pair pairs[] = {
		{"two\n\tlines \\x0a", "two\n\tlines \\x0a"},
		{"<b>\033\r\177", "&lt;b&gt;???"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check(markup_printed, &pairs[i]);
}

/* ---- Tables -------------------------------------------------------------- */

static const struct out_column columns[] = {{"Name", false}, {"Bytes", true}};

static void test_table(void **state)
{
	struct reg_threadproc tp = {.abi = {.id = 7, .name = "<b>"}};
	struct html_table table;
	char *got = NULL;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	html_table_begin(&table, out, "Caption", columns, 2, 2);
	for (unsigned i = 0; i < 3; i++) {
		bool fits = html_row(&table, i ? 0 : 7);

		assert_int_equal(fits, i < 2);
		if (!fits)
			continue;
		html_cell_who(&table, i ? NULL : &tp, "no<body>");
		html_cell_number(&table, 1024, "%s", "1 <KiB>");
	}
	html_table_end(&table);
	fclose(out);
	assert_non_null(strstr(got, "<caption>Caption</caption>"));
	assert_non_null(strstr(got, "<th scope=\"col\">Name</th>"
	                            "<th scope=\"col\" class=\"n\">Bytes</th>"));
	assert_non_null(strstr(got, "<tr id=\"t7\"><td><a href=\"#t7\">&lt;b&gt;</a>"));
	assert_non_null(strstr(got, "<td>no&lt;body&gt;</td>"
	                            "<td class=\"n\" data-v=\"1024\">1 &lt;KiB&gt;</td></tr>"));
	assert_non_null(strstr(got, "The first 2 of 3."));
	free(got);
}

/* ---- Files --------------------------------------------------------------- */

struct place {
	char dir[32];
	char path[64];
};

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/tproc-page-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/file", place->dir);
	*state = place;
	return 0;
}

/* Fails when there is anything but the file. */
static int remove_place(void **state)
{
	struct place *place = *state;
	int ret;

	unlink(place->path);
	ret = rmdir(place->dir);
	free(place);
	return ret;
}

static void write_one(struct new_file *file, const char *text)
{
	assert_int_equal(write(file->fd, text, strlen(text)), strlen(text));
}

static void assert_holds(const char *path, const char *text)
{
	char got[64] = "";
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	assert_non_null(fgets(got, sizeof(got), in));
	fclose(in);
	assert_string_equal(got, text);
}

static void test_file_is_the_user_s_alone(void **state)
{
	const struct place *place = *state;
	struct new_file file;
	struct stat st;
	struct err err;

	assert_int_equal(new_file_begin(&file, place->path, false, &err), 0);
	assert_int_not_equal(access(place->path, F_OK), 0);
	write_one(&file, "whole");
	assert_int_equal(new_file_end(&file, true, &err), 0);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_holds(place->path, "whole");
}

static void test_file_is_dropped(void **state)
{
	const struct place *place = *state;
	struct new_file file;
	struct err err;

	assert_int_equal(new_file_begin(&file, place->path, false, &err), 0);
	write_one(&file, "half");
	assert_int_equal(new_file_end(&file, false, &err), 0);
	assert_int_not_equal(access(place->path, F_OK), 0);
}

static void test_file_is_replaced_only_if_wanted(void **state)
{
	const struct place *place = *state;
	struct new_file file, other;
	struct err err;

	/* somebody else is faster */
	assert_int_equal(new_file_begin(&file, place->path, false, &err), 0);
	assert_int_equal(new_file_begin(&other, place->path, false, &err), 0);
	write_one(&file, "first");
	assert_int_equal(new_file_end(&file, true, &err), 0);
	assert_int_equal(new_file_end(&other, true, &err), -1);
	assert_int_equal(new_file_begin(&file, place->path, false, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_holds(place->path, "first");
	assert_int_equal(new_file_begin(&file, place->path, true, &err), 0);
	write_one(&file, "second");
	assert_holds(place->path, "first");
	assert_int_equal(new_file_end(&file, true, &err), 0);
	assert_holds(place->path, "second");
}

static void test_link_is_not_followed(void **state)
{
	const struct place *place = *state;
	struct new_file file;
	struct stat st;
	struct err err;

	assert_int_equal(symlink("/dev/null", place->path), 0);
	for (int replace = 0; replace < 2; replace++) {
		assert_int_equal(new_file_begin(&file, place->path, replace, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
	assert_int_equal(lstat(place->path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_printed_text),
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup_teardown(test_file_is_the_user_s_alone, make_place,
	                                        remove_place),
		cmocka_unit_test_setup_teardown(test_file_is_dropped, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_file_is_replaced_only_if_wanted, make_place,
	                                        remove_place),
		cmocka_unit_test_setup_teardown(test_link_is_not_followed, make_place,
	                                        remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
