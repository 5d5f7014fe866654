/*
 * arch.h - what unwinding needs to know of the machine; one directory each implements it.
 */
#ifndef TPROC_UNWIND_ARCH_H
#define TPROC_UNWIND_ARCH_H

#include "lib/read/capture.h"
#include "lib/read/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* Registers by their DWARF numbers, the program counter among them. */
#define REGISTERS_MAX 32

struct registers {
	uint64_t value[REGISTERS_MAX];
	uint32_t known; /* bit N: value[N] is */
};

extern const unsigned arch_register_count;
extern const unsigned arch_pc;
extern const unsigned arch_sp;
extern const unsigned arch_machine; /* EM_ of its ELF files */

void arch_registers(const struct capture *capture, struct registers *ret_registers);

/* Tells whether there is code at an address. */
struct code_check {
	bool (*is_code)(void *context, uint64_t addr);
	void *context;
};

/*
 * If pc lies in a stub that a patched instruction leads to: sets the registers to what they will
 * be when the program goes on behind that instruction, as if nothing were patched.
 */
bool arch_leave_stub(const struct capture *capture, struct mem *mem, const struct code_check *check,
                     struct registers *registers);

/* Whether a call ends where this code does, so that a return may lead there. */
#define CALL_MAX 7
bool arch_is_call(const uint8_t code[CALL_MAX]);

/*
 * At the first instructions of a function that nothing describes: sets the registers to what they
 * will be after a return, if what the stack pointer leads to is behind a call.
 */
bool arch_leave_leaf(const struct capture *capture, struct mem *mem, const struct code_check *check,
                     struct registers *registers);

/* Whether the code at pc is the return from a signal handler, whatever its unwind information. */
bool arch_is_trampoline(struct mem *mem, uint64_t pc);

/* Registers at the return from a signal handler: sets them to what the handler interrupted. */
bool arch_leave_trampoline(const struct capture *capture, struct mem *mem,
                           struct registers *registers);

/*
 * If a call has just led to pc, where no code is: sets the registers to what they will be
 * after a return.
 */
bool arch_leave_bad_call(const struct capture *capture, struct mem *mem,
                         const struct code_check *check, struct registers *registers);

#endif
