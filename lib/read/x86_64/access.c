#include "lib/read/access.h"

#include <Zydis/Zydis.h>
#include <signal.h>
#include <string.h>

/* Places in tp_crash.regs (the kernel's struct sigcontext). */
enum {
	R8,
	RDI = 8,
	RSI,
	RBP,
	RBX,
	RDX,
	RAX,
	RCX,
	RSP,
	RIP,
	EFLAGS,
	ERROR = 19,
	TRAP_NUMBER = 20,
};

#define TRAP_PAGE_FAULT 14
/* Of a page fault's error code. */
#define FAULT_WRITES 2u
#define FAULT_FETCHES 16u

#define INSTRUCTION_MAX 15
#define LOWER_HALF_END (UINT64_C(1) << 47)
#define UPPER_HALF (~UINT64_C(0) << 47)

static const char *const names[] = {
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
	"rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip",
};

const char *access_register_name(unsigned index)
{
	return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

static uint64_t word(const struct tp_crash *crash, unsigned index)
{
	return index < crash->reg_count && index < TP_CRASH_REGS ? crash->regs[index] : 0;
}

void access_registers(const struct tp_crash *crash, struct capture *ret_capture)
{
	*ret_capture = (struct capture){
		.tid = crash->tid,
		.regs =
			{
				.r8 = word(crash, R8),
				.r9 = word(crash, R8 + 1),
				.r10 = word(crash, R8 + 2),
				.r11 = word(crash, R8 + 3),
				.r12 = word(crash, R8 + 4),
				.r13 = word(crash, R8 + 5),
				.r14 = word(crash, R8 + 6),
				.r15 = word(crash, R8 + 7),
				.rdi = word(crash, RDI),
				.rsi = word(crash, RSI),
				.rbp = word(crash, RBP),
				.rbx = word(crash, RBX),
				.rdx = word(crash, RDX),
				.rax = word(crash, RAX),
				.rcx = word(crash, RCX),
				.rsp = crash->sp,
				.rip = crash->pc,
				.eflags = word(crash, EFLAGS),
				.fs_base = crash->thread,
			},
	};
}

/* ---- The instruction ------------------------------------------------------------------------ */

static const struct {
	ZydisRegister name;
	unsigned index;
} registers[] = {
	{ZYDIS_REGISTER_RAX, RAX},    {ZYDIS_REGISTER_RBX, RBX},    {ZYDIS_REGISTER_RCX, RCX},
	{ZYDIS_REGISTER_RDX, RDX},    {ZYDIS_REGISTER_RSI, RSI},    {ZYDIS_REGISTER_RDI, RDI},
	{ZYDIS_REGISTER_RBP, RBP},    {ZYDIS_REGISTER_RSP, RSP},    {ZYDIS_REGISTER_R8, R8},
	{ZYDIS_REGISTER_R9, R8 + 1},  {ZYDIS_REGISTER_R10, R8 + 2}, {ZYDIS_REGISTER_R11, R8 + 3},
	{ZYDIS_REGISTER_R12, R8 + 4}, {ZYDIS_REGISTER_R13, R8 + 5}, {ZYDIS_REGISTER_R14, R8 + 6},
	{ZYDIS_REGISTER_R15, R8 + 7},
};

struct instruction {
	ZydisDecodedInstruction head;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode(const struct tp_crash *crash, struct mem *mem, struct instruction *ret)
{
	uint8_t code[INSTRUCTION_MAX];
	ZydisDecoder decoder;
	struct err err;
	size_t got = 0;

	if (!mem || mem_read_some(mem, crash->pc, code, sizeof(code), &got, &err) || !got)
		return false;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, got, &ret->head, ret->operands));
}

static bool address_of(const struct tp_crash *crash, const struct instruction *instruction,
                       const ZydisDecodedOperand *operand, uint64_t *ret_addr)
{
	ZydisRegisterContext context = {0};
	ZyanU64 addr;

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		context.values[registers[i].name] = word(crash, registers[i].index);
	if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(&instruction->head, operand, crash->pc,
	                                             &context, &addr)))
		return false;
	if (operand->mem.segment == ZYDIS_REGISTER_FS)
		addr += crash->thread;
	/* what a push or a call writes lies below the stack pointer */
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
	    operand->mem.base == ZYDIS_REGISTER_RSP &&
	    (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		addr -= operand->size / 8;
	*ret_addr = addr;
	return true;
}

static bool is_canonical(uint64_t addr)
{
	return addr < LOWER_HALF_END || addr >= UPPER_HALF;
}

/* Whether an operand at addr, of so many bytes, is what faulted. */
static bool is_meant(const struct tp_crash *crash, bool has_address, uint64_t addr, unsigned size)
{
	if (!has_address)
		return !is_canonical(addr);
	return crash->addr >= addr && crash->addr - addr < (size ? size : 1);
}

