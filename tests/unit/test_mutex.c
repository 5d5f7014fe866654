/* Mutexes of libtproc, and named objects that are suspect since somebody died with one. */
#include "lib/tproc/space.h"
#include "tests/unit/fake_space.h"
#include "tproc/tproc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tproc_mutex mutex;

static int in_space(void **state)
{
	memset(fake.names, 0, sizeof(*fake.names) * fake.registry->names.count);
	return tproci_attach() || fake_server_start() || tproc_mutex_init(&mutex);
}

static int leave(void **state)
{
	fake_server_stop();
	return 0;
}

/* In another thread, to its end. */
static int elsewhere(void *(*what)(void *))
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, what, NULL), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

static void *try(void *unused)
{
	int result = tproc_mutex_trylock(&mutex);

	if (result >= 0)
		tproc_mutex_unlock(&mutex);
	return (void *)(intptr_t)result;
}

static void *wait_a_moment(void *unused)
{
	return (void *)(intptr_t)tproc_mutex_timedlock(&mutex, 1);
}

static void *unlock(void *unused)
{
	return (void *)(intptr_t)tproc_mutex_unlock(&mutex);
}

static unsigned int line_of_death;

static void *die_with_it(void *unused)
{
	line_of_death = __LINE__ + 1;
	return (void *)(intptr_t)tproc_mutex_lock(&mutex);
}

static void test_lock(void **state)
{
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OK);
	assert_int_equal(elsewhere(try), TPROC_LOCKED);
	assert_int_equal(elsewhere(wait_a_moment), TPROC_TIMED_OUT);
	assert_int_equal(elsewhere(unlock), TPROC_DENIED);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_DEADLOCK);
	assert_int_equal(tproc_mutex_destroy(&mutex), TPROC_LOCKED);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_DENIED);
	assert_int_equal(elsewhere(try), TPROC_OK);
	assert_int_equal(tproc_mutex_timedlock(&mutex, -1), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_timedlock(&mutex, 0), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_destroy(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_INVALID);
}

static void test_notes(void **state)
{
	const unsigned int line = __LINE__ + 4;
	struct tproc_mutex_info info;
	unsigned long before_ns;

	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
	assert_int_equal(info.holder.id, 11);
	assert_int_equal(info.holder.tid, syscall(SYS_gettid));
	assert_int_equal(info.holder.line, line);
	assert_non_null(strstr(info.holder.file, "test_mutex.c"));
	assert_int_equal(info.died.tid, 0);
	before_ns = info.holder.since_ns;
	assert_true(before_ns > 1600000000ul * 1000000000ul);
	tproc_mutex_unlock(&mutex);
	assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
	assert_int_equal(info.holder.tid, 0);
	assert_int_equal(info.holder.id, 0);
	assert_string_equal(info.holder.file, "");
}

/* Of a long path the end is kept; none is none. */
static void test_paths(void **state)
{
	static const struct {
		const char *path, *kept;
	} cases[] = {
		{"/a/path/of/more/bytes/than/are/kept/of/it/source.c",
	         "re/bytes/than/are/kept/of/it/source.c"},
		{"123456789012345678901234567890123456789",
	         "123456789012345678901234567890123456789"},
		{"source.c", "source.c"},
		{"", ""},
		{NULL, ""},
	};
	struct tproc_mutex_info info;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t kept = strlen(cases[i].kept), length;

		assert_int_equal(tproc_mutex_lock_at(&mutex, cases[i].path, 7), TPROC_OK);
		assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
		length = strlen(info.holder.file);
		assert_true(length >= kept && length < TPROC_FILE_SIZE);
		assert_string_equal(info.holder.file + length - kept, cases[i].kept);
		tproc_mutex_unlock(&mutex);
	}
}

static void test_owner_died(void **state)
{
	struct tproc_mutex_info info;

	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_consistent(&mutex), TPROC_INVALID);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OWNER_DIED);
	assert_int_equal(elsewhere(try), TPROC_LOCKED);
	assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
	assert_int_equal(info.holder.tid, syscall(SYS_gettid));
	assert_int_equal(info.died.id, 11);
	assert_int_equal(info.died.line, line_of_death);
	assert_int_not_equal(info.died.tid, info.holder.tid);
	assert_int_equal(tproc_mutex_consistent(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
	assert_int_equal(info.died.tid, 0);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(elsewhere(try), TPROC_OK);
}

static void test_owner_died_for_who_tries(void **state)
{
	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_timedlock(&mutex, 1000), TPROC_OWNER_DIED);
	assert_int_equal(tproc_mutex_consistent(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_trylock(&mutex), TPROC_OWNER_DIED);
	assert_int_equal(tproc_mutex_consistent(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
}

static void test_never_made_consistent(void **state)
{
	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OWNER_DIED);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_UNUSABLE);
	assert_int_equal(tproc_mutex_trylock(&mutex), TPROC_UNUSABLE);
	assert_int_equal(tproc_mutex_init(&mutex), TPROC_OK);
	assert_int_equal(elsewhere(try), TPROC_OK);
}

static void test_no_mutex(void **state)
{
	char bytes[sizeof(mutex) + 8] = {0};
	struct tproc_mutex *none = (struct tproc_mutex *)bytes;
	struct tproc_mutex *odd = (struct tproc_mutex *)(bytes + 1);
	struct tproc_mutex_info info;

	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(tproc_mutex_init(NULL), TPROC_INVALID);
	assert_int_equal(tproc_mutex_init(odd), TPROC_INVALID);
	assert_int_equal(tproc_mutex_lock(NULL), TPROC_INVALID);
	assert_int_equal(tproc_mutex_lock(odd), TPROC_INVALID);
	assert_int_equal(tproc_mutex_lock(none), TPROC_INVALID);
	assert_int_equal(tproc_mutex_unlock(none), TPROC_INVALID);
	assert_int_equal(tproc_mutex_destroy(none), TPROC_INVALID);
	assert_int_equal(tproc_mutex_info(none, &info), TPROC_INVALID);
}

static void test_another_libc(void **state)
{
	const uint32_t musl = TP_MUTEX_MUSL;

	memcpy((char *)&mutex + offsetof(struct tp_mutex, libc), &musl, sizeof(musl));
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_WRONG_VERSION);
	assert_int_equal(tproc_mutex_trylock(&mutex), TPROC_WRONG_VERSION);
	assert_int_equal(tproc_mutex_destroy(&mutex), TPROC_WRONG_VERSION);
}

