/*
 * disassemble.h - one instruction as text, by the library that GDB and objdump use.
 */
#ifndef TPROC_READ_DISASSEMBLE_H
#define TPROC_READ_DISASSEMBLE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"

#include <stddef.h>
#include <stdint.h>

/* No instruction is longer, on any machine that is supported. */
#define INSTRUCTION_MAX 16
#define DISASSEMBLE_TEXT_SIZE 512

/* Writes what an address in an instruction is shown as, "0x401136 <main+4>"; may be NULL. */
typedef void disassemble_address(void *context, uint64_t addr, char *dst, size_t size);

/*
 * The instruction at addr in AT&T's notation, raw but for names, which are the caller's.
 * Returns its length in bytes, at least 1, or -1: ERR_NOT_FOUND when the memory ends within it.
 */
int disassemble(struct mem *mem, uint64_t addr, disassemble_address *name, void *context,
                char text[DISASSEMBLE_TEXT_SIZE], struct err *err);

#endif
