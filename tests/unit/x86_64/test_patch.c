/*
 * Patched text, executed: functions made of bytes are patched and called, and lead through
 * their stubs to the agent's own entry points (entry.S), which call what is defined here.
 */
#include "loader/agent/arch/x86_64/arch.h"
#include "loader/agent/slot.h"
#include "loader/patch/patch.h"
#include "tests/unit/x86_64/patch_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
/* Far from what the kernel places: stubs on both sides of the text. */
#define LOW_STUBS UINT64_C(0x200000000000)
#define CODE (LOW_STUBS + 16 * PAGE)
#define HIGH_STUBS (CODE + 16 * PAGE)

#define MOV_EAX(nr) 0xb8, nr, 0, 0, 0
#define SYSCALL 0x0f, 0x05
#define CPUID 0x0f, 0xa2
#define CMP_RAX 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff
#define LOAD_R9 0x4c, 0x8b, 0x4c, 0x24, 0x08
#define RET 0xc3
/* mov %rbx,-8(%rsp); mov %rbp,-128(%rsp): both ends of the red zone */
#define FILL_RED_ZONE 0x48, 0x89, 0x5c, 0x24, 0xf8, 0x48, 0x89, 0x6c, 0x24, 0x80
/* into rcx and r11, which a system call changes in any case */
#define READ_RED_ZONE 0x48, 0x8b, 0x4c, 0x24, 0xf8, 0x4c, 0x8b, 0x5c, 0x24, 0x80
/* into rsi and rdi */
#define READ_RED_ZONE_LOW 0x48, 0x8b, 0x74, 0x24, 0xf8, 0x48, 0x8b, 0x7c, 0x24, 0x80

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* ---- what the stubs lead to ---------------------------------------------------------- */

void agent_main(void);
long call_dispatch(struct slot *slot, struct arch_call *call);
void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
void cpuid_answer_early(uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
void modules_changed(struct slot *slot);
extern uint32_t call_bitmap[11];

uint32_t call_bitmap[11];

static const uint32_t cpuid_answers[4] = {0x80000001, 0xbbbbbbbb, 0xcccccccc, 0xdddddddd};

static struct {
	int calls;
	int cpuids;
	int hooks;
	struct slot *slot;
	struct arch_call call;
	uint32_t leaf;
	uint32_t subleaf;
	long result; /* to return */
	uint64_t misaligned;
} seen;

/* As deep as in-space code may go: what the caller has there is gone. */
static void use_stack(void)
{
	volatile uint8_t scratch[1024];

	for (size_t i = 0; i < sizeof(scratch); i++)
		scratch[i] = 0xcc;
	seen.misaligned |= (uintptr_t)__builtin_frame_address(0) % 16;
}

long call_dispatch(struct slot *slot, struct arch_call *call)
{
	use_stack();
	seen.calls++;
	seen.slot = slot;
	seen.call = *call;
	return seen.result;
}

void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	use_stack();
	seen.cpuids++;
	seen.leaf = leaf;
	seen.subleaf = subleaf;
	memcpy(answer, cpuid_answers, sizeof(cpuid_answers));
}

void cpuid_answer_early(uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	cpuid_answer(leaf, subleaf, answer);
}

void modules_changed(struct slot *slot)
{
	use_stack();
	seen.hooks++;
	seen.slot = slot;
}

/* Where entry.S would begin as an agent. */
void agent_main(void)
{
	abort();
}

/* ---- patching and calling --------------------------------------------------------------- */

static struct patch_stubs stubs;

static void stubs_at(uint64_t at)
{
	const struct patch_stub_head head = {
		.slot = 0x123456789abcdef0,
		.entry = (uint64_t)arch_entry,
		.filter = (uint64_t)arch_filter,
		.module_hook = (uint64_t)arch_module_hook,
		.cpuid = (uint64_t)arch_cpuid,
	};

	patch_stubs_init(&stubs, (uint8_t *)at, at, 2 * PAGE, &head);
}

