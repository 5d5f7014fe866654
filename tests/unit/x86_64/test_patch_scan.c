/* What the patterns take for a system-call site, byte by byte. */
#include "loader/patch/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define OFF 0x1000
#define PAD 256 /* no-ops around what is scanned */

#define MOV_EAX(nr) 0xb8, nr, 0, 0, 0
#define SYSCALL 0x0f, 0x05
#define CMP_RAX 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff
#define CMP_EAX 0x3d, 0x01, 0xf0, 0xff, 0xff
#define LOAD_R9 0x4c, 0x8b, 0x4c, 0x24, 0x08 /* mov 8(%rsp),%r9 */
#define TEST_RAX 0x48, 0x85, 0xc0
#define NOP 0x90

#define NR_MMAP 9
#define NR_MUNMAP 11
#define NR_CLONE 56
#define NR_VFORK 58
#define NR_GETPID 39

static struct tp_site sites[PATCH_MAX_SITES];

/* Scans a copy that is exactly as large, so that a sanitizer sees a byte too many read. */
static size_t scan_exactly(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size);
	size_t count;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	memset(sites, 0xa5, sizeof(sites));
	count = patch_scan(copy, size, OFF, patch_is_entered, sites, PATCH_MAX_SITES);
	free(copy);
	return count;
}

static size_t scan_padded(const uint8_t *bytes, size_t size)
{
	uint8_t text[3 * PAD];

	assert_true(size <= PAD);
	memset(text, NOP, sizeof(text));
	memcpy(text + PAD, bytes, size);
	return scan_exactly(text, sizeof(text));
}

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* One site, so far into the bytes. */
static void assert_site(const uint8_t *bytes, size_t size, uint32_t at, uint8_t pre, uint8_t len,
                        enum patch_kind kind)
{
	assert_int_equal(scan_padded(bytes, size), 1);
	assert_int_equal(sites[0].off, OFF + PAD + at);
	assert_int_equal(sites[0].pre, pre);
	assert_int_equal(sites[0].len, len);
	assert_int_equal(sites[0].kind, kind);
	/* The same at the very beginning and the very end. */
	assert_int_equal(scan_exactly(bytes, size), 1);
	assert_int_equal(sites[0].off, OFF + at);
}

static void assert_none(const uint8_t *bytes, size_t size)
{
	assert_int_equal(scan_padded(bytes, size), 0);
	assert_int_equal(scan_exactly(bytes, size), 0);
}

static void test_wanted_numbers(void **state)
{
	static const uint32_t wanted[] = {2,  4,  9,   11,  12,  13,  21,  25,
	                                  30, 56, 57,  59,  89,  110, 131, 157,
	                                  257, 262, 267, 269, 273, 317, 322, 332, 439};
	size_t next = 0;

	for (uint32_t nr = 0; nr < 1000; nr++) {
		bool expected = next < sizeof(wanted) / sizeof(wanted[0]) && wanted[next] == nr;

		assert_int_equal(patch_wants(nr), expected);
		next += expected;
	}
	assert_false(patch_wants(UINT32_MAX));
	assert_false(patch_wants(9 | 0x40000000)); /* the x32 numbers */
}

/* glibc: mov $NR,%eax; syscall; cmp $-4096,%rax */
static void test_glibc_wrapper(void **state)
{
	assert_site(BYTES(MOV_EAX(NR_MMAP), SYSCALL, CMP_RAX), 0, 5, 7, PATCH_DIRECT);
	assert_site(BYTES(0xf3, 0x0f, 0x1e, 0xfa, MOV_EAX(NR_MUNMAP), SYSCALL, CMP_RAX), 4, 5, 7,
	            PATCH_DIRECT);
	assert_none(BYTES(MOV_EAX(NR_GETPID), SYSCALL, CMP_RAX));
}

