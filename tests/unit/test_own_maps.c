/*
 * A program's own part of /proc/self/maps: in-space code, hosted, over texts of the test's
 * making in the kernel's form.
 */
#include "loader/agent/inspace.h"
#include "tests/unit/fake_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GRANULE(n) ((uint64_t)(n) << TP_GRANULE_SHIFT)
#define OWN_GRANULE (TP_FIRST_GRANULE + 100)
#define OTHER_GRANULE (TP_FIRST_GRANULE + 101)
#define FREE_GRANULE (TP_FIRST_GRANULE + 102)
#define TEXT_SIZE 65536

static struct slot slot;
static char text[TEXT_SIZE];
static char copied[TEXT_SIZE];

static int setup(void **state)
{
	(void)state;
	memset(&slot, 0, sizeof(slot));
	slot.index = FAKE_SELF;
	slot.registry = TP_REGISTRY_ADDR;
	text[0] = '\0';
	return 0;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void add(const char *more)
{
	assert_true(strlen(text) + strlen(more) < sizeof(text));
	strcat(text, more);
}

/* A mapping of a page, as the kernel writes it; the name begins at its column. */
static const char *mapping(uint64_t address, const char *name)
{
	static char line[1024];
	int length = snprintf(line, sizeof(line), "%lx-%lx rw-p 00000000 00:00 0 ",
	                      (unsigned long)address, (unsigned long)address + 4096);

	if (*name)
		length += snprintf(line + length, sizeof(line) - (size_t)length, "%*s%s",
		                   73 - length, "", name);
	snprintf(line + length, sizeof(line) - (size_t)length, "\n");
	return line;
}

/* What the code under test makes of the text. */
static const char *copy(void)
{
	int from = memfd_create("from", MFD_CLOEXEC);
	int to = memfd_create("to", MFD_CLOEXEC);
	char path[32];
	ssize_t length;

	assert_int_equal(write(from, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", from);
	maps_copy(&slot, path, to);
	length = pread(to, copied, sizeof(copied) - 1, 0);
	assert_true(length >= 0);
	copied[length] = '\0';
	close(from);
	close(to);
	return copied;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_others_are_left_out(void **state)
{
	char expected[1024];

	add(mapping(GRANULE(OTHER_GRANULE), "/usr/bin/other"));
	assert_string_equal(copy(), "");
	strcpy(expected, mapping(GRANULE(OWN_GRANULE), "/usr/bin/own"));
	add(expected);
	add(mapping(GRANULE(OTHER_GRANULE) + 8192, ""));
	/* nobody's: it may be this program's and have escaped */
	add(mapping(GRANULE(FREE_GRANULE), ""));
	strcat(expected, mapping(GRANULE(FREE_GRANULE), ""));
	assert_string_equal(copy(), expected);
}

static void test_the_toolkits_own_is_left_out(void **state)
{
	add(mapping(TP_RESERVED_LO, "/usr/bin/tproc-agent"));
	add(mapping(TP_REGISTRY_ADDR, "/memfd:registry"));
	add(mapping(TP_RESERVED_HI - 4096, ""));
	assert_string_equal(copy(), "");
	add(mapping(TP_RESERVED_HI, ""));
	assert_string_equal(copy(), mapping(TP_RESERVED_HI, ""));
}

static void test_behind_the_last_granule_is_the_kernels(void **state)
{
	add(mapping(GRANULE(TP_LAST_GRANULE), "[vdso]"));
	assert_string_equal(copy(), mapping(GRANULE(TP_LAST_GRANULE), "[vdso]"));
	text[0] = '\0';
	/* not a granule of any table */
	add("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  "
	    "[vsyscall]\n");
	assert_string_equal(copy(), text);
}

static void test_a_fixed_image_is_its_owners(void **state)
{
	fake.fixed[2] = (struct tp_fixed){0x400000, 0x402000, FAKE_OTHER, 7};
	add(mapping(0x401000, "/usr/bin/fixed"));
	assert_string_equal(copy(), "");
	fake.fixed[2].owner = FAKE_SELF;
	assert_string_equal(copy(), mapping(0x401000, "/usr/bin/fixed"));
	fake.fixed[2] = (struct tp_fixed){0};
}

/* What follows a mapping's line in smaps goes where that goes. */
static void test_further_lines_go_along(void **state)
{
	char expected[1024];

	add(mapping(GRANULE(OTHER_GRANULE), ""));
	add("Size:                  4 kB\nVmFlags: rd wr\n");
	add(mapping(GRANULE(OWN_GRANULE), ""));
	add("Size:                  8 kB\nVmFlags: rd ex\n");
	strcpy(expected, mapping(GRANULE(OWN_GRANULE), ""));
	strcat(expected, "Size:                  8 kB\nVmFlags: rd ex\n");
	assert_string_equal(copy(), expected);
}

/* The agent's is left out; the program's has no name yet, and the heap neither. */
static void test_stack_and_heap(void **state)
{
	const uint64_t own = GRANULE(OWN_GRANULE);
	char expected[1024];

	slot.memory.start_stack = own + 100;
	slot.agent_stack = GRANULE(FREE_GRANULE) + 100;
	slot.brk_lo = own + 65536;
	slot.brk_hi = own + 131072;
	add(mapping(GRANULE(FREE_GRANULE), "[stack]"));
	add(mapping(own, ""));
	add(mapping(own + 65536, ""));
	strcpy(expected, mapping(own, "[stack]"));
	strcat(expected, mapping(own + 65536, ""));
	/* nothing of the zone is mapped as the break: what is there is something else */
	slot.brk_mapped = slot.brk_lo;
	assert_string_equal(copy(), expected);
	slot.brk_mapped = slot.brk_lo + 4096;
	strcpy(expected, mapping(own, "[stack]"));
	strcat(expected, mapping(own + 65536, "[heap]"));
	assert_string_equal(copy(), expected);
	/* a name that is there stays */
	text[0] = '\0';
	add(mapping(own, "/dev/zero (deleted)"));
	assert_string_equal(copy(), mapping(own, "/dev/zero (deleted)"));
}

static void test_long_names_and_long_files(void **state)
{
	char expected[TEXT_SIZE] = "";
	char name[900];

	memset(name, 'n', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	for (uint64_t i = 0; i < 50; i++) {
		add(mapping(GRANULE(OWN_GRANULE) + i * 4096, name + i * 17 % 800));
		strcpy(expected, text);
	}
	for (uint64_t i = 0; i < 50; i++) {
		add(mapping(GRANULE(OTHER_GRANULE) + i * 4096, name + i * 13 % 800));
		assert_string_equal(copy(), expected);
	}
}

static void test_what_is_no_map(void **state)
{
	int to = memfd_create("to", MFD_CLOEXEC);

	assert_string_equal(copy(), "");
	/* the end may come in the middle of a line: of that nothing can be said */
	add(mapping(GRANULE(OWN_GRANULE), ""));
	add("3f");
	assert_string_equal(copy(), mapping(GRANULE(OWN_GRANULE), ""));
	maps_copy(&slot, "/nonexistent", to);
	assert_int_equal(lseek(to, 0, SEEK_END), 0);
	close(to);
}

static int make_space(void **state)
{
	(void)state;
	if (fake_space_create())
		return -1;
	fake.granules[OWN_GRANULE] = (struct tp_granule){TP_GRANULE_LIVE, FAKE_SELF, 7};
	fake.granules[OTHER_GRANULE] = (struct tp_granule){TP_GRANULE_LIVE, FAKE_OTHER, 7};
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_others_are_left_out, setup),
		cmocka_unit_test_setup(test_the_toolkits_own_is_left_out, setup),
		cmocka_unit_test_setup(test_behind_the_last_granule_is_the_kernels, setup),
		cmocka_unit_test_setup(test_a_fixed_image_is_its_owners, setup),
		cmocka_unit_test_setup(test_further_lines_go_along, setup),
		cmocka_unit_test_setup(test_stack_and_heap, setup),
		cmocka_unit_test_setup(test_long_names_and_long_files, setup),
		cmocka_unit_test_setup(test_what_is_no_map, setup),
	};

	return cmocka_run_group_tests(tests, make_space, NULL);
}