static int setup(void **state)
{
	const int prot = PROT_READ | PROT_WRITE | PROT_EXEC;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	const size_t size = HIGH_STUBS - LOW_STUBS + 2 * PAGE;

	if (mmap((void *)LOW_STUBS, size, prot, flags, -1, 0) != (void *)LOW_STUBS)
		return -1;
	for (uint32_t nr = 0; nr < sizeof(call_bitmap) * 8; nr++)
		if (patch_wants(nr))
			call_bitmap[nr / 32] |= UINT32_C(1) << nr % 32;
	memset(&seen, 0, sizeof(seen));
	stubs_at(HIGH_STUBS);
	return 0;
}

static int teardown(void **state)
{
	return munmap((void *)LOW_STUBS, HIGH_STUBS - LOW_STUBS + 2 * PAGE);
}

static void apply(const struct tp_site *site)
{
	uint8_t *text = (uint8_t *)(CODE + site->off);
	uint8_t patched[PATCH_STUB_MAX];

	memset(patched, 0xcc, sizeof(patched));
	assert_true(patch_site(&stubs, site, text, CODE + site->off, patched));
	memcpy(text, patched, site->len);
}

/* Puts the function at CODE and patches the system-call sites that a scan finds in it. */
static void load(const uint8_t *bytes, size_t size, size_t expected)
{
	struct tp_site sites[PATCH_MAX_SITES];
	size_t count = patch_scan(bytes, size, 0, patch_is_entered, sites, PATCH_MAX_SITES);

	assert_int_equal(count, expected);
	memcpy((void *)CODE, bytes, size);
	for (size_t i = 0; i < count; i++)
		apply(&sites[i]);
}

/* The same with one cpuid site that the test names. */
static void load_cpuid(const uint8_t *bytes, size_t size, struct tp_site site)
{
	memcpy((void *)CODE, bytes, size);
	site.kind = PATCH_CPUID;
	apply(&site);
}

static struct patch_call registers_before(void)
{
	return (struct patch_call){
		.rax = 0x1111111111111111,
		.rbx = 0x2222222222222222,
		.rcx = 0x3333333333333333,
		.rdx = 0x4444444444444444,
		.rsi = 0x5555555555555555,
		.rdi = 0x6666666666666666,
		.rbp = 0x7777777777777777,
		.r8 = 0x8888888888888888,
		.r9 = 0x9999999999999999,
		.r10 = 0xaaaaaaaaaaaaaaaa,
		.r11 = 0xbbbbbbbbbbbbbbbb,
		.r12 = 0xcccccccccccccccc,
		.r13 = 0xdddddddddddddddd,
		.r14 = 0xeeeeeeeeeeeeeeee,
		.r15 = 0xffffffffffffff00,
	};
}

static void assert_same_but_clobbered(const struct patch_call *before,
                                      const struct patch_call *after)
{
	assert_int_equal(after->rbx, before->rbx);
	assert_int_equal(after->rbp, before->rbp);
	assert_int_equal(after->r12, before->r12);
	assert_int_equal(after->r13, before->r13);
	assert_int_equal(after->r14, before->r14);
	assert_int_equal(after->r15, before->r15);
	assert_int_equal(after->rsi, before->rsi);
	assert_int_equal(after->rdi, before->rdi);
	assert_int_equal(after->r8, before->r8);
	assert_int_equal(after->r9, before->r9);
	assert_int_equal(after->r10, before->r10);
	assert_int_equal(after->rdx, before->rdx);
	assert_int_equal(seen.misaligned, 0);
}

/* ---- direct ------------------------------------------------------------------------------- */

static void check_direct(uint64_t stubs_addr)
{
	const struct patch_call before = registers_before();
	struct patch_call r = before;

	stubs_at(stubs_addr);
	load(BYTES(FILL_RED_ZONE, MOV_EAX(9), SYSCALL, READ_RED_ZONE, RET), 1);
	seen.result = -ENOMEM;
	seen.calls = 0;
	patch_call(CODE, &r);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.slot, 0x123456789abcdef0);
	assert_int_equal(seen.call.nr, 9);
	assert_int_equal(seen.call.arg[0], before.rdi);
	assert_int_equal(seen.call.arg[1], before.rsi);
	assert_int_equal(seen.call.arg[2], before.rdx);
	assert_int_equal(seen.call.arg[3], before.r10);
	assert_int_equal(seen.call.arg[4], before.r8);
	assert_int_equal(seen.call.arg[5], before.r9);
	assert_int_equal(r.rax, -ENOMEM);
	assert_same_but_clobbered(&before, &r);
	/* the red zone as the function left it */
	assert_int_equal(r.rcx, before.rbx);
	assert_int_equal(r.r11, before.rbp);
}