/* Processes that share the memory, as threadprocs do. */
static void test_process_dies(void **state)
{
	struct tproc_mutex *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(tproc_mutex_init(shared), TPROC_OK);
	child = fork();
	if (!child)
		_exit(tproc_mutex_lock(shared));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(tproc_mutex_lock(shared), TPROC_OWNER_DIED);
	assert_int_equal(tproc_mutex_consistent(shared), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(shared), TPROC_OK);
	munmap(shared, 4096);
}

/* ---- what is suspect ------------------------------------------------------------------ */

static struct {
	int before;
	struct tproc_mutex mutex;
} object;

static void *die_with_object(void *unused)
{
	return (void *)(intptr_t)tproc_mutex_lock(&object.mutex);
}

static void assert_suspect(const char *name, int result)
{
	unsigned int id = 77;

	assert_int_equal(tproc_suspect(name, &id), result);
	assert_int_equal(id, result == TPROC_SUSPECT ? 11 : 77);
}

static void test_guarded_is_suspect(void **state)
{
	static int guarded, other;
	struct tproc_named named;

	assert_int_equal(tproc_publish_guarded("guarded", &guarded, 4, "int", &mutex), TPROC_OK);
	assert_int_equal(tproc_publish("other", &other, 4, "int"), TPROC_OK);
	assert_int_equal(tproc_lookup("guarded", "int", NULL, &named), TPROC_OK);
	assert_ptr_equal(named.mutex, &mutex);
	assert_int_equal(named.suspect, 0);
	assert_suspect("guarded", TPROC_OK);

	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OWNER_DIED);
	assert_suspect("guarded", TPROC_SUSPECT);
	assert_suspect("other", TPROC_OK);
	assert_suspect("nobody's", TPROC_NOT_FOUND);
	assert_int_equal(tproc_lookup("guarded", "int", NULL, &named), TPROC_OK);
	assert_int_equal(named.suspect, 1);
	assert_int_equal(named.suspect_id, 11);

	assert_int_equal(tproc_mutex_consistent(&mutex), TPROC_OK);
	assert_suspect("guarded", TPROC_SUSPECT);
	assert_int_equal(tproc_trust("guarded"), TPROC_OK);
	assert_suspect("guarded", TPROC_OK);
	assert_int_equal(tproc_trust("nobody's"), TPROC_NOT_FOUND);
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
}

static void test_what_holds_its_mutex_is_suspect(void **state)
{
	assert_int_equal(tproc_mutex_init(&object.mutex), TPROC_OK);
	assert_int_equal(tproc_publish("object", &object, sizeof(object), NULL), TPROC_OK);
	assert_int_equal(tproc_publish("part", &object, sizeof(object.before), NULL), TPROC_OK);
	assert_int_equal(elsewhere(die_with_object), TPROC_OK);
	assert_int_equal(tproc_mutex_trylock(&object.mutex), TPROC_OWNER_DIED);
	assert_suspect("object", TPROC_SUSPECT);
	assert_suspect("part", TPROC_OK);
	assert_int_equal(tproc_mutex_consistent(&object.mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_unlock(&object.mutex), TPROC_OK);
}

/* ---- outside -------------------------------------------------------------------------- */

static void test_outside_of_spaces(void **state)
{
	unsigned long was = fake_auxval;
	struct tproc_mutex_info info;

	fake_auxval = 0;
	assert_int_equal(tproci_attach(), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OK);
	assert_int_equal(tproc_mutex_info(&mutex, &info), TPROC_OK);
	assert_int_equal(info.holder.id, 0);
	assert_int_equal(info.holder.tid, syscall(SYS_gettid));
	assert_int_equal(tproc_mutex_unlock(&mutex), TPROC_OK);
	assert_int_equal(elsewhere(die_with_it), TPROC_OK);
	assert_int_equal(tproc_mutex_lock(&mutex), TPROC_OWNER_DIED);
	assert_int_equal(tproc_suspect("guarded", NULL), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_trust("guarded"), TPROC_NOT_IN_SPACE);
	fake_auxval = was;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, in_space, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lock),
		TEST(test_notes),
		TEST(test_paths),
		TEST(test_owner_died),
		TEST(test_owner_died_for_who_tries),
		TEST(test_never_made_consistent),
		TEST(test_no_mutex),
		TEST(test_another_libc),
		TEST(test_process_dies),
		TEST(test_guarded_is_suspect),
		TEST(test_what_holds_its_mutex_is_suspect),
		TEST(test_outside_of_spaces),
	};

	if (fake_space_create())
		return 77; /* the addresses are taken, as under a sanitizer */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
