/*
 * Registers behind stubs, at every instruction of stubs that loader/patch makes; behind
 * calls that led nowhere, and at the return from signal handlers.
 */
#include "lib/base/err.h"
#include "lib/unwind/arch.h"
#include "loader/patch/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define TEXT UINT64_C(0x100000)
#define TEXT_SIZE 256
#define STUBS UINT64_C(0x200000)
#define STUBS_SIZE 4096
#define STACK UINT64_C(0x300000)
#define STACK_SIZE 4096
#define SP (STACK + 1024)
#define SITE 64 /* in the text */

#define MOV_EAX(nr) 0xb8, nr, 0, 0, 0
#define SYSCALL 0x0f, 0x05
#define CPUID 0x0f, 0xa2
#define CMP_RAX 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff
#define MOV_R10_RCX 0x49, 0x89, 0xca

struct world {
	uint8_t text[TEXT_SIZE];
	uint8_t stubs_page[STUBS_SIZE];
	uint8_t stack[STACK_SIZE];
	struct mem_bytes runs[3];
	struct mem *mem;
	struct patch_stubs stubs;
	struct capture capture;
	struct code_check check;
};

static bool in_text(void *context, uint64_t addr)
{
	return addr >= TEXT && addr < TEXT + TEXT_SIZE;
}

static int setup(void **state)
{
	static const struct patch_stub_head head = {.slot = 1, .entry = 2, .filter = 3};
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	memset(w->text, 0x90, sizeof(w->text));
	patch_stubs_init(&w->stubs, w->stubs_page, STUBS, STUBS_SIZE, &head);
	w->runs[0] = (struct mem_bytes){TEXT, w->text, TEXT_SIZE};
	w->runs[1] = (struct mem_bytes){STUBS, w->stubs_page, STUBS_SIZE};
	w->runs[2] = (struct mem_bytes){STACK, w->stack, STACK_SIZE};
	w->check = (struct code_check){in_text, w};
	*state = w;
	return mem_open_bytes(w->runs, 3, &w->mem, &err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	mem_close(w->mem);
	free(w);
	return 0;
}

/* Patches the bytes at SITE, and returns where the stub's code begins. */
static uint32_t patch(struct world *w, const uint8_t *bytes, uint8_t len, uint8_t pre,
                      enum patch_kind kind)
{
	const struct tp_site site = {.off = SITE, .len = len, .pre = pre, .kind = kind};
	uint8_t patched[PATCH_STUB_MAX];
	uint32_t begin = w->stubs.used;

	memcpy(w->text + SITE, bytes, len);
	assert_true(patch_site(&w->stubs, &site, w->text + SITE, TEXT + SITE, patched));
	memcpy(w->text + SITE, patched, len);
	return begin;
}

static struct registers at(uint64_t pc)
{
	struct registers registers = {.known = 1u << arch_pc | 1u << arch_sp};

	registers.value[arch_pc] = pc;
	registers.value[arch_sp] = SP;
	return registers;
}

static void check_behind(struct world *w, uint64_t pc, uint8_t len, uint64_t moved)
{
	struct registers registers = at(pc);

	assert_true(arch_leave_stub(&w->capture, w->mem, &w->check, &registers));
	assert_int_equal(registers.value[arch_pc], TEXT + SITE + len);
	assert_int_equal(registers.value[arch_sp], SP + moved);
}

/* By how much the instruction lowers the stack pointer: lea is all that does. */
static int64_t lowers(const ZydisDecodedInstruction *instruction,
                      const ZydisDecodedOperand *operands)
{
	if (instruction->mnemonic != ZYDIS_MNEMONIC_LEA ||
	    operands[0].reg.value != ZYDIS_REGISTER_RSP)
		return 0;
	return -operands[1].mem.disp.value;
}

/* Wherever in the stub a thread is, also where it returns to: the next instruction. */
static void check_stub(struct world *w, uint32_t begin, uint8_t len)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	uint32_t off = begin;
	int64_t lowered = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	do {
		check_behind(w, STUBS + off, len, (uint64_t)lowered);
		assert_true(ZYAN_SUCCESS(ZydisDecoderDecodeFull(
			&decoder, w->stubs_page + off, STUBS_SIZE - off, &instruction, operands)));
		lowered += lowers(&instruction, operands);
		off += instruction.length;
	} while (instruction.opcode != 0xe9);
	assert_int_equal(lowered, 0);
	assert_in_range(off - begin, 20, PATCH_STUB_MAX);
}

#define CHECK(w, kind, pre, ...)                                                                   \
	do {                                                                                       \
		static const uint8_t bytes_[] = {__VA_ARGS__};                                     \
		check_stub(w, patch(w, bytes_, sizeof(bytes_), pre, kind), sizeof(bytes_));        \
	} while (0)

static void test_direct(void **state)
{
	CHECK(*state, PATCH_DIRECT, 5, MOV_EAX(9), SYSCALL);
}

static void test_direct_with_moves(void **state)
{
	CHECK(*state, PATCH_DIRECT, 8, MOV_EAX(9), MOV_R10_RCX, SYSCALL);
}

static void test_filtered(void **state)
{
	CHECK(*state, PATCH_FILTERED, 0, SYSCALL, CMP_RAX);
}