static void test_direct(void **state)
{
	check_direct(HIGH_STUBS);
	check_direct(LOW_STUBS);
}

/* What is between the number and the call happens, and happens once. */
static void test_moves_are_made(void **state)
{
	struct patch_call r = registers_before();

	/* mov $9,%eax; mov %r8,%r10; xor %r9d,%r9d; mov $0x22,%edx */
	load(BYTES(MOV_EAX(9), 0x4d, 0x89, 0xc2, 0x45, 0x31, 0xc9, 0xba, 0x22, 0, 0, 0, SYSCALL,
	           RET),
	     1);
	seen.result = 0x7f0000000000;
	patch_call(CODE, &r);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.call.nr, 9);
	assert_int_equal(seen.call.arg[3], r.r8);
	assert_int_equal(seen.call.arg[5], 0);
	assert_int_equal(seen.call.arg[2], 0x22);
	assert_int_equal(r.r10, r.r8);
	assert_int_equal(r.rdx, 0x22);
	assert_int_equal(r.rax, 0x7f0000000000);
}

/* mov $9,%eax; mov $12,%r8d; syscall: the second is no number. */
static void test_mov_to_r8_stays_what_it_is(void **state)
{
	struct patch_call r = registers_before();

	load(BYTES(MOV_EAX(9), 0x41, 0xb8, 12, 0, 0, 0, SYSCALL, RET), 1);
	patch_call(CODE, &r);
	assert_int_equal(seen.call.nr, 9);
	assert_int_equal(seen.call.arg[4], 12);
	assert_int_equal(r.r8, 12);
}

static void test_many_sites(void **state)
{
	struct patch_call r = registers_before();

	load(BYTES(MOV_EAX(9), SYSCALL, MOV_EAX(11), SYSCALL, MOV_EAX(12), SYSCALL, RET), 3);
	patch_call(CODE, &r);
	assert_int_equal(seen.calls, 3);
	assert_int_equal(seen.call.nr, 12);
}

/* ---- filtered ------------------------------------------------------------------------------- */

/* Calls libc's syscall(3), more or less, with that number and first argument. */
static struct patch_call call_general(uint64_t nr, uint64_t arg)
{
	struct patch_call before = registers_before();
	struct patch_call r;

	before.rax = nr;
	before.rdi = arg;
	r = before;
	load(BYTES(FILL_RED_ZONE, LOAD_R9, SYSCALL, CMP_RAX, READ_RED_ZONE, RET), 1);
	seen.calls = 0;
	patch_call(CODE, &r);
	before.r9 = CODE; /* what patch_call has at 8(%rsp) */
	assert_same_but_clobbered(&before, &r);
	assert_int_equal(r.rcx, before.rbx);
	assert_int_equal(r.r11, before.rbp);
	return r;
}

static void test_filtered_ours(void **state)
{
	struct patch_call r;

	seen.result = -EPERM;
	r = call_general(SYS_mmap, 7);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.call.nr, SYS_mmap);
	assert_int_equal(seen.call.arg[0], 7);
	assert_int_equal(seen.call.arg[5], CODE);
	assert_int_equal(r.rax, -EPERM);
	/* The comparison was made after the call: -EPERM is not below -4095. */
	assert_false(r.flags & PATCH_CALL_CARRY);
	seen.result = 5;
	r = call_general(SYS_execveat, 0);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(r.rax, 5);
	assert_true(r.flags & PATCH_CALL_CARRY);
}

static void test_filtered_not_ours(void **state)
{
	struct patch_call r = call_general(SYS_getpid, 0);

	assert_int_equal(seen.calls, 0);
	assert_int_equal(r.rax, getpid());
	assert_true(r.flags & PATCH_CALL_CARRY);
	r = call_general(SYS_close, UINT64_MAX);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(r.rax, -EBADF);
	assert_false(r.flags & PATCH_CALL_CARRY);
}

/* Numbers behind the table of what is ours. */
static void test_filtered_numbers_out_of_range(void **state)
{
	static const uint64_t numbers[] = {SYS_execveat + 1000, 100000, UINT32_MAX, UINT64_MAX};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(call_general(numbers[i], 0).rax, -ENOSYS);
		assert_int_equal(seen.calls, 0);
	}
}

