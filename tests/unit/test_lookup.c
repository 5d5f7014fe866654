/* The search in PATH, beside what execvp does. */
#include "loader/client/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/tproc-lookup-XXXXXX";

static void make_file(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* one/prog may be executed, two/prog may not, three/prog is a directory, ./here may. */
static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(root) || chdir(root) || mkdir("one", 0700) || mkdir("two", 0700) ||
	    mkdir("three", 0700) || mkdir("three/prog", 0700))
		return -1;
	make_file("one/prog", 0700);
	make_file("two/prog", 0600);
	make_file("two/plain", 0600);
	make_file("here", 0700);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"one/prog", "two/prog", "two/plain", "here"};
	static const char *const dirs[] = {"three/prog", "three", "two", "one"};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlink(files[i]);
	for (size_t i = 0; i < 4; i++)
		rmdir(dirs[i]);
	return chdir("/") || rmdir(root);
}

static void assert_found(const char *name, const char *path_var, const char *expected)
{
	struct err err = {0};
	char *path = NULL;

	if (lookup_program(name, path_var, &path, &err))
		fail_msg("%s in %s: %s", name, path_var, err.text);
	assert_string_equal(path, expected);
	free(path);
}

static void assert_not_found(const char *name, const char *path_var, enum err_code code)
{
	char *path = (char *)"untouched";
	struct err err = {0};

	assert_int_equal(lookup_program(name, path_var, &path, &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(path, "untouched");
}

static void the_first_that_can_run_is_taken(void **state)
{
	(void)state;
	assert_found("prog", "one", "one/prog");
	assert_found("prog", "nowhere:one:two", "one/prog");
	assert_found("prog", "two:one", "one/prog");
	assert_found("prog", "three:one", "one/prog");
	assert_found("prog", "here:one", "one/prog"); /* no directory: ENOTDIR */
}

static void a_slash_ends_the_search(void **state)
{
	(void)state;
	assert_found("two/prog", "one", "two/prog");
	assert_found("./nothing", "one", "./nothing");
	assert_found("/", "one", "/");
}

static void empty_elements_are_the_working_directory(void **state)
{
	(void)state;
	assert_found("here", "", "here");
	assert_found("here", ":one", "here");
	assert_found("here", "one:", "here");
	assert_found("here", "one::two", "here");
	assert_not_found("here", "one:two", ERR_NOT_FOUND);
}

static void without_path_the_default_is_searched(void **state)
{
	(void)state;
	assert_found("sh", NULL, "/bin/sh");
	assert_not_found("here", NULL, ERR_NOT_FOUND);
}

static void a_refusal_is_remembered(void **state)
{
	(void)state;
	assert_not_found("plain", "two:one", ERR_DENIED);
	assert_not_found("plain", "one", ERR_NOT_FOUND);
	assert_not_found("prog", "three", ERR_DENIED);
}

static void the_empty_name_is_never_found(void **state)
{
	(void)state;
	assert_not_found("", "one:", ERR_NOT_FOUND);
}

static void too_long_an_element_is_passed_over(void **state)
{
	char path_var[8192];

	(void)state;
	memset(path_var, 'x', 5000);
	strcpy(path_var + 5000, ":one");
	assert_found("prog", path_var, "one/prog");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_can_run_is_taken),
		cmocka_unit_test(a_slash_ends_the_search),
		cmocka_unit_test(empty_elements_are_the_working_directory),
		cmocka_unit_test(without_path_the_default_is_searched),
		cmocka_unit_test(a_refusal_is_remembered),
		cmocka_unit_test(the_empty_name_is_never_found),
		cmocka_unit_test(too_long_an_element_is_passed_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