/* musl: registers are moved between the number and the call. */
static void test_moves_between(void **state)
{
	/* mov %r8,%r10 */
	assert_site(BYTES(MOV_EAX(NR_MMAP), 0x4d, 0x89, 0xc2, SYSCALL), 0, 8, 10, PATCH_DIRECT);
	/* movslq %ecx,%r10; mov %rdx,%r8; xor %r9d,%r9d; mov $0x22,%edx */
	assert_site(BYTES(MOV_EAX(NR_MMAP), 0x4c, 0x63, 0xd1, 0x49, 0x89, 0xd0, 0x45, 0x31, 0xc9,
	                  0xba, 0x22, 0, 0, 0, SYSCALL),
	            0, 19, 21, PATCH_DIRECT);
	/* mov (%rdi),%rdi reads memory: not moved */
	assert_none(BYTES(MOV_EAX(NR_MMAP), 0x48, 0x8b, 0x3f, SYSCALL));
	/* call +0 */
	assert_none(BYTES(MOV_EAX(NR_MMAP), 0xe8, 0, 0, 0, 0, SYSCALL));
	/* lea 0(%rip),%rsi means something else elsewhere */
	assert_none(BYTES(MOV_EAX(NR_MMAP), 0x48, 0x8d, 0x35, 0, 0, 0, 0, SYSCALL));
}

/* mov $imm32,%r8d ends in the bytes of mov $imm32,%eax. */
static void test_mov_to_another_register(void **state)
{
	assert_none(BYTES(0x41, MOV_EAX(NR_MMAP), SYSCALL));
	assert_none(BYTES(MOV_EAX(NR_GETPID), 0x41, MOV_EAX(NR_MMAP), SYSCALL));
	/* mov $9,%eax; mov $12,%r8d */
	assert_site(BYTES(MOV_EAX(NR_MMAP), 0x41, 0xb8, 12, 0, 0, 0, SYSCALL), 0, 11, 13,
	            PATCH_DIRECT);
	/* mov $12,%r8d; mov $9,%eax */
	assert_site(BYTES(0x41, 0xb8, 12, 0, 0, 0, MOV_EAX(NR_MMAP), SYSCALL), 6, 5, 7,
	            PATCH_DIRECT);
	/* movabs $9,%rax ...: ten bytes, of which the pattern is only a part */
	assert_none(BYTES(0x48, 0xb8, 9, 0, 0, 0, 0, 0, 0, 0, SYSCALL));
}

/* The nearest number counts. */
static void test_number_overwritten(void **state)
{
	assert_none(BYTES(MOV_EAX(NR_MMAP), MOV_EAX(NR_GETPID), SYSCALL));
	assert_site(BYTES(MOV_EAX(NR_GETPID), MOV_EAX(NR_MMAP), SYSCALL), 5, 5, 7, PATCH_DIRECT);
}

static void test_number_too_far_away(void **state)
{
	uint8_t text[5 + 14 * 3 + 2] = {MOV_EAX(NR_MMAP)};
	size_t moves;

	/* 11 moves of three bytes: the mov is 38 bytes before, 12 are one too many */
	for (moves = 11; moves <= 12; moves++) {
		for (size_t i = 0; i < moves; i++)
			memcpy(text + 5 + i * 3, (const uint8_t[]){0x4d, 0x89, 0xc2}, 3);
		memcpy(text + 5 + moves * 3, (const uint8_t[]){SYSCALL}, 2);
		if (moves == 11)
			assert_site(text, 5 + moves * 3 + 2, 0, 38, 40, PATCH_DIRECT);
		else
			assert_none(text, 5 + moves * 3 + 2);
	}
}

/* Some clones are forks and some are threads: it is decided at run time who makes them. */
static void test_clone_is_filtered(void **state)
{
	assert_site(BYTES(MOV_EAX(NR_CLONE), SYSCALL), 0, 5, 7, PATCH_FILTERED);
	assert_site(BYTES(MOV_EAX(NR_CLONE), SYSCALL, CMP_RAX), 0, 5, 7, PATCH_FILTERED);
}

