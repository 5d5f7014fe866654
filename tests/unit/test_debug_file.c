/* Which file a stripped program's debug information is in, and which not. */
#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	char dir[64];
	char program[96];
	char debug[96];
};

static void copy_to(int from, const char *path)
{
	AUTO_CLOSE int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	off_t at = 0;

	assert_true(to >= 0);
	while (sendfile(to, from, &at, 1 << 20) > 0)
		continue;
}

static int setup(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(0, NULL, 0, 0x5a);
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/tproc-test-debug-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->program, sizeof(w->program), "%s/program", w->dir);
	snprintf(w->debug, sizeof(w->debug), "%s/program.debug", w->dir);
	copy_to(fd, w->debug);
	unsetenv("DEBUGINFOD_URLS");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	unlink(w->debug);
	rmdir(w->dir);
	free(w);
	return 0;
}

static int find(struct world *w, uint8_t build_id, const char *link, char **ret_path)
{
	AUTO_CLOSE int fd = -1;
	uint8_t bytes[20];
	struct debug_query query = {
		.path = w->program, .build_id = bytes, .build_id_len = 20, .debuglink = link};
	struct err err;

	memset(bytes, build_id, sizeof(bytes));
	if (!debug_file_find(&query, &fd, ret_path, &err))
		return 0;
	assert_int_equal(err.code, ERR_NOT_FOUND);
	return -1;
}

static void test_beside(void **state)
{
	AUTO_FREE char *path = NULL;
	struct world *w = *state;

	assert_int_equal(find(w, 0x5a, NULL, &path), 0);
	assert_string_equal(path, w->debug);
}

static void test_by_link(void **state)
{
	AUTO_FREE char *path = NULL;
	struct world *w = *state;
	char other[96];

	snprintf(other, sizeof(other), "%s/other", w->dir);
	assert_int_equal(rename(w->debug, other), 0);
	strcpy(w->debug, other);
	assert_int_equal(find(w, 0x5a, NULL, &path), -1);
	assert_int_equal(find(w, 0x5a, "other", &path), 0);
	assert_string_equal(path, other);
}

/* By build-id in a directory of the user's choice. */
static void test_root(void **state)
{
	char path[192], remove[128];
	AUTO_FREE char *found = NULL;
	struct world *w = *state;

	snprintf(path, sizeof(path), "%s/.build-id", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/5a");
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/");
	for (int i = 1; i < 20; i++)
		strcat(path, "5a");
	strcat(path, ".debug");
	assert_int_equal(rename(w->debug, path), 0);
	assert_int_equal(find(w, 0x5a, NULL, &found), -1);
	setenv("TPROC_DEBUG_DIR", "", 1);
	assert_int_equal(find(w, 0x5a, NULL, &found), -1);
	setenv("TPROC_DEBUG_DIR", w->dir, 1);
	assert_int_equal(find(w, 0x5a, NULL, &found), 0);
	assert_string_equal(found, path);
	unsetenv("TPROC_DEBUG_DIR");
	snprintf(remove, sizeof(remove), "rm -r %s/.build-id", w->dir);
	assert_int_equal(system(remove), 0);
}

static void test_other_version(void **state)
{
	char *path = NULL;

	assert_int_equal(find(*state, 0x5b, NULL, &path), -1);
	assert_null(path);
}

/* A server of files: the client's own cache lies in the test's directory. */
static void test_server(void **state)
{
	char path[192], urls[128], remove[128];
	AUTO_FREE char *found = NULL;
	struct world *w = *state;

	if (!dlopen("libdebuginfod.so.1", RTLD_LAZY))
		skip();
	snprintf(path, sizeof(path), "%s/buildid", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/");
	for (int i = 0; i < 20; i++)
		strcat(path, "5a");
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/debuginfo");
	assert_int_equal(rename(w->debug, path), 0);
	snprintf(urls, sizeof(urls), "file://%s", w->dir);
	setenv("DEBUGINFOD_URLS", urls, 1);
	setenv("DEBUGINFOD_CACHE_PATH", w->dir, 1);
	assert_int_equal(find(w, 0x5b, NULL, &found), -1);
	assert_int_equal(find(w, 0x5a, NULL, &found), 0);
	unsetenv("DEBUGINFOD_URLS");
	snprintf(remove, sizeof(remove), "rm -r %s/*", w->dir);
	assert_int_equal(system(remove), 0);
}

static void test_no_build_id(void **state)
{
	struct debug_query query = {.path = ((struct world *)*state)->program};
	char *path = NULL;
	struct err err;
	int fd = -1;

	assert_int_equal(debug_file_find(&query, &fd, &path, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(fd, -1);
}

static void test_build_id(void **state)
{
	AUTO_CLOSE int fd = open(((struct world *)*state)->debug, O_RDONLY);
	uint8_t build_id[TP_BUILD_ID_SIZE] = {0};
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_int_equal(debug_file_build_id(elf, build_id), 20);
	assert_int_equal(build_id[19], 0x5a);
	elf_end(elf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_beside),        TEST(test_by_link), TEST(test_root),
		TEST(test_other_version), TEST(test_server),  TEST(test_no_build_id),
		TEST(test_build_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
