/* Where instructions begin: in bytes made to mislead, and in the system's own libraries. */
#include "loader/server/image.h"
#include "loader/server/instructions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <Zydis/Zydis.h>

#define OFF 0x3000
#define AT 512 /* where the bytes lie, among no-ops */

#define SYSCALL 0x0f, 0x05
#define CPUID 0x0f, 0xa2
#define MOV_ESI_EAX 0x89, 0xc6
#define RET 0xc3

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static uint8_t text[1024];
static struct tp_site sites[PATCH_MAX_SITES];

static void put(const uint8_t *bytes, size_t size)
{
	assert_true(AT + size <= sizeof(text));
	memset(text, 0x90, sizeof(text));
	memcpy(text + AT, bytes, size);
}

/* ---- system calls ------------------------------------------------------------------------ */

/* Whether the site so far into the bytes is confirmed. */
static bool confirm(const uint8_t *bytes, size_t size, size_t at, uint8_t pre)
{
	const struct tp_site site = {.pre = pre, .len = (uint8_t)(pre + 2)};

	put(bytes, size);
	return instructions_confirm(text, sizeof(text), AT + at, &site);
}

static void test_confirms_a_site(void **state)
{
	assert_true(confirm(BYTES(0xb8, 9, 0, 0, 0, SYSCALL), 0, 5));
	assert_true(confirm(BYTES(0xb8, 9, 0, 0, 0, 0x4d, 0x89, 0xc2, SYSCALL), 0, 8));
}

static void test_what_is_inside_of_another(void **state)
{
	/* mov $9,%r8d, of which the site would be all but the first byte */
	assert_false(confirm(BYTES(0x41, 0xb8, 9, 0, 0, 0, SYSCALL), 1, 5));
	/* movabs $imm64,%rax: all of it is the number */
	assert_false(confirm(BYTES(0x48, 0xb8, 0xb8, 9, 0, 0, 0, SYSCALL, 0x90), 2, 5));
	/* the beginning is one, the syscall is not: mov $9,%eax; mov $0x50f,%ecx */
	assert_false(confirm(BYTES(0xb8, 9, 0, 0, 0, 0xb9, SYSCALL, 0, 0), 0, 6));
}

/* jbe +0x46; mov $..,%eax: the jump's displacement looks like a prefix of the mov. */
static void test_prefix_that_is_none(void **state)
{
	assert_true(confirm(BYTES(0x76, 0x46, 0xb8, 9, 0, 0, 0, SYSCALL), 2, 5));
	assert_false(confirm(BYTES(0x76, 0x46, 0xb8, 9, 0, 0, 0, SYSCALL), 1, 6));
}

/* Zeros are instructions of two bytes: from even and odd addresses they read differently. */
static void test_what_cannot_be_known(void **state)
{
	const struct tp_site site = {.pre = 5, .len = 7};

	for (size_t at = AT; at <= AT + 1; at++) {
		memset(text, 0, sizeof(text));
		memcpy(text + at, (const uint8_t[]){0xb8, 9, 0, 0, 0, SYSCALL}, 7);
		assert_false(instructions_confirm(text, sizeof(text), at, &site));
	}
}

/* The very beginning of a text needs no doubt. */
static void test_beginning_of_the_text(void **state)
{
	static const uint8_t bytes[] = {0xb8, 9, 0, 0, 0, SYSCALL, RET};
	const struct tp_site site = {.pre = 5, .len = 7};

	assert_true(instructions_confirm(bytes, sizeof(bytes), 0, &site));
}

/* ---- jumps ------------------------------------------------------------------------------- */

static bool entered(const uint8_t *bytes, size_t size, size_t at, size_t len)
{
	put(bytes, size);
	return instructions_is_entered(text, sizeof(text), AT + at, len);
}

static void test_false_alarms(void **state)
{
	/* mov $0x2eb,%ecx: its number reads as a jump behind the first byte of the site */
	static const uint8_t alarm[] = {0xb9, 0xeb, 0x03, 0, 0, 0xb8, 9, 0, 0, 0, SYSCALL};

	assert_false(entered(alarm, sizeof(alarm), 5, 7));
	assert_true(patch_is_entered(text, sizeof(text), AT + 5, 7));
}

static void test_true_jumps(void **state)
{
	assert_true(entered(BYTES(0xeb, 1, 0xb8, 9, 0, 0, 0, SYSCALL), 2, 7));
	assert_true(entered(BYTES(0xb8, 9, 0, 0, 0, SYSCALL, 0x75, (uint8_t)-4), 0, 7));
	assert_false(entered(BYTES(0xeb, 0, 0xb8, 9, 0, 0, 0, SYSCALL), 2, 7));
	/* a false alarm first, a jump after it */
	assert_true(
		entered(BYTES(0xb9, 0xeb, 0x05, 0, 0, 0xeb, 1, 0xb8, 9, 0, 0, 0, SYSCALL), 7, 7));
}