/* clone(3) tests for zero at once: the child is on another stack and always a thread. */
static void test_threads_are_left_alone(void **state)
{
	assert_none(BYTES(MOV_EAX(NR_CLONE), SYSCALL, TEST_RAX));
	assert_none(BYTES(MOV_EAX(NR_CLONE), SYSCALL, TEST_RAX, 0x7c, 0x10));
	assert_site(BYTES(MOV_EAX(NR_MMAP), SYSCALL, TEST_RAX), 0, 5, 7, PATCH_DIRECT);
}

/* A vfork child runs on its parent's stack and would return twice through a stub's frame. */
static void test_vfork_is_left_alone(void **state)
{
	assert_none(BYTES(0x5f, MOV_EAX(NR_VFORK), SYSCALL, 0x57, CMP_EAX));
	assert_none(BYTES(MOV_EAX(NR_VFORK), SYSCALL, CMP_RAX));
}

/* libc's syscall(3): the number is the caller's. */
static void test_general_wrapper(void **state)
{
	assert_site(BYTES(LOAD_R9, SYSCALL, CMP_RAX), 5, 0, 8, PATCH_FILTERED);
	assert_site(BYTES(LOAD_R9, SYSCALL, CMP_EAX), 5, 0, 7, PATCH_FILTERED);
	assert_none(BYTES(SYSCALL, CMP_RAX));
	assert_none(BYTES(LOAD_R9, SYSCALL, 0xc3, NOP, NOP, NOP, NOP));
	/* mov 16(%rsp),%r9 is something else */
	assert_none(BYTES(0x4c, 0x8b, 0x4c, 0x24, 0x10, SYSCALL, CMP_RAX));
}

/* The number is loaded before something that cannot move; the comparison can. */
static void test_number_before_what_stays(void **state)
{
	/* mov $9,%eax; mov (%rdi),%rdi; syscall; cmp */
	assert_site(BYTES(MOV_EAX(NR_MMAP), 0x48, 0x8b, 0x3f, SYSCALL, CMP_RAX), 8, 0, 8,
	            PATCH_FILTERED);
	assert_none(BYTES(MOV_EAX(NR_GETPID), 0x48, 0x8b, 0x3f, SYSCALL, CMP_RAX));
}

/* musl's __unmapself has no stack left to call anything on. */
/* As in glibc's lock: 2 is the lock's state, and what is called is a futex. */
static void test_small_number_before_another_call(void **state)
{
	assert_none(BYTES(MOV_EAX(2), 0x87, 0x07, 0x85, 0xc0, 0x74, 0x10, SYSCALL, CMP_RAX));
	assert_int_equal(scan_padded(BYTES(MOV_EAX(2), SYSCALL, CMP_RAX)), 1);
}

static void test_unmapself_is_left_alone(void **state)
{
	/* mov $11,%eax; syscall; xor %rdi,%rdi; mov $60,%eax; syscall */
	assert_none(BYTES(MOV_EAX(NR_MUNMAP), SYSCALL, 0x48, 0x31, 0xff, MOV_EAX(60), SYSCALL));
	/* the same shape with another number is none */
	assert_site(BYTES(MOV_EAX(NR_MMAP), SYSCALL, 0x48, 0x31, 0xff, MOV_EAX(60), SYSCALL), 0, 5,
	            7, PATCH_DIRECT);
	assert_site(BYTES(MOV_EAX(NR_MUNMAP), SYSCALL, 0x48, 0x31, 0xff, MOV_EAX(39), SYSCALL), 0,
	            5, 7, PATCH_DIRECT);
}

/* ---- jumps into a site -------------------------------------------------------------- */

/* A jump of these bytes before the site, leading so far into it; none is found if inside. */
static void check_jump_before(const uint8_t *opcode, size_t opcode_size, size_t rel_size)
{
	for (int into = 0; into <= 7; into++) {
		uint8_t text[32];
		size_t jump = opcode_size + rel_size;
		int32_t rel = into;

		memset(text, NOP, sizeof(text));
		memcpy(text, opcode, opcode_size);
		memcpy(text + opcode_size, &rel, rel_size);
		memcpy(text + jump, (const uint8_t[]){MOV_EAX(NR_MMAP), SYSCALL}, 7);
		/* To its first byte is where everybody goes; behind it, too. */
		assert_int_equal(scan_padded(text, sizeof(text)), into == 0 || into == 7);
	}
}

