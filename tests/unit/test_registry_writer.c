/* The registry as the server makes it: its layout, its seals, and the reuse of its records. */
#include "loader/server/registry.h"

#include "loader/quarantine.h"
#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct registry registry;
static int descriptors_before;

static int setup(void **state)
{
	struct err err;

	descriptors_before = fd_count();
	return registry_create(&registry, "unit", &err);
}

static int teardown(void **state)
{
	registry_destroy(&registry);
	return fd_count() == descriptors_before ? 0 : -1;
}

static void test_header(void **state)
{
	const struct tp_registry *map = registry.map;
	struct stat st;

	assert_int_equal(map->magic, TP_ABI_MAGIC);
	assert_int_equal(map->abi_version, TP_ABI_VERSION);
	assert_int_equal(map->seq, 0);
	assert_int_equal(map->size, TP_REGISTRY_SIZE);
	assert_int_equal(map->address, TP_REGISTRY_ADDR);
	assert_string_equal(map->space, "unit");
	assert_int_equal(map->server_pid, getpid());
	assert_int_equal(map->page_size, sysconf(_SC_PAGESIZE));
	assert_int_equal(map->granule_shift, TP_GRANULE_SHIFT);
	assert_int_equal(map->mailbox_addr, TP_MAILBOX_ADDR);
	assert_true(map->mailbox_addr + map->mailbox_size <= TP_REGISTRY_ADDR);
	assert_true(map->address + map->size <= TP_RESERVED_HI);
	assert_true(map->created_ns > UINT64_C(1000000000000000000));
	assert_true(map->created_ns <= registry_now_ns());
	/* Index 0 means none: nothing is ever put there. */
	assert_int_equal(map->threadproc_high, 1);
	assert_int_equal(map->image_high, 1);
	assert_int_equal(map->name_high, 1);
	assert_int_equal(fstat(registry.fd, &st), 0);
	assert_int_equal(st.st_size, TP_REGISTRY_SIZE);
}

static void test_space_name_is_cut(void **state)
{
	struct registry other;
	struct err err;
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(registry_create(&other, name, &err), 0);
	assert_int_equal(strlen(other.map->space), TP_NAME_SIZE - 1);
	registry_destroy(&other);
}

static void test_tables_lie_inside_and_apart(void **state)
{
	const struct tp_registry *map = registry.map;
	const struct tp_table tables[] = {map->granules, map->fixed, map->threadprocs, map->images,
	                                  map->names,    map->cpuid, map->heap};
	const uint32_t sizes[] = {sizeof(struct tp_granule),
	                          sizeof(struct tp_fixed),
	                          sizeof(struct tp_threadproc),
	                          sizeof(struct tp_image),
	                          sizeof(struct tp_name),
	                          sizeof(struct tp_cpuid),
	                          1};
	uint64_t end = TP_REGISTRY_HEADER_SIZE;

	assert_true(sizeof(struct tp_registry) <= TP_REGISTRY_HEADER_SIZE);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		assert_int_equal(tables[i].size, sizes[i]);
		assert_int_equal(tables[i].off % 4096, 0);
		assert_true(tables[i].off >= end);
		assert_true(tables[i].count > 0);
		end = tables[i].off + (uint64_t)tables[i].size * tables[i].count;
		assert_true(end <= TP_REGISTRY_SIZE);
	}
	assert_int_equal(map->granules.count, TP_GRANULES);
	assert_int_equal(map->threadprocs.count, TP_THREADPROCS);
	assert_int_equal(map->images.count, TP_IMAGES);
	assert_int_equal(map->names.count, TP_NAMES);
	/* What is left over for text is the most of it. */
	assert_true(map->heap.count > TP_REGISTRY_SIZE / 4);
	assert_ptr_equal(registry.heap.base, (uint8_t *)map + map->heap.off);
	assert_int_equal(registry.heap.size, map->heap.count);
	assert_ptr_equal(registry.threadprocs, (uint8_t *)map + map->threadprocs.off);
}