/* The kernel refuses both, so that nothing is made: only who is asked differs. */
static void test_clone_by_its_flags(void **state)
{
	struct patch_call r = registers_before();

	load(BYTES(MOV_EAX(56), SYSCALL, RET), 1);
	seen.result = 99;
	r.rdi = CLONE_FS;
	patch_call(CODE, &r);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(r.rax, 99);
	r = registers_before();
	r.rdi = CLONE_VM | CLONE_THREAD; /* without CLONE_SIGHAND: EINVAL */
	patch_call(CODE, &r);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(r.rax, -EINVAL);
}

/* ---- cpuid ------------------------------------------------------------------------------ */

static void assert_answered(const struct patch_call *before, const struct patch_call *r)
{
	assert_int_equal(r->rax, cpuid_answers[0]);
	assert_int_equal(r->rbx, cpuid_answers[1]);
	assert_int_equal(r->rcx, cpuid_answers[2]);
	assert_int_equal(r->rdx, cpuid_answers[3]);
	assert_int_equal(r->rbp, before->rbp);
	assert_int_equal(r->r9, before->r9);
	assert_int_equal(r->r10, before->r10);
	assert_int_equal(r->r11, before->r11);
	assert_int_equal(r->r12, before->r12);
	assert_int_equal(r->r13, before->r13);
	assert_int_equal(r->r14, before->r14);
	assert_int_equal(r->r15, before->r15);
	/* The instruction changes no flag. */
	assert_int_equal(r->flags & PATCH_CALL_FLAGS, before->flags & PATCH_CALL_FLAGS);
	assert_int_equal(seen.misaligned, 0);
}

/* cpuid; mov %eax,%r8d: what follows goes to the stub. */
static void test_cpuid_with_what_follows(void **state)
{
	static const uint64_t flags[] = {0, PATCH_CALL_FLAGS, PATCH_CALL_CARRY | PATCH_CALL_ZERO,
	                                 PATCH_CALL_SIGN | PATCH_CALL_OVERFLOW | PATCH_CALL_PARITY};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct patch_call before = registers_before();
		struct patch_call r;

		before.flags = flags[i];
		before.rax = 0xdead0000000d;
		before.rcx = 0xdead00000002;
		r = before;
		load_cpuid(BYTES(FILL_RED_ZONE, CPUID, 0x41, 0x89, 0xc0, READ_RED_ZONE_LOW, RET),
		           (struct tp_site){.off = 10, .pre = 0, .len = 5});
		patch_call(CODE, &r);
		assert_int_equal(seen.cpuids, 1 + i);
		assert_int_equal(seen.leaf, 0xd);
		assert_int_equal(seen.subleaf, 2);
		assert_answered(&before, &r);
		assert_int_equal(r.r8, cpuid_answers[0]);
		assert_int_equal(r.rsi, before.rbx);
		assert_int_equal(r.rdi, before.rbp);
	}
}

/* mov $7,%eax; cpuid: what comes before does. */
static void test_cpuid_with_what_precedes(void **state)
{
	const struct patch_call before = registers_before();
	struct patch_call r = before;

	load_cpuid(BYTES(MOV_EAX(7), CPUID, RET), (struct tp_site){.off = 0, .pre = 5, .len = 7});
	patch_call(CODE, &r);
	assert_int_equal(seen.leaf, 7);
	assert_int_equal(seen.subleaf, 0x33333333);
	assert_answered(&before, &r);
	assert_int_equal(r.rsi, before.rsi);
	assert_int_equal(r.rdi, before.rdi);
	assert_int_equal(r.r8, before.r8);
}

/* ---- the module hook --------------------------------------------------------------------- */