/* The same from behind. */
static void check_jump_behind(const uint8_t *opcode, size_t opcode_size, size_t rel_size)
{
	for (int into = 0; into <= 7; into++) {
		uint8_t text[32] = {MOV_EAX(NR_MMAP), SYSCALL};
		size_t at = 10;
		int32_t rel = into - (int32_t)(at + opcode_size + rel_size);

		memset(text + 7, NOP, sizeof(text) - 7);
		memcpy(text + at, opcode, opcode_size);
		memcpy(text + at + opcode_size, &rel, rel_size);
		assert_int_equal(scan_padded(text, sizeof(text)), into == 0 || into == 7);
	}
}

static void check_jump(const uint8_t *opcode, size_t opcode_size, size_t rel_size)
{
	check_jump_before(opcode, opcode_size, rel_size);
	check_jump_behind(opcode, opcode_size, rel_size);
}

static void test_jumps_into_a_site(void **state)
{
	check_jump(BYTES(0xeb), 1); /* jmp */
	check_jump(BYTES(0x70), 1); /* jo .. jg */
	check_jump(BYTES(0x74), 1);
	check_jump(BYTES(0x7f), 1);
	check_jump(BYTES(0xe0), 1); /* loopne .. jrcxz */
	check_jump(BYTES(0xe3), 1);
	check_jump(BYTES(0xe9), 4);
	check_jump(BYTES(0xe8), 4);
	check_jump(BYTES(0x0f, 0x84), 4);
	check_jump(BYTES(0x0f, 0x8f), 4);
}

/* When the first site is entered, the second is still one. */
static void test_only_that_site_is_left_alone(void **state)
{
	/* jmp +5 leads to the first syscall */
	static const uint8_t text[] = {0xeb,   5, MOV_EAX(NR_MMAP), SYSCALL, MOV_EAX(NR_MUNMAP),
	                               SYSCALL};

	assert_int_equal(scan_padded(text, sizeof(text)), 1);
	assert_int_equal(sites[0].off, OFF + PAD + 9);
}

static void test_entries_one_after_the_other(void **state)
{
	uint8_t text[64];
	const size_t at = 20;
	size_t i;

	memset(text, NOP, sizeof(text));
	text[10] = 0xeb;
	text[11] = 9; /* to 21 */
	text[40] = 0x75;
	text[41] = (uint8_t)-18; /* to 24 */
	text[50] = 0xeb;
	text[51] = (uint8_t)-32; /* to 20, the first byte */
	i = patch_next_entry(text, sizeof(text), at, 7, 0);
	assert_int_equal(i, 10);
	i = patch_next_entry(text, sizeof(text), at, 7, i + 1);
	assert_int_equal(i, 40);
	i = patch_next_entry(text, sizeof(text), at, 7, i + 1);
	assert_int_equal(i, sizeof(text));
	assert_true(patch_is_entered(text, sizeof(text), at, 7));
	assert_false(patch_is_entered(text, sizeof(text), at + 10, 7));
}

/* ---- buffers ---------------------------------------------------------------------------- */

static void test_nothing_to_scan(void **state)
{
	static const uint8_t bytes[] = {0x0f};

	assert_int_equal(patch_scan(bytes, 0, 0, patch_is_entered, sites, PATCH_MAX_SITES), 0);
	assert_none(bytes, sizeof(bytes));
}

/* The text may end anywhere in a site. */
static void test_end_of_the_buffer(void **state)
{
	static const uint8_t direct[] = {MOV_EAX(NR_MMAP), SYSCALL};
	static const uint8_t general[] = {LOAD_R9, SYSCALL, CMP_RAX};
	/* what musl's __unmapself is told by may be cut off */
	static const uint8_t unmap[] = {MOV_EAX(NR_MUNMAP), SYSCALL, 0x48, 0x31, 0xff, MOV_EAX(60)};

	for (size_t size = 1; size < sizeof(direct); size++)
		assert_int_equal(scan_exactly(direct, size), 0);
	for (size_t size = 1; size < sizeof(general); size++)
		assert_int_equal(scan_exactly(general, size), 0);
	for (size_t size = 7; size < sizeof(unmap); size++)
		scan_exactly(unmap, size);
	/* and begin anywhere in it */
	for (size_t skip = 1; skip < sizeof(direct); skip++)
		assert_int_equal(scan_exactly(direct + skip, sizeof(direct) - skip), 0);
}

