/*
 * access.h - what a thread was about to do to memory when it crashed.
 *
 * The instruction at its program counter says what is read and written, the registers where.
 */
#ifndef TPROC_READ_ACCESS_H
#define TPROC_READ_ACCESS_H

#include "lib/read/capture.h"
#include "lib/read/mem.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stdint.h>

enum access_kind {
	ACCESS_UNKNOWN = 0, /* something was done to memory, or nothing is known of it */
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_EXECUTE, /* the instruction itself could not be fetched */
};

struct access {
	enum access_kind kind;
	uint64_t addr;   /* that the instruction wanted; the fault's own where it does not say */
	unsigned size;   /* bytes; 0: not known */
	bool no_address; /* addr is none that this machine could have */
	bool divides;    /* the instruction is a division */
	bool divisor_is_not_zero; /* of that: then its result has no room */
	bool traps_on_purpose;    /* ud2, by which compilers mark what cannot be reached */
};

/* Names of the registers that may point somewhere, in the order of struct tp_crash; NULL: no more.
 */
const char *access_register_name(unsigned index);

/* The same registers for an unwinder.  There is no copy of the stack yet. */
void access_registers(const struct tp_crash *crash, struct capture *ret_capture);

/*
 * What the thread of a crash record was about to do.  mem may be NULL, and need not have the code
 * any more: then the kernel's own word is what is left.
 */
void access_of_crash(const struct tp_crash *crash, struct mem *mem, struct access *ret_access);

#endif
