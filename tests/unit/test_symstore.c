/* Tables kept on disk: what comes back, what goes, and whose directories are used. */
#include "lib/base/cleanup.h"
#include "lib/read/symcache.h"
#include "lib/read/symstore.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct world {
	char dir[64];
	struct symstore *store;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	strcpy(w->dir, "/tmp/tproc-test-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(symstore_open_at(w->dir, 3, 1 << 20, &w->store, &err), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char remove[128];

	symstore_close(w->store);
	snprintf(remove, sizeof(remove), "rm -r %s", w->dir);
	assert_int_equal(system(remove), 0);
	free(w);
	return 0;
}

static bool has(struct world *w, uint8_t build_id, const char *text)
{
	AUTO_FREE void *block = NULL;
	struct err err;
	size_t size;

	if (symstore_load(w->store, &build_id, 1, &block, &size, &err))
		return false;
	assert_int_equal(size, strlen(text));
	assert_memory_equal(block, text, size);
	return true;
}

/* A file of the store, last used so many seconds ago. */
static void keep(struct world *w, uint8_t build_id, const char *text, int seconds_ago)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	                                  {.tv_sec = time(NULL) - seconds_ago}};
	char path[96];

	symstore_save(w->store, &build_id, 1, text, strlen(text));
	snprintf(path, sizeof(path), "%s/%02x", w->dir, build_id);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_keeps(void **state)
{
	struct world *w = *state;
	struct stat st;
	char path[96];

	assert_false(has(w, 1, ""));
	keep(w, 1, "one", 0);
	assert_true(has(w, 1, "one"));
	keep(w, 1, "another one", 0);
	assert_true(has(w, 1, "another one"));
	assert_false(has(w, 2, ""));
	snprintf(path, sizeof(path), "%s/01", w->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_oldest_goes(void **state)
{
	struct world *w = *state;

	keep(w, 1, "a", 9000);
	keep(w, 2, "b", 8000);
	keep(w, 3, "c", 7000);
	assert_true(has(w, 1, "a")); /* now used last */
	keep(w, 4, "d", 0);
	assert_false(has(w, 2, ""));
	assert_true(has(w, 1, "a"));
	assert_true(has(w, 3, "c"));
	assert_true(has(w, 4, "d"));
}

static void test_size_is_bounded(void **state)
{
	AUTO_FREE char *large = malloc((1 << 20) + 1);
	struct world *w = *state;

	memset(large, 'x', 1 << 20);
	large[1 << 20] = '\0';
	keep(w, 1, "small", 5000);
	keep(w, 2, large, 0);
	assert_false(has(w, 1, ""));
	assert_true(has(w, 2, large));
}

/* Neither links nor what is no file is followed; what was left half written goes. */
static void test_odd_files(void **state)
{
	struct world *w = *state;
	char path[96], abandoned[96];

	snprintf(path, sizeof(path), "%s/01", w->dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_false(has(w, 1, ""));
	snprintf(path, sizeof(path), "%s/02", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(has(w, 2, ""));
	snprintf(abandoned, sizeof(abandoned), "%s/ab-7", w->dir);
	close(open(abandoned, O_CREAT | O_WRONLY, 0600));
	keep(w, 3, "x", 0);
	assert_int_equal(access(abandoned, F_OK), 0);
	assert_int_equal(utimensat(AT_FDCWD, abandoned, (struct timespec[2]){{1, 0}, {1, 0}}, 0),
	                 0);
	keep(w, 3, "x", 0);
	assert_int_equal(access(abandoned, F_OK), -1);
}

static void test_directories(void **state)
{
	struct world *w = *state;
	struct symstore *store = NULL;
	char path[96];
	struct err err;
	struct stat st;

	snprintf(path, sizeof(path), "%s/cache", w->dir);
	setenv("XDG_CACHE_HOME", path, 1);
	assert_int_equal(symstore_open(&store, &err), 0);
	symstore_close(store);
	strcat(path, "/tproc/symbols");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(symstore_open(&store, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	setenv("XDG_CACHE_HOME", "relative", 1);
	unsetenv("HOME");
	assert_int_equal(symstore_open(&store, &err), -1);
	setenv("HOME", w->dir, 1);
	assert_int_equal(symstore_open(&store, &err), 0);
	symstore_close(store);
	if (geteuid()) { /* everything is root's own */
		setenv("HOME", "/", 1);
		assert_int_equal(symstore_open(&store, &err), -1);
	}
	unsetenv("HOME");
}

/* ---- With the cache in memory -------------------------------------------- */

static const struct symtab_entry entries[] = {
	{"kept", 0x1100, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
};

static struct file_version version_of(int fd)
{
	struct file_version version = {.build_id_len = 20};
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	version.dev = st.st_dev;
	version.ino = st.st_ino;
	version.size = (uint64_t)st.st_size;
	version.mtime_sec = st.st_mtim.tv_sec;
	version.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	memset(version.build_id, 0x5a, 20);
	return version;
}

/* What a cache that begins empty says about the symbol at 0x1108; "none" when it has none. */
static const char *ask(struct world *w, const char *path, const struct file_version *version,
                       enum file_state state)
{
	static char name[32];
	const struct symbols *symbols;
	struct symstore *store;
	struct symcache *cache;
	struct symbol symbol;
	struct err err;

	assert_int_equal(symstore_open_at(w->dir, 3, 1 << 20, &store, &err), 0);
	assert_int_equal(symcache_create(&cache, &err), 0);
	symcache_use_store(cache, store);
	strcpy(name, "none");
	if (!symcache_file(cache, path, version, &symbols, &err) &&
	    symbols_find(symbols, 0x1108, &symbol))
		snprintf(name, sizeof(name), "%s", symbol.name);
	assert_int_equal(symcache_state(cache, path, version), state);
	symcache_destroy(cache);
	return name;
}

/* The path of the only file that is kept. */
static void kept_file(struct world *w, char path[192])
{
	DIR *dir = opendir(w->dir);
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (strlen(entry->d_name) == 40)
			snprintf(path, 192, "%s/%.40s", w->dir, entry->d_name);
	}
	closedir(dir);
}

static void test_symbols_outlive_the_file(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_SYMTAB, entries, 1, 0x5a);
	AUTO_CLOSE int other = symtab_builder_fd(SHT_SYMTAB, entries, 1, 0x6b);
	struct file_version version = version_of(fd);
	struct world *w = *state;
	char path[64], other_path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(other_path, sizeof(other_path), "/proc/self/fd/%d", other);
	assert_string_equal(ask(w, other_path, &version, FILE_CHANGED), "none");
	assert_string_equal(ask(w, path, &version, FILE_SAME), "kept");
	assert_string_equal(ask(w, path, &version, FILE_SAME), "kept");
	assert_string_equal(ask(w, other_path, &version, FILE_CHANGED), "kept");
	assert_string_equal(ask(w, "/nonexistent", &version, FILE_GONE), "kept");
}

static void test_spoilt_file_is_built_anew(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_SYMTAB, entries, 1, 0x5a);
	struct file_version version = version_of(fd);
	char path[64], kept[192] = "";
	struct world *w = *state;
	int spoilt;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ask(w, path, &version, FILE_SAME);
	kept_file(w, kept);
	for (int round = 0; round < 3; round++) {
		spoilt = open(kept, O_RDWR);
		assert_true(spoilt >= 0);
		if (round == 0)
			assert_int_equal(pwrite(spoilt, "spoilt", 6, 200), 6);
		else
			assert_int_equal(ftruncate(spoilt, round == 1 ? 150 : 0), 0);
		close(spoilt);
		assert_string_equal(ask(w, path, &version, FILE_SAME), "kept");
		assert_string_equal(ask(w, "/nonexistent", &version, FILE_GONE), "kept");
	}
}

/* Somebody renamed one: it is of another build-id. */
static void test_wrong_build_id(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_SYMTAB, entries, 1, 0x5a);
	struct file_version version = version_of(fd);
	char path[64], kept[192] = "", renamed[192];
	struct world *w = *state;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ask(w, path, &version, FILE_SAME);
	kept_file(w, kept);
	memcpy(renamed, kept, sizeof(kept));
	memcpy(strrchr(renamed, '/') + 1, "11", 2);
	assert_int_equal(rename(kept, renamed), 0);
	version.build_id[0] = 0x11;
	assert_string_equal(ask(w, "/nonexistent", &version, FILE_GONE), "none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keeps),
		TEST(test_oldest_goes),
		TEST(test_size_is_bounded),
		TEST(test_odd_files),
		TEST(test_directories),
		TEST(test_symbols_outlive_the_file),
		TEST(test_spoilt_file_is_built_anew),
		TEST(test_wrong_build_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