/* Nobody who is handed the descriptor can write, whatever he tries. */
static void test_seals_forbid_a_second_writer(void **state)
{
	char path[64];
	void *map;
	int again;

	errno = 0;
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, registry.fd, 0),
	                 MAP_FAILED);
	assert_int_equal(errno, EPERM);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, registry.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map, 4096, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	munmap(map, 4096);
	assert_int_equal(pwrite(registry.fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(write(registry.fd, "x", 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(registry.fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(registry.fd, 2 * (off_t)TP_REGISTRY_SIZE), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(
		fallocate(registry.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(registry.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	/* The same file, opened anew for writing, has the same seals. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", registry.fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	assert_int_equal(pwrite(again, "x", 1, 0), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
	close(again);
	assert_int_equal(registry.map->magic, TP_ABI_MAGIC);
}

/* What the server writes, a reader's mapping shows. */
static void test_readers_see_what_is_written(void **state)
{
	const struct tp_registry *map =
		mmap(NULL, TP_REGISTRY_SIZE, PROT_READ, MAP_SHARED, registry.fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	registry_begin(&registry);
	assert_int_equal(map->seq % 2, 1);
	registry.map->live = 42;
	registry_end(&registry);
	assert_int_equal(map->seq, 2);
	assert_int_equal(map->live, 42);
	munmap((void *)map, TP_REGISTRY_SIZE);
}

static uint32_t new_record(enum tp_state in_state)
{
	uint32_t index = registry_new_threadproc(&registry);

	if (index)
		registry.threadprocs[index].state = in_state;
	return index;
}

static void test_new_records_in_order(void **state)
{
	for (uint32_t i = 1; i < 10; i++) {
		assert_int_equal(new_record(TP_STATE_RUNNING), i);
		assert_int_equal(registry.threadprocs[i].generation, 1);
		assert_int_equal(registry.threadprocs[i].seq % 2, 0);
		assert_int_equal(registry.map->threadproc_high, i + 1);
	}
	assert_int_equal(registry.threadprocs[0].generation, 0);
}

/* So many dead ones' records can be read; then the longest dead makes room. */
/* Whoever has addresses that rest is on record for as long. */
static void test_the_dead_of_a_quarantine(void **state)
{
	const uint32_t many = TP_THREADPROCS - 1;

	registry_set_quarantine(&registry, 1);
	assert_int_equal(registry.tombstones, REGISTRY_TOMBSTONES);
	assert_int_equal(registry.map->quarantine, TP_GRANULE_SIZE);
	registry_set_quarantine(&registry, 1000);
	for (uint32_t i = 1; i <= 1001; i++) {
		assert_int_equal(new_record(TP_STATE_EXITED), i);
		registry_retire_threadproc(&registry, i);
	}
	assert_int_equal(new_record(TP_STATE_EXITED), 1);
	registry_retire_threadproc(&registry, 1);
	registry_set_quarantine(&registry, QUARANTINE_FOREVER);
	assert_int_equal(registry.map->quarantine, UINT64_MAX);
	for (uint32_t i = 1002; i <= many; i++) {
		assert_int_equal(new_record(TP_STATE_EXITED), i);
		registry_retire_threadproc(&registry, i);
	}
}

/* The crash that was first makes room for another. */
static void test_room_for_crashes(void **state)
{
	static const struct tp_crash crash;
	struct tp_threadproc *records = registry.threadprocs;

	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(new_record(TP_STATE_CRASHED), i);
		if (i > 1)
			records[i].crash = heap_put(&registry.heap, &crash, sizeof(crash));
		registry_retire_threadproc(&registry, i);
	}
	assert_true(registry_drop_crash(&registry));
	assert_int_equal(records[2].crash.len, 0);
	assert_int_equal(records[2].seq % 2, 0);
	assert_int_equal(records[3].crash.len, sizeof(crash));
	assert_true(registry_drop_crash(&registry));
	assert_int_equal(records[3].crash.len, 0);
	assert_false(registry_drop_crash(&registry));
}

static void test_the_dead_rest_before_reuse(void **state)
{
	for (uint32_t i = 1; i <= REGISTRY_TOMBSTONES; i++) {
		assert_int_equal(new_record(TP_STATE_EXITED), i);
		registry_retire_threadproc(&registry, i);
	}
	for (uint32_t i = 1; i <= 3 * REGISTRY_TOMBSTONES; i++) {
		uint32_t expected = (i - 1) % REGISTRY_TOMBSTONES + 1;

		assert_int_equal(new_record(TP_STATE_EXITED), expected);
		assert_int_equal(registry.threadprocs[expected].generation,
		                 2 + (i - 1) / REGISTRY_TOMBSTONES);
		registry_retire_threadproc(&registry, expected);
	}
	assert_int_equal(registry.map->threadproc_high, REGISTRY_TOMBSTONES + 1);
}

static void test_the_living_are_left_alone(void **state)
{
	for (uint32_t i = 1; i <= 4; i++)
		assert_int_equal(new_record(TP_STATE_RUNNING), i);
	registry_retire_threadproc(&registry, 2);
	/* fewer are dead than are kept */
	assert_int_equal(new_record(TP_STATE_RUNNING), 5);
	assert_int_equal(registry.threadprocs[2].state, TP_STATE_RUNNING);
}

static void test_all_in_use(void **state)
{
	for (uint32_t i = 1; i < TP_THREADPROCS; i++)
		assert_int_equal(new_record(TP_STATE_RUNNING), i);
	assert_int_equal(registry_new_threadproc(&registry), 0);
	registry_retire_threadproc(&registry, 77);
	registry_retire_threadproc(&registry, 76);
	assert_int_equal(new_record(TP_STATE_RUNNING), 77);
	assert_int_equal(new_record(TP_STATE_RUNNING), 76);
	assert_int_equal(registry_new_threadproc(&registry), 0);
}

/* Gives the record everything that can hang on it, and tells how much of the heap that is. */
static void fill_record(uint32_t index)
{
	struct tp_threadproc *record = &registry.threadprocs[index];
	struct heap *heap = &registry.heap;
	struct tp_fd fds[3] = {{.fd = 0}};
	struct tp_module modules[2] = {{.image = 1}};

	for (int i = 0; i < 3; i++)
		fds[i].target = heap_put_string(heap, "/dev/null");
	for (int i = 0; i < 2; i++)
		modules[i].path = heap_put_string(heap, "/usr/lib/libx.so");
	record->fds = heap_put(heap, fds, sizeof(fds));
	record->modules = heap_put(heap, modules, sizeof(modules));
	record->exe = heap_put_string(heap, "/usr/bin/x");
	record->argv = heap_put(heap, "x\0y", 4);
	record->cwd = heap_put_string(heap, "/");
	record->crash = heap_put(heap, "crash", 5);
	record->pid = 1234;
	strcpy(record->name, "name");
}

static void test_reuse_clears_and_frees(void **state)
{
	uint32_t index = new_record(TP_STATE_RUNNING);
	struct tp_threadproc *record = &registry.threadprocs[index];
	uint32_t used = 0;
	uint32_t seq;

	/* no fresh ones, so that the dead one is taken */
	registry.fresh_threadproc = TP_THREADPROCS;
	for (int round = 1; round <= 50; round++) {
		fill_record(index);
		if (round == 1)
			used = registry.heap.used;
		record->state = TP_STATE_EXITED;
		seq = record->seq;
		registry_retire_threadproc(&registry, index);
		assert_int_equal(registry_new_threadproc(&registry), index);
		assert_int_equal(record->generation, 1 + round);
		assert_int_equal(record->seq, seq + 2);
		assert_int_equal(record->state, TP_STATE_NONE);
		assert_int_equal(record->pid, 0);
		assert_string_equal(record->name, "");
		assert_int_equal(record->fds.len, 0);
		assert_int_equal(record->modules.len, 0);
		assert_int_equal(record->exe.len, 0);
		assert_int_equal(record->crash.len, 0);
	}
	assert_int_equal(registry.heap.used, used);
}

static void test_seq_parity(void **state)
{
	uint32_t seq = UINT32_MAX - 1;

	registry_seq_begin(&seq);
	assert_int_equal(seq, UINT32_MAX);
	registry_seq_end(&seq);
	assert_int_equal(seq, 0);
	registry_begin(&registry);
	assert_int_equal(registry.map->seq, 1);
	registry_end(&registry);
	assert_int_equal(registry.map->seq, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_space_name_is_cut),
		TEST(test_tables_lie_inside_and_apart),
		TEST(test_seals_forbid_a_second_writer),
		TEST(test_readers_see_what_is_written),
		TEST(test_new_records_in_order),
		TEST(test_the_dead_rest_before_reuse),
		TEST(test_the_dead_of_a_quarantine),
		TEST(test_room_for_crashes),
		TEST(test_the_living_are_left_alone),
		TEST(test_all_in_use),
		TEST(test_reuse_clears_and_frees),
		TEST(test_seq_parity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
