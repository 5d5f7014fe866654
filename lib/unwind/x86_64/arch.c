/*
 * x86-64.  A stub, as loader/patch lays them out, goes on where the program was patched:
 *
 *	SITE:	jmp  STUB			STUB:	...
 *		nop ...					lea  -128(%rsp),%rsp
 *	BACK:						call *...
 *							lea  128(%rsp),%rsp
 *							...
 *							jmp  BACK
 *
 * Nothing else tells that a page holds stubs.  So one is believed only if its jump back leads
 * to code right in front of which a jump to this very stub stands.
 */
#include "lib/unwind/arch.h"

#include <elf.h>
#include <string.h>
#include <ucontext.h>

/* DWARF numbers. */
enum { RSP = 7, RIP = 16 };

const unsigned arch_register_count = 17;
const unsigned arch_pc = RIP;
const unsigned arch_sp = RSP;
const unsigned arch_machine = EM_X86_64;

/* loader/patch: no stub is longer, and no site. */
#define STUB_MAX 128
#define SITE_MAX 48
#define JUMP_SIZE 5
#define RED_ZONE 128
#define CALL_SIZE 5
#define PAGE UINT64_C(4096)

static const uint8_t step_down[] = {0x48, 0x8d, 0x64, 0x24, 0x80};
static const uint8_t step_up[] = {0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0};
static const uint8_t load_slot[] = {0x4c, 0x8b, 0x1d}; /* mov slot(%rip),%r11 */
#define LOAD_SLOT_SIZE 7
static const uint8_t jump_to_field[] = {0xff, 0x25}; /* jmp *field(%rip) */

static void set_all(struct registers *registers, const uint64_t values[17])
{
	*registers = (struct registers){.known = (1u << 17) - 1};
	memcpy(registers->value, values, 17 * sizeof(*values));
}

void arch_registers(const struct capture *capture, struct registers *ret_registers)
{
	const struct user_regs_struct *r = &capture->regs;
	const uint64_t values[] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi,
	                           r->rbp, r->rsp, r->r8,  r->r9,  r->r10, r->r11,
	                           r->r12, r->r13, r->r14, r->r15, r->rip};

	set_all(ret_registers, values);
}

/* Where a jump at addr leads to; false when there is none. */
static bool jump_target(const uint8_t *bytes, uint64_t addr, uint64_t *ret_target)
{
	int32_t distance;

	if (bytes[0] != 0xe9)
		return false;
	memcpy(&distance, bytes + 1, sizeof(distance));
	*ret_target = addr + JUMP_SIZE + (uint64_t)(int64_t)distance;
	return true;
}

/* Code around a program counter; what cannot be read is 0. */
struct window {
	uint64_t lo;
	uint8_t bytes[2 * STUB_MAX];
};

static void read_code(struct mem *mem, uint64_t addr, uint8_t *bytes, size_t len)
{
	struct err err;
	size_t got = 0;

	memset(bytes, 0, len);
	if (mem)
		mem_read_some(mem, addr, bytes, len, &got, &err);
}

/* Stubs may begin where a mapping does: of what lies before pc, as much as there is. */
static void read_window(struct mem *mem, uint64_t pc, struct window *w)
{
	uint64_t in_page = pc & (PAGE - 1);
	size_t before = in_page < STUB_MAX ? in_page : STUB_MAX;

	w->lo = pc - STUB_MAX;
	read_code(mem, w->lo, w->bytes, STUB_MAX);
	read_code(mem, pc - before, w->bytes + STUB_MAX - before, before + STUB_MAX);
}

/*
 * The start of the stub that pc is in and that jumps to back, if the site in front of back
 * leads there; 0 otherwise.
 */
static uint64_t stub_of_site(struct mem *mem, uint64_t back, uint64_t pc)
{
	uint8_t site[SITE_MAX];
	uint64_t stub;

	read_code(mem, back - SITE_MAX, site, sizeof(site));
	for (size_t len = JUMP_SIZE; len <= SITE_MAX; len++) {
		if (jump_target(site + SITE_MAX - len, back - len, &stub) && stub <= pc &&
		    pc - stub < STUB_MAX)
			return stub;
		/* behind the jump there are no-ops only */
		if (len > JUMP_SIZE && site[SITE_MAX - len + JUMP_SIZE] != 0x90)
			return 0;
	}
	return 0;
}

/* Whether the stack pointer is below the red zone at pc, by what the stub did until then. */
static bool stepped_down(const uint8_t *stub, size_t len)
{
	bool down = false;

	for (size_t i = 0; i < len; i++) {
		if (len - i >= sizeof(step_down) && !memcmp(stub + i, step_down, sizeof(step_down)))
			down = true;
		if (len - i >= sizeof(step_up) && !memcmp(stub + i, step_up, sizeof(step_up)))
			down = false;
	}
	return down;
}

static bool leave_site_stub(struct mem *mem, const struct code_check *check, const struct window *w,
                            struct registers *registers)
{
	uint64_t pc = registers->value[RIP];