/* ---- cpuid ------------------------------------------------------------------------------- */

static size_t scan_cpuid(const uint8_t *bytes, size_t size)
{
	put(bytes, size);
	memset(sites, 0xa5, sizeof(sites));
	return instructions_scan_cpuid(text, sizeof(text), OFF, sites, PATCH_MAX_SITES);
}

static void assert_cpuid(const uint8_t *bytes, size_t size, uint32_t at, uint8_t pre, uint8_t len)
{
	assert_int_equal(scan_cpuid(bytes, size), 1);
	assert_int_equal(sites[0].off, OFF + AT + at);
	assert_int_equal(sites[0].pre, pre);
	assert_int_equal(sites[0].len, len);
	assert_int_equal(sites[0].kind, PATCH_CPUID);
}

static void test_cpuid_takes_what_follows(void **state)
{
	assert_cpuid(BYTES(0x31, 0xc0, CPUID, MOV_ESI_EAX, 0x89, 0xdf), 2, 0, 6);
	assert_cpuid(BYTES(CPUID, 0x41, 0x89, 0xc0, RET), 0, 0, 5);
}

/* What follows cannot move: then what is before goes along, cut between instructions. */
static void test_cpuid_takes_what_precedes(void **state)
{
	assert_cpuid(BYTES(0xb8, 7, 0, 0, 0, CPUID, RET), 0, 5, 7);
	assert_cpuid(BYTES(0x31, 0xc9, 0x31, 0xc0, CPUID, RET), 0, 4, 6);
	/* je +16 */
	assert_cpuid(BYTES(0xb8, 7, 0, 0, 0, CPUID, 0x74, 16), 0, 5, 7);
	/* lea 0(%rip),%rsi */
	assert_cpuid(BYTES(0xb8, 7, 0, 0, 0, CPUID, 0x48, 0x8d, 0x35, 0, 0, 0, 0), 0, 5, 7);
}

/* jbe +0x46; mov $0x80000007,%eax; cpuid; ret: cut behind the jump, not within it. */
static void test_cpuid_after_a_misleading_jump(void **state)
{
	assert_cpuid(BYTES(0x76, 0x46, 0xb8, 7, 0, 0, 0x80, CPUID, RET), 2, 5, 7);
	assert_cpuid(BYTES(0x74, 0x41, 0xb8, 7, 0, 0, 0, CPUID, RET), 2, 5, 7);
}

static void test_cpuid_that_has_no_room(void **state)
{
	assert_int_equal(scan_cpuid(BYTES(RET, CPUID, RET)), 0);
	assert_int_equal(scan_cpuid(BYTES(0xe8, 0, 0, 0, 0, CPUID, RET)), 0);
	/* lea 0(%rip),%rax before, a call behind */
	assert_int_equal(scan_cpuid(BYTES(0x48, 0x8d, 0x05, 0, 0, 0, 0, CPUID, 0xe8, 0, 0, 0, 0)),
	                 0);
}

static void test_cpuid_that_is_a_number(void **state)
{
	/* mov $0xa20f,%eax */
	assert_int_equal(scan_cpuid(BYTES(0xb8, CPUID, 0, 0)), 0);
	assert_int_equal(scan_cpuid(BYTES(0x48, 0xb8, 1, 2, CPUID, 3, 4, 5, 6)), 0);
}

/* Where a jump leads to what follows, what precedes is taken instead. */
static void test_cpuid_entered(void **state)
{
	/* mov $7,%eax; cpuid; L: mov %eax,%esi; mov %ebx,%edi; jmp L */
	assert_cpuid(BYTES(0xb8, 7, 0, 0, 0, CPUID, MOV_ESI_EAX, 0x89, 0xdf, 0xeb, (uint8_t)-6), 0,
	             5, 7);
	/* L: cpuid ...: to the first byte is where everybody goes */
	assert_cpuid(BYTES(CPUID, MOV_ESI_EAX, 0x89, 0xdf, 0xeb, (uint8_t)-8), 0, 0, 6);
}

static void test_cpuids_side_by_side(void **state)
{
	/* The second has nothing left of what is between them, and takes what follows. */
	assert_int_equal(
		scan_cpuid(BYTES(CPUID, MOV_ESI_EAX, 0x31, 0xc0, CPUID, MOV_ESI_EAX, 0x31, 0xc0)),
		2);
	assert_int_equal(sites[0].off, OFF + AT);
	assert_int_equal(sites[0].len, 6);
	assert_int_equal(sites[1].off, OFF + AT + 6);
	assert_int_equal(sites[1].pre, 0);
	/* Nor does a site take another cpuid along. */
	assert_int_equal(scan_cpuid(BYTES(0xb8, 7, 0, 0, 0, CPUID, CPUID, RET)), 1);
	assert_int_equal(sites[0].len, 7);
}