static void test_cpuid(void **state)
{
	CHECK(*state, PATCH_CPUID, 0, CPUID, MOV_R10_RCX);
}

/* Each of several finds its own site. */
static void test_neighbours(void **state)
{
	struct world *w = *state;
	static const uint8_t first[] = {MOV_EAX(9), SYSCALL};
	uint32_t begin = patch(w, first, sizeof(first), 5, PATCH_DIRECT);

	memcpy(w->text + 16, w->text + SITE,
	       sizeof(first)); /* a copy is no site: it leads elsewhere */
	CHECK(w, PATCH_FILTERED, 0, SYSCALL, CMP_RAX);
	assert_false(arch_leave_stub(&w->capture, w->mem, &w->check,
	                             &(struct registers){.value[16] = STUBS + begin}));
}

/* _dl_debug_state: the stack is its caller's. */
static void test_hook(void **state)
{
	static const uint8_t text[PATCH_HOOK_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa, 0xc3};
	struct world *w = *state;
	const uint64_t back = TEXT + 100;
	uint8_t patched[PATCH_HOOK_BYTES];
	uint32_t begin = w->stubs.used, len;

	assert_true(patch_module_hook(&w->stubs, text, TEXT, patched, &len));
	memcpy(w->stack + (SP - STACK), &back, sizeof(back));
	for (uint32_t off = 0; off <= 7; off += 7) {
		struct registers registers = at(STUBS + begin + off);

		assert_true(arch_leave_stub(&w->capture, w->mem, &w->check, &registers));
		assert_int_equal(registers.value[arch_pc], back);
		assert_int_equal(registers.value[arch_sp], SP + 8);
	}
}

/* Jumps that lead to a text which does not lead back; addresses at the ends of memory. */
static void test_no_stub(void **state)
{
	static const uint64_t wild[] = {0,
	                                1,
	                                127,
	                                TEXT,
	                                STUBS + 600,
	                                UINT64_MAX,
	                                UINT64_MAX - 200,
	                                STACK + STACK_SIZE - 1,
	                                STUBS + STUBS_SIZE};
	struct world *w = *state;

	w->stubs_page[700] = 0xe9;
	memcpy(w->stubs_page + 701, &(int32_t){(int32_t)(TEXT - STUBS)}, 4);
	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		struct registers registers = at(wild[i]);

		assert_false(arch_leave_stub(&w->capture, w->mem, &w->check, &registers));
		assert_int_equal(registers.value[arch_pc], wild[i]);
		assert_int_equal(registers.value[arch_sp], SP);
		assert_false(arch_leave_stub(&w->capture, NULL, &w->check, &registers));
	}
}

static void test_bad_call(void **state)
{
	const uint64_t back = TEXT + 10, nowhere = 0xdead;
	struct world *w = *state;
	struct registers registers = at(0);

	memcpy(w->stack + (SP - STACK), &back, sizeof(back));
	assert_true(arch_leave_bad_call(&w->capture, w->mem, &w->check, &registers));
	assert_int_equal(registers.value[arch_pc], back);
	assert_int_equal(registers.value[arch_sp], SP + 8);
	/* where there is code, nothing is wrong; and it must have come from code */
	registers = at(TEXT);
	assert_false(arch_leave_bad_call(&w->capture, w->mem, &w->check, &registers));
	registers = at(0);
	memcpy(w->stack + (SP - STACK), &nowhere, sizeof(nowhere));
	assert_false(arch_leave_bad_call(&w->capture, w->mem, &w->check, &registers));
	registers.value[arch_sp] = UINT64_MAX - 3;
	assert_false(arch_leave_bad_call(&w->capture, w->mem, &w->check, &registers));
}

static void test_trampoline(void **state)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	struct world *w = *state;
	struct registers registers = at(TEXT);
	ucontext_t context = {0};

	memcpy(w->text, code, sizeof(code));
	assert_true(arch_is_trampoline(w->mem, TEXT));
	assert_false(arch_is_trampoline(w->mem, TEXT + 1));
	assert_false(arch_is_trampoline(w->mem, 0));
	assert_false(arch_is_trampoline(NULL, TEXT));
	for (int i = 0; i < NGREG; i++)
		context.uc_mcontext.gregs[i] = 1000 + i;
	memcpy(w->stack + (SP - STACK), &context, sizeof(context));
	assert_true(arch_leave_trampoline(&w->capture, w->mem, &registers));
	assert_int_equal(registers.value[arch_pc], 1000 + REG_RIP);
	assert_int_equal(registers.value[arch_sp], 1000 + REG_RSP);
	assert_int_equal(registers.value[1], 1000 + REG_RDX);
	assert_int_equal(registers.value[15], 1000 + REG_R15);
	registers.value[arch_sp] = STACK + STACK_SIZE - 16;
	assert_false(arch_leave_trampoline(&w->capture, w->mem, &registers));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_direct),  TEST(test_direct_with_moves), TEST(test_filtered),
		TEST(test_cpuid),   TEST(test_neighbours),        TEST(test_hook),
		TEST(test_no_stub), TEST(test_bad_call),          TEST(test_trampoline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