static void check_hook(const uint8_t *bytes, size_t size)
{
	uint8_t *text = (uint8_t *)CODE;
	uint8_t patched[PATCH_HOOK_BYTES];
	const struct patch_call before = registers_before();
	struct patch_call r = before;
	uint32_t len = 0;

	memset(text, 0xcc, PATCH_HOOK_BYTES);
	memcpy(text, bytes, size);
	seen.hooks = 0;
	assert_true(patch_module_hook(&stubs, text, CODE, patched, &len));
	assert_true(len >= 5 && len <= PATCH_HOOK_BYTES);
	memcpy(text, patched, len);
	patch_call(CODE, &r);
	assert_int_equal(seen.hooks, 1);
	assert_int_equal(seen.slot, 0x123456789abcdef0);
	assert_same_but_clobbered(&before, &r);
	assert_int_equal(r.rax, before.rax);
	assert_int_equal(r.rcx, before.rcx);
	/* Nothing behind what was replaced has changed. */
	if (size > len)
		assert_memory_equal(text + len, bytes + len, size - len);
}

static void refuse_hook(const uint8_t *bytes, size_t size)
{
	uint8_t text[PATCH_HOOK_BYTES];
	uint8_t patched[PATCH_HOOK_BYTES];
	uint32_t used = stubs.used;
	uint32_t len = 77;

	memset(text, 0x90, sizeof(text));
	memset(patched, 0xee, sizeof(patched));
	memcpy(text, bytes, size);
	assert_false(patch_module_hook(&stubs, text, CODE, patched, &len));
	assert_int_equal(len, 77);
	assert_int_equal(patched[0], 0xee);
	assert_int_equal(stubs.used, used);
}

static void test_hook(void **state)
{
	check_hook(BYTES(0xf3, 0x0f, 0x1e, 0xfa, RET, 0x55, 0x48, 0x89, 0xe5));
	check_hook(BYTES(RET, 0x90, 0x90, 0x90, 0x90, 0x55));
	check_hook(BYTES(RET, 0xcc, 0xcc, 0xcc, 0xcc, 0x55));
	check_hook(BYTES(RET, 0x0f, 0x1f, 0x40, 0x00, 0x55));
	check_hook(BYTES(RET, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0));
	check_hook(BYTES(RET, 0x66, 0x90, 0x66, 0x90, 0x55));
	check_hook(BYTES(RET, 0x0f, 0x1f, 0x00, 0x90, 0x55));
}

/* A function that does something, or whose five bytes are not all its own. */
static void test_hook_refused(void **state)
{
	refuse_hook(BYTES(0x55, RET));
	refuse_hook(BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x55, RET));
	refuse_hook(BYTES(0xf3, 0x0f, 0x1e, 0xfb, RET));
	refuse_hook(BYTES(RET, 0x55, 0x48, 0x89, 0xe5));
	/* The next function begins at the fifth byte. */
	refuse_hook(BYTES(RET, 0x90, 0x90, 0x90, 0x55));
	refuse_hook(BYTES(RET, 0x0f, 0x1f, 0x00, 0x55));
	refuse_hook(BYTES(RET, 0xcc, 0xcc, 0xcc, 0x0f, 0x05));
}

/* ---- what is refused ----------------------------------------------------------------------- */

static bool try_site(uint8_t pre, uint8_t len, uint16_t kind, const uint8_t *text, uint64_t at)
{
	const struct tp_site site = {.pre = pre, .len = len, .kind = kind};
	struct patch_stubs before = stubs;
	uint8_t patched[256];
	bool done;

	memset(patched, 0xee, sizeof(patched));
	done = patch_site(&stubs, &site, text, at, patched);
	for (size_t i = done ? len : 0; i < sizeof(patched); i++)
		assert_int_equal(patched[i], 0xee);
	if (!done)
		assert_memory_equal(&before, &stubs, sizeof(stubs));
	return done;
}

/* What was published may be of another file: the bytes decide. */
static void test_bytes_that_are_no_site(void **state)
{
	uint8_t text[256] = {MOV_EAX(9), SYSCALL};
	uint8_t cpuid[256] = {CPUID, 0x41, 0x89, 0xc0};

	assert_true(try_site(5, 7, PATCH_DIRECT, text, CODE));
	assert_true(try_site(5, 48, PATCH_DIRECT, text, CODE));
	assert_true(try_site(0, 5, PATCH_CPUID, cpuid, CODE));
	assert_false(try_site(4, 7, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 6, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 4, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 0, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 49, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 255, PATCH_DIRECT, text, CODE));
	assert_false(try_site(5, 7, PATCH_CPUID, text, CODE));
	assert_false(try_site(0, 5, PATCH_FILTERED, cpuid, CODE));
	text[0] = 0xb9;
	assert_false(try_site(5, 7, PATCH_DIRECT, text, CODE));
	text[0] = 0xb8;
	text[6] = 0x06;
	assert_false(try_site(5, 7, PATCH_DIRECT, text, CODE));
	/* One byte short of a jump. */
	assert_false(try_site(0, 4, PATCH_CPUID, cpuid, CODE));
}