	for (size_t i = STUB_MAX; i + JUMP_SIZE <= sizeof(w->bytes); i++) {
		uint64_t back, stub;

		if (!jump_target(w->bytes + i, w->lo + i, &back) ||
		    !check->is_code(check->context, back))
			continue;
		stub = stub_of_site(mem, back, pc);
		if (!stub)
			continue;
		if (stepped_down(w->bytes + (stub - w->lo), (size_t)(pc - stub)))
			registers->value[RSP] += RED_ZONE;
		registers->value[RIP] = back;
		return true;
	}
	return false;
}

static bool read_word(const struct capture *capture, struct mem *mem, uint64_t addr,
                      uint64_t *ret_word)
{
	struct err err;

	return !capture_read(capture, mem, addr, ret_word, sizeof(*ret_word), &err);
}

/* As `ret` does, if there is code to return to. */
static bool pop_return(const struct capture *capture, struct mem *mem,
                       const struct code_check *check, struct registers *registers)
{
	uint64_t back;

	if (!read_word(capture, mem, registers->value[RSP], &back) || !back ||
	    !check->is_code(check->context, back - 1))
		return false;
	registers->value[RIP] = back;
	registers->value[RSP] += sizeof(back);
	return true;
}

/* The stub of a whole function: loads its slot and jumps away, the stack is the caller's. */
static bool leave_hook_stub(const struct capture *capture, struct mem *mem,
                            const struct code_check *check, const struct window *w,
                            struct registers *registers)
{
	const uint8_t *at = w->bytes + STUB_MAX;

	if (!memcmp(at, load_slot, sizeof(load_slot)))
		at += LOAD_SLOT_SIZE;
	else if (memcmp(at - LOAD_SLOT_SIZE, load_slot, sizeof(load_slot)))
		return false;
	if (memcmp(at, jump_to_field, sizeof(jump_to_field)))
		return false;
	return pop_return(capture, mem, check, registers);
}

bool arch_leave_stub(const struct capture *capture, struct mem *mem, const struct code_check *check,
                     struct registers *registers)
{
	struct window w = {0};

	read_window(mem, registers->value[RIP], &w);
	return leave_site_stub(mem, check, &w, registers) ||
	       leave_hook_stub(capture, mem, check, &w, registers);
}

/* How long an indirect call is that has this ModRM byte and what may follow it; 0: it is none. */
static size_t indirect_call_size(uint8_t modrm, uint8_t sib)
{
	const unsigned mode = modrm >> 6, rm = modrm & 7;
	const size_t size = rm == 4 && mode != 3 ? 3 : 2;

	if ((modrm >> 3 & 7) != 2)
		return 0;
	switch (mode) {
	case 0:
		return rm == 5 || (rm == 4 && (sib & 7) == 5) ? size + 4 : size;
	case 1:
		return size + 1;
	case 2:
		return size + 4;
	default:
		return size;
	}
}

bool arch_is_call(const uint8_t code[CALL_MAX])
{
	if (code[CALL_MAX - CALL_SIZE] == 0xe8)
		return true;
	for (size_t len = 2; len <= CALL_MAX; len++) {
		const uint8_t *call = code + CALL_MAX - len;

		if (call[0] == 0xff && indirect_call_size(call[1], len > 2 ? call[2] : 0) == len)
			return true;
	}
	return false;
}

bool arch_leave_leaf(const struct capture *capture, struct mem *mem, const struct code_check *check,
                     struct registers *registers)
{
	struct registers behind = *registers;
	uint8_t code[CALL_MAX];

	if (!pop_return(capture, mem, check, &behind))
		return false;
	read_code(mem, behind.value[RIP] - sizeof(code), code, sizeof(code));
	if (!arch_is_call(code))
		return false;
	*registers = behind;
	return true;
}

bool arch_is_trampoline(struct mem *mem, uint64_t pc)
{
	static const uint8_t sigreturn[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	uint8_t code[sizeof(sigreturn)];

	read_code(mem, pc, code, sizeof(code));
	return !memcmp(code, sigreturn, sizeof(code));
}

/* The kernel put its struct ucontext right above the return address. */
bool arch_leave_trampoline(const struct capture *capture, struct mem *mem,
                           struct registers *registers)
{
	const uint64_t at = registers->value[RSP] + offsetof(ucontext_t, uc_mcontext.gregs);
	uint64_t g[NGREG];
	struct err err;

	if (capture_read(capture, mem, at, g, sizeof(g), &err))
		return false;
	set_all(registers,
	        (const uint64_t[]){g[REG_RAX], g[REG_RDX], g[REG_RCX], g[REG_RBX], g[REG_RSI],
	                           g[REG_RDI], g[REG_RBP], g[REG_RSP], g[REG_R8], g[REG_R9],
	                           g[REG_R10], g[REG_R11], g[REG_R12], g[REG_R13], g[REG_R14],
	                           g[REG_R15], g[REG_RIP]});
	return true;
}

bool arch_leave_bad_call(const struct capture *capture, struct mem *mem,
                         const struct code_check *check, struct registers *registers)
{
	if (check->is_code(check->context, registers->value[RIP]))
		return false;
	return pop_return(capture, mem, check, registers);
}
