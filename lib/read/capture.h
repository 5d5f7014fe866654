/*
 * capture.h - one thread at one moment: what an unwinder needs.
 *
 * A live thread stands still only while its registers and its stack are copied; what is
 * done with the copy costs it nothing.
 */
#ifndef TPROC_READ_CAPTURE_H
#define TPROC_READ_CAPTURE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

/* No more of a stack is copied; what lies behind is read later, from memory that moves on. */
#define CAPTURE_STACK_MAX (UINT64_C(512) << 10)

/* What may lie below the stack pointer and is in use (the psABI's red zone). */
#define CAPTURE_RED_ZONE 128u

/* No machine of today has more floating-point and vector registers, in bytes. */
#define CAPTURE_VECTORS_MAX 16384u

struct capture {
	pid_t tid;
	struct user_regs_struct regs; /* the machine's general registers */
	/* The stack from the red zone up; a core file's needs no copy and has none. */
	uint8_t *stack;
	uint64_t stack_lo;
	size_t stack_len;
	/*
	 * The floating-point and vector registers, of a live thread: NT_X86_XSTATE of ptrace(2), or
	 * as much as there is of it.
	 */
	uint8_t *vectors;
	size_t vectors_len;
	bool moving;        /* memory outside the copy may be of a later moment */
	bool stopped;       /* a signal had stopped it (SIGSTOP, Ctrl-Z); it still is */
	uint64_t frozen_ns; /* for so long it stood still at most; 0: not live */
};

#if defined(__x86_64__)
static inline uint64_t capture_sp(const struct capture *capture)
{
	return capture->regs.rsp;
}

static inline uint64_t capture_pc(const struct capture *capture)
{
	return capture->regs.rip;
}
#else
#error "name the stack pointer and the program counter of this machine"
#endif

/*
 * Captures a thread of a live process: PTRACE_SEIZE and PTRACE_INTERRUPT, copy, detach.  No
 * signal is lost, a stopped process stays stopped.  stack_hi bounds the copy if it is above
 * the stack pointer; 0: not known.  ERR_NOT_FOUND when the thread is gone, ERR_DENIED when it
 * may not be traced or somebody else traces it, ERR_LIMIT when it does not come to a stop
 * (uninterruptible sleep).  To be released.
 */
int capture_live(pid_t pid, pid_t tid, uint64_t stack_hi, struct capture *ret_capture,
                 struct err *err);
void capture_deinit(struct capture *capture);

/* Reads from the copy where that has it, else from mem (NULL: nothing), as mem_read does. */
int capture_read(const struct capture *capture, struct mem *mem, uint64_t addr, void *buf,
                 size_t len, struct err *err);

#endif