/* The search goes through words of eight bytes: every position in one. */
static void test_every_offset(void **state)
{
	for (size_t before = 0; before < 40; before++) {
		uint8_t text[64];

		memset(text, 0x05, sizeof(text));
		memcpy(text + before, (const uint8_t[]){NOP, MOV_EAX(NR_MMAP), SYSCALL}, 8);
		assert_int_equal(scan_exactly(text, before + 8 + before % 9), 1);
		assert_int_equal(sites[0].off, OFF + before + 1);
		assert_int_equal(patch_next_opcode(text, before + 8, 0, 0x05), before + 6);
		assert_int_equal(patch_next_opcode(text, before + 8, before + 7, 0x05), before + 8);
	}
}

/* More than fit are counted; those that fit are the first, in order. */
static void test_more_sites_than_room(void **state)
{
	static const uint8_t site[] = {MOV_EAX(NR_MMAP), SYSCALL, NOP};
	uint8_t text[PATCH_MAX_SITES * 2 * sizeof(site)];
	size_t most = PATCH_MAX_SITES;

	for (size_t i = 0; i < sizeof(text); i += sizeof(site))
		memcpy(text + i, site, sizeof(site));
	assert_int_equal(scan_exactly(text, sizeof(text)), 2 * most);
	for (size_t i = 0; i < most; i++)
		assert_int_equal(sites[i].off, OFF + i * sizeof(site));
	memset(sites, 0, sizeof(sites));
	assert_int_equal(patch_scan(text, sizeof(text), OFF, patch_is_entered, sites, 3), 2 * most);
	assert_int_equal(sites[2].off, OFF + 2 * sizeof(site));
	assert_int_equal(sites[3].len, 0);
}

/* Two sites never share a byte. */
static void test_sites_do_not_overlap(void **state)
{
	/* the second syscall's number would be the first's */
	static const uint8_t text[] = {MOV_EAX(NR_MMAP), SYSCALL, SYSCALL, CMP_RAX};

	assert_int_equal(scan_padded(text, sizeof(text)), 2);
	assert_true(sites[0].off + sites[0].len <= sites[1].off);
	assert_int_equal(sites[1].kind, PATCH_FILTERED);
	/* the number that is compared with reads as another syscall and comparison */
	assert_int_equal(scan_padded(BYTES(MOV_EAX(NR_MMAP), 0x48, 0x8b, 0x3f, SYSCALL, 0x48, 0x3d,
	                                   SYSCALL, CMP_RAX)),
	                 1);
	assert_int_equal(sites[0].off, OFF + PAD + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted_numbers),
		cmocka_unit_test(test_glibc_wrapper),
		cmocka_unit_test(test_moves_between),
		cmocka_unit_test(test_mov_to_another_register),
		cmocka_unit_test(test_number_overwritten),
		cmocka_unit_test(test_number_too_far_away),
		cmocka_unit_test(test_clone_is_filtered),
		cmocka_unit_test(test_threads_are_left_alone),
		cmocka_unit_test(test_vfork_is_left_alone),
		cmocka_unit_test(test_general_wrapper),
		cmocka_unit_test(test_number_before_what_stays),
		cmocka_unit_test(test_small_number_before_another_call),
		cmocka_unit_test(test_unmapself_is_left_alone),
		cmocka_unit_test(test_jumps_into_a_site),
		cmocka_unit_test(test_only_that_site_is_left_alone),
		cmocka_unit_test(test_entries_one_after_the_other),
		cmocka_unit_test(test_nothing_to_scan),
		cmocka_unit_test(test_end_of_the_buffer),
		cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_more_sites_than_room),
		cmocka_unit_test(test_sites_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
