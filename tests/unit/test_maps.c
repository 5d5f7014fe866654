/* The kernel's view of mappings, memory and threads: its texts, and this process itself. */
#include "lib/base/cleanup.h"
#include "lib/read/maps.h"
#include "lib/read/mem.h"
#include "lib/read/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static const char text[] =
	"00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/dbus daemon\n"
	"garbage\n"
	"35b1800000-35b1820000 rw-s 00000000 00:00 0\n"
	"7fff00000000-7fff80000000 ---p 00000000 103:0a 18446744073709551615 /a\\012b (deleted)\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static void test_text(void **state)
{
	struct mapping m;
	struct maps *maps;
	char perms[5];
	struct err err;

	assert_int_equal(maps_open_text(text, &maps, &err), 0);
	assert_int_equal(maps_find(maps, 0x451fff, &m, &err), 0);
	assert_int_equal(m.lo, 0x400000);
	assert_int_equal(m.hi, 0x452000);
	assert_int_equal(m.offset, 0x1000);
	assert_int_equal(m.dev_major, 8);
	assert_int_equal(m.dev_minor, 2);
	assert_int_equal(m.ino, 173521);
	assert_string_equal(m.path, "/usr/bin/dbus daemon");
	assert_string_equal(mapping_perms(&m, perms), "r-xp");

	assert_int_equal(maps_find(maps, 0x35b1800000, &m, &err), 0);
	assert_string_equal(m.path, "");
	assert_string_equal(mapping_perms(&m, perms), "rw-s");

	assert_int_equal(maps_find(maps, 0x452000, &m, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(maps_find(maps, UINT64_MAX, &m, &err), -1);
	maps_close(maps);

	assert_int_equal(maps_open_text("", &maps, &err), 0);
	assert_int_equal(maps_find(maps, 0x1000, &m, &err), -1);
	maps_close(maps);
}

static void test_line(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"1000",
		"1000-2000",
		"1000-2000 r-xp",
		"1000-2000 r-xp 0 08:02",
		"2000-1000 r-xp 0 08:02 1 /x",
		"1000-1000 r-xp 0 08:02 1 /x",
		"1000-2000 rxp 0 08:02 1 /x",
		"x000-2000 r-xp 0 08:02 1 /x",
	};
	struct mapping m = {.lo = 42};
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(maps_parse_line(bad[i], &m, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(m.lo, 42);
	}
	assert_int_equal(
		maps_parse_line("7fff0000-80000000 ---p 00000000 103:0a 18446744073709551615 "
	                        "/a\\012b (deleted)\n",
	                        &m, &err),
		0);
	assert_string_equal(m.path, "/a\nb (deleted)");
	assert_int_equal(m.dev_major, 0x103);
}

struct walk {
	uint64_t los[8];
	size_t count;
	size_t end_after;
};

static int note_lo(void *context, const struct mapping *mapping, struct err *err)
{
	struct walk *walk = context;

	walk->los[walk->count++] = mapping->lo;
	return walk->count == walk->end_after ? 7 : 0;
}

static void test_each(void **state)
{
	struct walk walk = {0};
	struct maps *maps;
	struct err err;

	assert_int_equal(maps_open_text(text, &maps, &err), 0);
	assert_int_equal(maps_each(maps, 0, UINT64_MAX, note_lo, &walk, &err), 0);
	assert_int_equal(walk.count, 4);
	assert_int_equal(walk.los[0], 0x400000);
	assert_int_equal(walk.los[2], 0x7fff00000000);

	walk = (struct walk){0};
	assert_int_equal(maps_each(maps, 0x451fff, 0x452001, note_lo, &walk, &err), 0);
	assert_int_equal(walk.count, 1);
	walk = (struct walk){0};
	assert_int_equal(maps_each(maps, 0x452000, 0x500000, note_lo, &walk, &err), 0);
	assert_int_equal(walk.count, 0);
	walk = (struct walk){.end_after = 1};
	assert_int_equal(maps_each(maps, 0, UINT64_MAX, note_lo, &walk, &err), 7);
	assert_int_equal(walk.count, 1);
	maps_close(maps);
}

/* Field by field: what lies between them is nobody's. */
static void assert_same_mapping(const struct mapping *a, const struct mapping *b)
{
	assert_int_equal(a->lo, b->lo);
	assert_int_equal(a->hi, b->hi);
	assert_int_equal(a->prot, b->prot);
	assert_int_equal(a->shared, b->shared);
	assert_int_equal(a->offset, b->offset);
	assert_int_equal(a->dev_major, b->dev_major);
	assert_int_equal(a->dev_minor, b->dev_minor);
	assert_int_equal(a->ino, b->ino);
	assert_string_equal(a->path, b->path);
}

/* Every mapping of the range is visited once, and is what maps_find finds there. */
static int check_found(void *context, const struct mapping *mapping, struct err *err)
{
	struct walk *walk = context;

	assert_true(mapping->lo >= walk->los[0]);
	walk->los[0] = mapping->hi;
	walk->count++;
	return 0;
}

static void test_live_each(void **state)
{
	char *two = mmap(NULL, 0x4000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t lo = (uintptr_t)two;
	struct walk walk = {0};
	struct maps *maps;
	struct err err;

	assert_ptr_not_equal(two, MAP_FAILED);
	assert_int_equal(mprotect(two + 0x2000, 0x1000, PROT_NONE), 0);
	assert_int_equal(maps_open_live(getpid(), &maps, &err), 0);
	assert_int_equal(maps_each(maps, lo, lo + 0x4000, check_found, &walk, &err), 0);
	assert_int_equal(walk.count, 3);
	assert_true(walk.los[0] >= lo + 0x4000);
	maps_close(maps);
	munmap(two, 0x4000);
}

/* The query and the text agree on every mapping of this process. */
static void test_live(void **state)
{
	AUTO_FREE char *line = NULL;
	FILE *stream = fopen("/proc/self/maps", "re");
	struct mapping wanted, m;
	struct maps *maps;
	size_t size = 0, checked = 0;
	struct err err;

	assert_int_equal(maps_open_live(getpid(), &maps, &err), 0);
	while (getline(&line, &size, stream) > 0) {
		assert_int_equal(maps_parse_line(line, &wanted, &err), 0);
		/* The C library's own buffers may move what lies between. */
		if (wanted.path[0] != '/' || wanted.hi > INT64_MAX)
			continue;
		assert_int_equal(maps_find(maps, wanted.hi - 1, &m, &err), 0);
		assert_same_mapping(&m, &wanted);
		checked++;
	}
	fclose(stream);
	assert_true(checked > 3);
	assert_int_equal(maps_find(maps, 0, &m, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	maps_close(maps);
	assert_int_equal(maps_open_live(1000000000, &maps, &err), -1);
}

/* ---- Memory -------------------------------------------------------------- */

static void test_mem_bytes(void **state)
{
	const struct mem_bytes runs[] = {{0x1000, "abcd", 4}, {0x1004, "ef", 2}, {0x2000, "x", 1}};
	struct mem *mem;
	char buf[8] = "";
	struct err err;

	assert_int_equal(mem_open_bytes(runs, 3, &mem, &err), 0);
	assert_int_equal(mem_read(mem, 0x1002, buf, 4, &err), 0);
	assert_memory_equal(buf, "cdef", 4);
	assert_int_equal(mem_read(mem, 0x1002, buf, 5, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "cannot read memory at 0x1006");
	assert_int_equal(mem_read(mem, 0x5000, buf, 0, &err), 0);
	assert_int_equal(mem_read(mem, UINT64_MAX, buf, 2, &err), -1);
	mem_close(mem);
}

static void test_mem_some(void **state)
{
	static const char one[] = "abcdef", two[] = "ghi";
	const struct mem_bytes runs[] = {
		{0x1000, one, 6},
		{0x1006, two, 3},
		{UINT64_MAX - 4, one, 4},
	};
	struct mem *mem;
	struct err err;
	char buf[32];
	size_t got = 99;
	bool whole;

	assert_int_equal(mem_open_bytes(runs, 3, &mem, &err), 0);
	assert_int_equal(mem_read_some(mem, 0x1001, buf, sizeof(buf), &got, &err), 0);
	assert_int_equal(got, 8);
	assert_memory_equal(buf, "bcdefghi", 8);
	assert_int_equal(mem_read_some(mem, 0x2000, buf, sizeof(buf), &got, &err), 0);
	assert_int_equal(got, 0);
	assert_int_equal(mem_read_some(mem, UINT64_MAX - 4, buf, sizeof(buf), &got, &err), 0);
	assert_int_equal(got, 4);

	assert_int_equal(mem_read_string(mem, 0x1004, buf, sizeof(buf), &whole, &err), 0);
	assert_string_equal(buf, "efghi");
	assert_false(whole); /* it ran into a hole */
	assert_int_equal(mem_read_string(mem, 0x1000, buf, 4, &whole, &err), 0);
	assert_string_equal(buf, "abc");
	assert_false(whole);
	assert_int_equal(mem_read_string(mem, 0x3000, buf, sizeof(buf), &whole, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	mem_close(mem);

	assert_int_equal(mem_open_live(getpid(), &mem, &err), 0);
	assert_int_equal(mem_read_string(mem, (uintptr_t)two, buf, sizeof(buf), &whole, &err), 0);
	assert_string_equal(buf, "ghi");
	assert_true(whole);
	mem_close(mem);
}

static void test_mem_live(void **state)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[16], wanted[64];
	struct mem *mem;
	struct err err;

	strcpy(pages + 4090, "hello");
	munmap(pages + 4096, 4096);
	assert_int_equal(mem_open_live(getpid(), &mem, &err), 0);
	assert_int_equal(mem_read(mem, (uintptr_t)pages + 4090, buf, 6, &err), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(mem_read(mem, (uintptr_t)pages + 4090, buf, 7, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	snprintf(wanted, sizeof(wanted), "cannot read memory at 0x%lx",
	         (unsigned long)(uintptr_t)pages + 4096);
	assert_string_equal(err.text, wanted);
	mem_close(mem);
	munmap(pages, 4096);
}

/* ---- Threads ------------------------------------------------------------- */

static void test_stack_at(void **state)
{
	struct thread list[] = {
		{.tid = 10, .robust_head = 0x5e00, .sp = 0x5800}, /* main */
		{.tid = 11, .robust_head = 0x8ee0},
		{.tid = 12, .robust_head = 0xbee0},
		{.tid = 13, .sp = 0x20100},
	};
	const struct threads threads = {list, 4};
	struct thread_stack stack;

	assert_true(threads_stack_at(&threads, 10, 0x8100, 0x7000, 0x9000, &stack));
	assert_int_equal(stack.tid, 11);
	assert_int_equal(stack.lo, 0x7000);
	assert_int_equal(stack.hi, 0x9000);
	/* merged with what lies above it */
	assert_true(threads_stack_at(&threads, 10, 0x8100, 0x7000, 0xf000, &stack));
	assert_int_equal(stack.tid, 11);
	assert_true(threads_stack_at(&threads, 10, 0x9100, 0x7000, 0xf000, &stack));
	assert_int_equal(stack.tid, 12);
	assert_false(threads_stack_at(&threads, 10, 0xc100, 0x7000, 0xf000, &stack));
	/* the main thread's descriptor lies elsewhere than its stack */
	assert_false(threads_stack_at(&threads, 10, 0x5100, 0x5000, 0x6000, &stack));
	/* nothing but the stack pointer */
	assert_true(threads_stack_at(&threads, 10, 0x20000, 0x20000, 0x21000, &stack));
	assert_int_equal(stack.tid, 13);
	assert_int_equal(stack.hi, 0x21000);
}

struct waiter {
	pthread_barrier_t ready;
	pthread_barrier_t done;
	pid_t tid;
	uint64_t frame;
};

static void *wait_there(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = (pid_t)syscall(SYS_gettid);
	waiter->frame = (uintptr_t)__builtin_frame_address(0);
	pthread_barrier_wait(&waiter->ready);
	pthread_barrier_wait(&waiter->done);
	return NULL;
}

static void test_own_threads(void **state)
{
	struct thread_stack stack;
	struct threads threads;
	struct waiter waiter;
	pthread_t thread;
	struct mapping m;
	struct maps *maps;
	size_t count;
	struct err err;

	pthread_barrier_init(&waiter.ready, NULL, 2);
	pthread_barrier_init(&waiter.done, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, wait_there, &waiter), 0);
	pthread_barrier_wait(&waiter.ready);
	assert_int_equal(maps_open_live(getpid(), &maps, &err), 0);
	assert_int_equal(maps_find(maps, waiter.frame, &m, &err), 0);
	assert_int_equal(threads_read(getpid(), &threads, &err), 0);
	assert_int_equal(threads_count(getpid(), &count, &err), 0);
	assert_int_equal(threads.count, count);
	assert_true(threads_stack_at(&threads, getpid(), waiter.frame, m.lo, m.hi, &stack));
	assert_int_equal(stack.tid, waiter.tid);
	threads_deinit(&threads);
	maps_close(maps);
	pthread_barrier_wait(&waiter.done);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&waiter.ready);
	pthread_barrier_destroy(&waiter.done);
	assert_int_equal(threads_read(1000000000, &threads, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),      cmocka_unit_test(test_line),
		cmocka_unit_test(test_each),      cmocka_unit_test(test_live_each),
		cmocka_unit_test(test_mem_some),  cmocka_unit_test(test_live),
		cmocka_unit_test(test_mem_bytes), cmocka_unit_test(test_mem_live),
		cmocka_unit_test(test_stack_at),  cmocka_unit_test(test_own_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
