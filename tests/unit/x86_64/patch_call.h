/*
 * patch_call.h - calling patched bytes with known registers.
 */
#ifndef TPROC_TESTS_PATCH_CALL_H
#define TPROC_TESTS_PATCH_CALL_H

#include <stdint.h>

#define PATCH_CALL_CARRY 1u
#define PATCH_CALL_PARITY 4u
#define PATCH_CALL_ZERO 0x40u
#define PATCH_CALL_SIGN 0x80u
#define PATCH_CALL_OVERFLOW 0x800u
/* The flags that arithmetic sets (auxiliary carry included). */
#define PATCH_CALL_FLAGS 0x8d5u

/* All registers but rsp; patch_call.S knows the order. */
struct patch_call {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t flags;
};

/* Loads *registers, calls code, and stores what the registers are then. */
void patch_call(uint64_t code, struct patch_call *registers);

#endif
