/* What an instruction was about to do to memory when it faulted. */
#include "lib/read/access.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define PC 0x401000u

/* Places in tp_crash.regs. */
enum { RDI = 8, RSI = 9, RAX = 13, RCX = 14, RSP = 15, ERROR = 19, TRAP = 20 };
enum { PAGE_FAULT = 14, WRITES = 2, FETCHES = 16, PROTECTION = 13 };

struct fault {
	uint8_t code[16];
	size_t length;
	uint64_t rax;
	uint64_t rdi;
	uint64_t addr;
	uint64_t error;
	bool is_general; /* a protection fault: the kernel knows no address */
};

static struct access look(const struct fault *fault)
{
	const struct mem_bytes run = {PC, fault->code, fault->length};
	struct tp_crash crash = {
		.sig = SIGSEGV,
		.code = fault->is_general ? SI_KERNEL : SEGV_MAPERR,
		.reg_count = 23,
		.addr = fault->addr,
		.pc = PC,
		.sp = 0x7000,
	};
	struct access access;
	struct mem *mem;
	struct err err;

	crash.regs[RAX] = fault->rax;
	crash.regs[RDI] = fault->rdi;
	crash.regs[RSI] = 0x5000;
	crash.regs[RCX] = 2;
	crash.regs[RSP] = crash.sp;
	crash.regs[ERROR] = fault->error;
	crash.regs[TRAP] = fault->is_general ? PROTECTION : PAGE_FAULT;
	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	access_of_crash(&crash, mem, &access);
	mem_close(mem);
	return access;
}

static void expect(const struct fault *fault, enum access_kind kind, uint64_t addr, unsigned size)
{
	struct access access = look(fault);

	assert_int_equal(access.kind, kind);
	assert_int_equal(access.addr, addr);
	assert_int_equal(access.size, size);
}

static void test_moves(void **state)
{
	/* mov (%rax),%rax */
	expect(&(struct fault){{0x48, 0x8b, 0x00}, 3, .rax = 0x10, .addr = 0x10}, ACCESS_READ, 0x10,
	       8);
	/* movl $1,8(%rax): the end of what it writes is in another page */
	expect(&(struct fault){{0xc7, 0x40, 8, 1, 0, 0, 0},
	                       7,
	                       .rax = 0x1ff6,
	                       .addr = 0x2000,
	                       .error = WRITES},
	       ACCESS_WRITE, 0x1ffe, 4);
	/* movb (%rdi),%al */
	expect(&(struct fault){{0x8a, 0x07}, 2, .rdi = 0x123456, .addr = 0x123456}, ACCESS_READ,
	       0x123456, 1);
}

static void test_push(void **state)
{
	/* push %rax: below the stack pointer */
	expect(&(struct fault){{0x50}, 1, .addr = 0x6ff8, .error = WRITES}, ACCESS_WRITE, 0x6ff8,
	       8);
}

static void test_two_operands(void **state)
{
	/* movsq: reads at rsi, writes at rdi */
	expect(&(struct fault){{0x48, 0xa5}, 2, .rdi = 0x9000, .addr = 0x5000}, ACCESS_READ, 0x5000,
	       8);
	expect(&(struct fault){{0x48, 0xa5}, 2, .rdi = 0x9000, .addr = 0x9000, .error = WRITES},
	       ACCESS_WRITE, 0x9000, 8);
}

static void test_no_address(void **state)
{
	const uint64_t wild = UINT64_C(0xdead00000000beef);
	struct fault fault = {{0x48, 0x8b, 0x00}, 3, .rax = wild, .is_general = true};
	struct access access = look(&fault);

	assert_true(access.no_address);
	assert_int_equal(access.kind, ACCESS_READ);
	assert_int_equal(access.addr, wild);
	/* call *%rax */
	access = look(&(struct fault){{0xff, 0xd0}, 2, .rax = wild, .is_general = true});
	assert_true(access.no_address);
	assert_int_equal(access.kind, ACCESS_EXECUTE);
	assert_int_equal(access.addr, wild);
	/* what it is not about an address */
	access = look(&(struct fault){{0xf4}, 1, .is_general = true});
	assert_false(access.no_address);
	assert_int_equal(access.kind, ACCESS_UNKNOWN);
}

static void test_jumped(void **state)
{
	expect(&(struct fault){{0}, 1, .addr = PC, .error = FETCHES}, ACCESS_EXECUTE, PC, 0);
}

/* The code is gone: the kernel's word is left. */
static void test_without_code(void **state)
{
	struct tp_crash crash = {
		.sig = SIGSEGV, .code = SEGV_ACCERR, .reg_count = 23, .addr = 0x1234, .pc = PC};
	struct access access;

	crash.regs[ERROR] = WRITES;
	crash.regs[TRAP] = PAGE_FAULT;
	access_of_crash(&crash, NULL, &access);
	assert_int_equal(access.kind, ACCESS_WRITE);
	assert_int_equal(access.addr, 0x1234);
	assert_int_equal(access.size, 0);
	/* nor a record that is cut off */
	crash.reg_count = 3;
	access_of_crash(&crash, NULL, &access);
	assert_int_equal(access.kind, ACCESS_UNKNOWN);
}

/* Whatever bytes there are, and whatever a record says. */
static void test_any_bytes(void **state)
{
	struct fault fault = {.length = sizeof(fault.code)};
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(fault.code); k++) {
			seed = seed * 1664525 + 1013904223;
			fault.code[k] = (uint8_t)(seed >> 24);
		}
		fault.length = 1 + seed % sizeof(fault.code);
		fault.rax = (uint64_t)seed << 30;
		fault.addr = fault.rax;
		fault.error = seed >> 8;
		fault.is_general = seed & 64;
		look(&fault);
	}
}

static void test_registers(void **state)
{
	struct tp_crash crash = {
		.tid = 7, .reg_count = TP_CRASH_REGS, .pc = 1, .sp = 2, .thread = 3};
	struct capture capture;

	crash.regs[RAX] = 4;
	access_registers(&crash, &capture);
	assert_int_equal(capture.tid, 7);
	assert_int_equal(capture_pc(&capture), 1);
	assert_int_equal(capture_sp(&capture), 2);
	assert_int_equal(capture.regs.fs_base, 3);
	assert_int_equal(capture.regs.rax, 4);
	assert_string_equal(access_register_name(RAX), "rax");
	assert_null(access_register_name(17));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),        cmocka_unit_test(test_push),
		cmocka_unit_test(test_two_operands), cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_jumped),       cmocka_unit_test(test_without_code),
		cmocka_unit_test(test_any_bytes),    cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
