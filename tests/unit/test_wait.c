/* What threads wait for, by what is in their memory, which may be anything. */
#include "lib/base/err.h"
#include "lib/read/component.h"
#include "lib/read/wait.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define WORD SAMPLE_BRK
#define WAITER SAMPLE_PID(1)
#define HOLDER SAMPLE_PID(50)
#define ROBUST_HEAD (SAMPLE_SLOT + 0x3001ee0)

struct world {
	struct registry_builder builder;
	uint32_t words[6];
	struct mem_bytes run;
	struct target target;
};

/* Record 1 has two threads. */
static int made_up_threads(const struct target *target, const struct reg_threadproc *tp,
                           struct threads *ret_threads, struct err *err)
{
	if (tp->abi.pid != SAMPLE_PID(1))
		return err_set(err, ERR_NOT_FOUND, "no process %d", (int)tp->abi.pid);
	ret_threads->list = calloc(2, sizeof(*ret_threads->list));
	ret_threads->count = 2;
	ret_threads->list[0] = (struct thread){.tid = WAITER};
	ret_threads->list[1] = (struct thread){.tid = HOLDER, .robust_head = ROBUST_HEAD};
	return 0;
}

static int setup(void **state)
{
	static const struct target_ops ops = {.threads = made_up_threads};
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	w->target.ops = &ops;
	w->target.snapshot = rb_snapshot(&w->builder);
	w->target.components = components_create(w->target.snapshot);
	w->run = (struct mem_bytes){WORD, w->words, sizeof(w->words)};
	*state = w;
	return mem_open_bytes(&w->run, 1, &w->target.mem, &err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	components_destroy(w->target.components);
	mem_close(w->target.mem);
	snapshot_destroy((struct snapshot *)w->target.snapshot);
	registry_builder_deinit(&w->builder);
	free(w);
	return 0;
}

static struct wait wait_in(const struct world *w, long number, uint64_t arg0, uint64_t arg1)
{
	const struct thread_info info = {.tid = WAITER,
	                                 .place = {THREAD_IN_CALL, number, {arg0, arg1}, 0, 0}};
	struct wait wait;

	wait_find(&w->target, &info, &wait);
	return wait;
}

static struct wait wait_at_word(const struct world *w)
{
	return wait_in(w, SYS_futex, WORD, FUTEX_WAIT | FUTEX_PRIVATE_FLAG);
}

static void set_words(struct world *w, uint32_t lock, uint32_t owner, uint32_t kind)
{
	memcpy(w->words, (const uint32_t[6]){lock, 0, owner, 1, kind, 0}, sizeof(w->words));
}

static void test_nothing(void **state)
{
	const struct thread_info runs = {.tid = WAITER, .place = {.at = THREAD_RUNS}};
	struct world *w = *state;
	struct wait wait;

	wait_find(&w->target, &runs, &wait);
	assert_int_equal(wait.kind, WAIT_NONE);
	wait = wait_in(w, SYS_nanosleep, 1, 2);
	assert_int_equal(wait.kind, WAIT_CALL);
	assert_int_equal(wait.number, SYS_nanosleep);
}

static void test_descriptor(void **state)
{
	struct wait wait = wait_in(*state, SYS_read, 7, 0);

	assert_int_equal(wait.kind, WAIT_FD);
	assert_int_equal(wait.fd, 7);
}

static void test_mutex(void **state)
{
	static const uint32_t held[][3] = {
		{2, HOLDER, 0},                          /* glibc: normal */
		{2, HOLDER, 1 | 128},                    /* recursive, shared */
		{HOLDER | FUTEX_WAITERS, HOLDER, 32},    /* priority-inheriting */
		{HOLDER | FUTEX_WAITERS, 12345, 16},     /* robust */
		{HOLDER | FUTEX_WAITERS, 0, 0xffffffff}, /* musl */
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		struct wait wait;

		set_words(w, held[i][0], held[i][1], held[i][2]);
		wait = wait_at_word(w);
		assert_int_equal(wait.kind, WAIT_FUTEX);
		assert_true(wait.has_value);
		assert_int_equal(wait.how, HOLDER_MUTEX);
		assert_int_equal(wait.holder_tid, HOLDER);
		assert_int_equal(wait.holder->abi.id, 1);
	}
}

/* Semaphores, conditions, garbage: nobody is named who does not live, nor the waiter. */
static void test_no_holder(void **state)
{
	static const uint32_t words[][3] = {
		{0, 0, 0},
		{1, SAMPLE_PID(99), 0},
		{2, WAITER, 0},
		{2, 0x80000001, 0},
		{UINT32_MAX, UINT32_MAX, UINT32_MAX},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		set_words(w, words[i][0], words[i][1], words[i][2]);
		assert_int_equal(wait_at_word(w).how, HOLDER_NONE);
	}
	/* a word that is being woken, and one in no memory */
	set_words(w, 2, HOLDER, 0);
	assert_int_equal(wait_in(w, SYS_futex, WORD, FUTEX_WAKE).kind, WAIT_CALL);
	assert_false(wait_in(w, SYS_futex, WORD + 4, FUTEX_WAIT).how);
	assert_false(wait_in(w, SYS_futex, UINT64_MAX, FUTEX_WAIT).has_value);
	assert_false(wait_in(w, SYS_futex, 0, FUTEX_WAIT).has_value);
}

static void test_join(void **state)
{
	struct world *w = *state;
	struct wait wait;

	w->words[0] = HOLDER;
	mem_close(w->target.mem);
	w->run.addr = ROBUST_HEAD - 16;
	assert_int_equal(mem_open_bytes(&w->run, 1, &w->target.mem, &(struct err){0}), 0);
	wait = wait_in(w, SYS_futex, ROBUST_HEAD - 16, FUTEX_WAIT);
	assert_int_equal(wait.how, HOLDER_JOIN);
	assert_int_equal(wait.holder_tid, HOLDER);
}

/* ---- /proc/PID/syscall --------------------------------------------------- */

static void test_parse(void **state)
{
	struct thread_place place;

	thread_place_parse("running\n", &place);
	assert_int_equal(place.at, THREAD_RUNS);
	thread_place_parse("-1 0x7ffc1000 0x401000\n", &place);
	assert_int_equal(place.at, THREAD_IN_KERNEL);
	assert_int_equal(place.sp, 0x7ffc1000);
	assert_int_equal(place.pc, 0x401000);
	thread_place_parse("202 0xa 0x80 0x1 0x0 0x2 0xffffffffffffffff 0x7ffc1000 0x401000\n",
	                   &place);
	assert_int_equal(place.at, THREAD_IN_CALL);
	assert_int_equal(place.number, 202);
	assert_int_equal(place.args[0], 10);
	assert_int_equal(place.args[5], UINT64_MAX);
	assert_int_equal(place.pc, 0x401000);
	for (size_t i = 0; i < 4; i++) {
		static const char *const wrong[] = {"", "202 0xa\n", "-1\n", "what\n"};

		thread_place_parse(wrong[i], &place);
		assert_int_equal(place.at, THREAD_AT_UNKNOWN);
		assert_int_equal(place.sp, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),   TEST(test_descriptor), TEST(test_mutex),
		TEST(test_no_holder), TEST(test_join),       cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
