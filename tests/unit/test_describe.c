/*
 * What a forked child says of its memory: in-space code, hosted.  The test says of its own what
 * the kernel says of it, but for what is told apart.
 */
#include "loader/agent/inspace.h"
#include "loader/server/mm_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TITLE "own\0title"

static struct slot slot;
static struct plan_mm before;
static char *title; /* on the heap: of mappings of files the kernel shows nothing */

/* Fills the slot with what holds now, and a vector of its own. */
static int setup(void **state)
{
	struct err err;

	(void)state;
	if (mm_view_read(getpid(), &before, &err))
		return -1;
	memset(&slot, 0, sizeof(slot));
	title = malloc(sizeof(TITLE));
	if (!title)
		return -1;
	memcpy(title, TITLE, sizeof(TITLE));
	slot.describes = 1;
	slot.memory = (struct prctl_mm_map){
		.start_code = before.start_code,
		.end_code = before.end_code,
		.start_data = before.start_data,
		.end_data = before.end_data,
		.start_brk = before.start_brk,
		.brk = (uint64_t)sbrk(0),
		.start_stack = before.start_stack,
		.arg_start = (uint64_t)title,
		.arg_end = (uint64_t)title + sizeof(TITLE),
		.env_start = before.env_start,
		.env_end = before.env_end,
		.auxv = (__u64 *)slot.aux,
		.auxv_size = 4 * sizeof(slot.aux[0]),
		.exe_fd = UINT32_MAX,
	};
	slot.aux[0] = AT_ENTRY;
	slot.aux[1] = 0x1234;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(title);
	return 0;
}

/* What it returns is the exit status of a child that has described itself. */
static int in_child(int (*look)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		describe_child(&slot);
		_exit(look());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool file_is(const char *path, const void *expected, size_t size)
{
	char bytes[256];
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, bytes, sizeof(bytes));

	close(fd);
	return length == (ssize_t)size && !memcmp(bytes, expected, size);
}

static int has_title(void)
{
	return file_is("/proc/self/cmdline", title, sizeof(TITLE));
}

static int has_vector(void)
{
	return file_is("/proc/self/auxv", slot.aux, slot.memory.auxv_size);
}

static int has_break(void)
{
	return (uint64_t)sbrk(0) == slot.memory.brk;
}

/* A kernel without the call, or a container that forbids it: nothing to be seen. */
static void skip_where_it_is_refused(void)
{
	if (!in_child(has_title))
		skip();
}

static long set(uint64_t option, const void *value, uint64_t size)
{
	struct arch_call made = {.nr = __NR_prctl,
	                         .arg = {PR_SET_MM, option, (unsigned long)value, size, 0}};

	return describe_set(&slot, &made);
}

static void test_a_child_says_what_it_is(void **state)
{
	skip_where_it_is_refused();
	assert_true(in_child(has_vector));
	assert_true(in_child(has_break));
}

static void test_it_is_silent_where_it_was_not_told_to(void **state)
{
	slot.describes = 0;
	assert_false(in_child(has_title));
}

static void test_what_the_kernel_refuses_changes_nothing(void **state)
{
	slot.memory.arg_end = slot.memory.arg_start - 1;
	assert_false(in_child(has_title));
	assert_int_equal(set(PR_SET_MM_ARG_START, (const void *)1, 0) < 0, 1);
	assert_int_equal(slot.memory.arg_start, (uint64_t)title);
	assert_true(set(PR_SET_MM_MAP, NULL, sizeof(slot.memory)) < 0);
	assert_int_equal(slot.memory.arg_start, (uint64_t)title);
}

/* In a child, since it holds for the process. */
static int set_map(void)
{
	static const uint64_t vector[] = {AT_UID, 7, AT_NULL, 0};
	struct prctl_mm_map map = slot.memory;
	const __u64 *own = slot.memory.auxv;

	map.auxv = (__u64 *)vector;
	map.auxv_size = sizeof(vector);
	map.arg_end -= 2;
	if (set(PR_SET_MM_MAP, &map, sizeof(map)) || slot.memory.auxv != own ||
	    slot.memory.auxv_size != sizeof(vector) || memcmp(slot.aux, vector, sizeof(vector)))
		return 1;
	map.auxv_size = 0;
	map.auxv = NULL;
	map.arg_end -= 1;
	if (set(PR_SET_MM_MAP, &map, sizeof(map)) || slot.memory.auxv != own ||
	    slot.memory.auxv_size != sizeof(vector))
		return 2;
	return slot.memory.arg_end != (uint64_t)title + sizeof(TITLE) - 3 || !in_child(has_vector);
}

static void test_a_whole_map_of_the_programs_own(void **state)
{
	skip_where_it_is_refused();
	assert_int_equal(in_child(set_map), 0);
}

/* It takes privilege. */
static int may_set_single(void)
{
	return set(PR_SET_MM_ARG_START, title, 0) != -EPERM;
}

static int set_single(void)
{
	static const uint64_t vector[] = {AT_UID, 9, AT_NULL, 0};
	const char *start = title + 4;

	if (set(PR_SET_MM_ARG_START, start, 0))
		return 3;
	if (slot.memory.arg_start != (uint64_t)start)
		return 1;
	if (set(PR_SET_MM_AUXV, vector, sizeof(vector)) || memcmp(slot.aux, vector, sizeof(vector)))
		return 2;
	if (set(PR_SET_MM_START_CODE, (const void *)before.start_code, 0) ||
	    slot.memory.start_code != before.start_code)
		return 4;
	return 0;
}

static void test_single_values(void **state)
{
	skip_where_it_is_refused();
	if (in_child(may_set_single))
		assert_int_equal(in_child(set_single), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_child_says_what_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_silent_where_it_was_not_told_to, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_what_the_kernel_refuses_changes_nothing, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_a_whole_map_of_the_programs_own, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_single_values, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