static void look_at_operands(const struct tp_crash *crash, const struct instruction *instruction,
                             bool has_address, struct access *access)
{
	for (unsigned i = 0; i < instruction->head.operand_count; i++) {
		const ZydisDecodedOperand *operand = &instruction->operands[i];
		unsigned size = operand->size / 8;
		uint64_t addr;

		if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    operand->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
		    !address_of(crash, instruction, operand, &addr) ||
		    !is_meant(crash, has_address, addr, size))
			continue;
		access->addr = addr;
		access->size = size;
		access->no_address = !is_canonical(addr);
		if (access->kind == ACCESS_UNKNOWN)
			access->kind = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE
			                       ? ACCESS_WRITE
			                       : ACCESS_READ;
		return;
	}
}

/*
 * Where a call, a jump or a return was to lead: to where no address can be, it is the instruction
 * itself that fails.
 */
static bool bad_target(const struct tp_crash *crash, const struct instruction *instruction,
                       struct mem *mem, uint64_t *ret_target)
{
	const ZydisDecodedOperand *operand = &instruction->operands[0];
	uint64_t at = crash->sp;
	struct err err;

	if (instruction->head.meta.category == ZYDIS_CATEGORY_RET) {
		return !mem_read(mem, at, ret_target, sizeof(*ret_target), &err) &&
		       !is_canonical(*ret_target);
	}
	if (instruction->head.meta.category != ZYDIS_CATEGORY_CALL &&
	    instruction->head.meta.category != ZYDIS_CATEGORY_UNCOND_BR)
		return false;
	if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return address_of(crash, instruction, operand, &at) &&
		       !mem_read(mem, at, ret_target, sizeof(*ret_target), &err) &&
		       !is_canonical(*ret_target);
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    operand->reg.value != registers[i].name)
			continue;
		*ret_target = word(crash, registers[i].index);
		return !is_canonical(*ret_target);
	}
	return false;
}

/* ---- Divisions ------------------------------------------------------------------------------ */

/* Of a register's name, eax and ah included; false for one that is not on record. */
static bool register_value(const struct tp_crash *crash, ZydisRegister name, uint64_t *ret_value)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (registers[i].name != whole)
			continue;
		*ret_value = word(crash, registers[i].index);
		if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH)
			*ret_value >>= 8;
		return true;
	}
	return false;
}

/* Whether what it divides by is known, and is not zero. */
static bool has_divisor(const struct tp_crash *crash, const struct instruction *instruction,
                        struct mem *mem)
{
	const ZydisDecodedOperand *operand = &instruction->operands[0];
	uint64_t value = 0, addr;
	struct err err;

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		if (!register_value(crash, operand->reg.value, &value))
			return false;
	} else if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->size > 64 ||
	           !address_of(crash, instruction, operand, &addr) ||
	           mem_read(mem, addr, &value, operand->size / 8, &err)) {
		return false;
	}
	return operand->size < 64 ? value & ((UINT64_C(1) << operand->size) - 1) : value;
}

/* ---- What the kernel said ---------------------------------------------------------------------
 */

static enum access_kind kind_of_fault(const struct tp_crash *crash)
{
	uint64_t error = word(crash, ERROR);

	if (word(crash, TRAP_NUMBER) != TRAP_PAGE_FAULT)
		return ACCESS_UNKNOWN;
	if (error & FAULT_FETCHES)
		return ACCESS_EXECUTE;
	return error & FAULT_WRITES ? ACCESS_WRITE : ACCESS_READ;
}

void access_of_crash(const struct tp_crash *crash, struct mem *mem, struct access *ret_access)
{
	const bool is_memory = crash->sig == SIGSEGV || crash->sig == SIGBUS;
	const bool has_address = crash->code > 0 && crash->code != SI_KERNEL;
	struct instruction instruction;

	*ret_access = (struct access){.addr = crash->addr};
	if (is_memory)
		ret_access->kind = kind_of_fault(crash);
	/* a jump to where no address can be is told at its target */
	if (is_memory && (crash->pc == crash->addr || !is_canonical(crash->pc))) {
		ret_access->kind = ACCESS_EXECUTE;
		ret_access->addr = crash->pc;
		ret_access->no_address = !is_canonical(crash->pc);
	}
	if (ret_access->kind == ACCESS_EXECUTE || !decode(crash, mem, &instruction))
		return;
	ret_access->divides = instruction.head.mnemonic == ZYDIS_MNEMONIC_DIV ||
	                      instruction.head.mnemonic == ZYDIS_MNEMONIC_IDIV;
	ret_access->divisor_is_not_zero =
		ret_access->divides && has_divisor(crash, &instruction, mem);
	ret_access->traps_on_purpose = instruction.head.mnemonic == ZYDIS_MNEMONIC_UD2;
	if (is_memory && !has_address && bad_target(crash, &instruction, mem, &ret_access->addr)) {
		ret_access->kind = ACCESS_EXECUTE;
		ret_access->no_address = true;
		return;
	}
	if (is_memory)
		look_at_operands(crash, &instruction, has_address, ret_access);
}