static void test_out_of_reach(void **state)
{
	static const uint8_t text[] = {MOV_EAX(9), SYSCALL};
	const uint64_t reach = UINT64_C(1) << 31;

	assert_true(try_site(5, 7, PATCH_DIRECT, text, stubs.at + reach - 16 * PAGE));
	assert_true(try_site(5, 7, PATCH_DIRECT, text, stubs.at - reach + 16 * PAGE));
	assert_false(try_site(5, 7, PATCH_DIRECT, text, stubs.at + reach + 16 * PAGE));
	assert_false(try_site(5, 7, PATCH_DIRECT, text, stubs.at - reach));
	/* One end of the stubs is within reach, but not the other. */
	assert_false(try_site(5, 7, PATCH_DIRECT, text, stubs.at + reach - PAGE));
	assert_false(try_site(5, 7, PATCH_DIRECT, text, stubs.at - reach + 2 * PAGE));
	assert_false(try_site(5, 7, PATCH_DIRECT, text, 0x1000));
	assert_false(try_site(5, 7, PATCH_DIRECT, text, UINT64_MAX - PAGE));
}

/* The largest stubs fit what patch_stubs_size says, a hook included, and nothing runs over. */
static void test_full_stubs(void **state)
{
	enum { COUNT = 40 };
	static const uint8_t text[48] = {MOV_EAX(9), SYSCALL};
	static const uint8_t hook[PATCH_HOOK_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa, RET};
	const struct patch_stub_head head = {0};
	uint32_t size = patch_stubs_size(COUNT);
	uint8_t *memory = malloc(size);
	uint8_t patched[PATCH_HOOK_BYTES];
	uint32_t len;
	int more = 0;

	assert_non_null(memory);
	patch_stubs_init(&stubs, memory, CODE + 16 * PAGE, size, &head);
	for (int i = 0; i < COUNT; i++)
		assert_true(try_site(5, 48, PATCH_FILTERED, text, CODE));
	assert_true(patch_module_hook(&stubs, hook, CODE, patched, &len));
	while (try_site(5, 48, PATCH_FILTERED, text, CODE))
		assert_true(++more < COUNT);
	assert_true(stubs.used <= size);
	free(memory);
}

/* The server makes stubs in memory that held other programs' arguments. */
static void test_nothing_of_the_memory_before(void **state)
{
	static const uint8_t text[] = {MOV_EAX(SYS_mmap), SYSCALL, CMP_RAX,
	                               MOV_EAX(SYS_munmap), SYSCALL, RET};
	static const uint8_t hook[PATCH_HOOK_BYTES] = {0xc3, 0x90, 0x90, 0x90, 0x90};
	uint8_t first[2 * PAGE], patched[PATCH_HOOK_BYTES];
	uint32_t len;

	for (int round = 0; round < 2; round++) {
		memset((void *)HIGH_STUBS, round ? 0xaa : 0x55, 2 * PAGE);
		stubs_at(HIGH_STUBS);
		load(text, sizeof(text), 2);
		assert_true(patch_module_hook(&stubs, hook, CODE, patched, &len));
		if (!round)
			memcpy(first, (void *)HIGH_STUBS, stubs.used);
	}
	assert_memory_equal(first, (void *)HIGH_STUBS, stubs.used);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_direct),
		TEST(test_moves_are_made),
		TEST(test_mov_to_r8_stays_what_it_is),
		TEST(test_many_sites),
		TEST(test_filtered_ours),
		TEST(test_filtered_not_ours),
		TEST(test_filtered_numbers_out_of_range),
		TEST(test_clone_by_its_flags),
		TEST(test_cpuid_with_what_follows),
		TEST(test_cpuid_with_what_precedes),
		TEST(test_hook),
		TEST(test_hook_refused),
		TEST(test_bytes_that_are_no_site),
		TEST(test_out_of_reach),
		TEST(test_full_stubs),
		TEST(test_nothing_of_the_memory_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