static void test_more_cpuids_than_room(void **state)
{
	memset(text, 0x90, sizeof(text));
	for (size_t i = 0; i < 10; i++)
		memcpy(text + AT + i * 8, (const uint8_t[]){CPUID, MOV_ESI_EAX, 0x89, 0xdf}, 6);
	memset(sites, 0, sizeof(sites));
	assert_int_equal(instructions_scan_cpuid(text, sizeof(text), OFF, sites, 4), 10);
	assert_int_equal(sites[3].off, OFF + AT + 24);
	assert_int_equal(sites[4].len, 0);
}

/* The text may end anywhere. */
static void test_end_of_the_text(void **state)
{
	static const uint8_t bytes[] = {0x31, 0xc0, CPUID, MOV_ESI_EAX, 0x89, 0xdf};

	for (size_t size = 0; size <= sizeof(bytes); size++) {
		uint8_t *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, bytes, size);
		assert_int_equal(instructions_scan_cpuid(copy, size, 0, sites, PATCH_MAX_SITES),
		                 size == sizeof(bytes));
		free(copy);
	}
}

/* ---- the system's own ------------------------------------------------------------------- */

/* True when whole instructions fill it, the opcode one of them. */
static bool is_whole(const uint8_t *bytes, const struct tp_site *site)
{
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	size_t at = 0;
	bool met = false;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (at < site->len) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes + at,
		                                                site->len - at, &instruction)))
			return false;
		met |= at == site->pre;
		at += instruction.length;
	}
	return met && at == site->len;
}

static size_t check_segment(const uint8_t *segment, size_t size, bool cpuid)
{
	size_t count;

	count = cpuid ? instructions_scan_cpuid(segment, size, 0, sites, PATCH_MAX_SITES)
	              : patch_scan(segment, size, 0, instructions_is_entered, sites,
	                           PATCH_MAX_SITES);
	assert_true(count <= PATCH_MAX_SITES);
	for (size_t i = 0; i < count; i++) {
		if (!instructions_confirm(segment, size, sites[i].off, &sites[i]) ||
		    !is_whole(segment + sites[i].off, &sites[i]))
			fail_msg("site at 0x%x is not confirmed", sites[i].off);
		assert_true(!i || sites[i].off >= sites[i - 1].off + sites[i - 1].len);
	}
	return count;
}

/* Every site that a pattern finds in the file is one; tells how many there are. */
static size_t check_file(const char *path, bool cpuid)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image *image;
	struct err err;
	size_t count = 0;

	if (fd < 0)
		skip();
	assert_int_equal(image_create(fd, path, &image, &err), 0);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];
		uint8_t *bytes;

		if (!(s->prot & PROT_EXEC))
			continue;
		bytes = malloc(s->filesz);
		assert_non_null(bytes);
		assert_int_equal(pread(fd, bytes, s->filesz, (off_t)s->offset), s->filesz);
		count += check_segment(bytes, s->filesz, cpuid);
		free(bytes);
	}
	image_destroy(image);
	close(fd);
	return count;
}

static void test_ld_so(void **state)
{
	/* mmap, munmap, brk, readlink at the least */
	assert_true(check_file("/lib64/ld-linux-x86-64.so.2", false) >= 4);
	assert_true(check_file("/lib64/ld-linux-x86-64.so.2", true) >= 10);
}

static void test_libc(void **state)
{
	assert_true(check_file("/lib/x86_64-linux-gnu/libc.so.6", false) >= 12);
}

static void test_musl(void **state)
{
	assert_true(check_file("/lib/ld-musl-x86_64.so.1", false) >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confirms_a_site),
		cmocka_unit_test(test_what_is_inside_of_another),
		cmocka_unit_test(test_prefix_that_is_none),
		cmocka_unit_test(test_what_cannot_be_known),
		cmocka_unit_test(test_beginning_of_the_text),
		cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_true_jumps),
		cmocka_unit_test(test_cpuid_takes_what_follows),
		cmocka_unit_test(test_cpuid_takes_what_precedes),
		cmocka_unit_test(test_cpuid_after_a_misleading_jump),
		cmocka_unit_test(test_cpuid_that_has_no_room),
		cmocka_unit_test(test_cpuid_that_is_a_number),
		cmocka_unit_test(test_cpuid_entered),
		cmocka_unit_test(test_cpuids_side_by_side),
		cmocka_unit_test(test_more_cpuids_than_room),
		cmocka_unit_test(test_end_of_the_text),
		cmocka_unit_test(test_ld_so),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_musl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
