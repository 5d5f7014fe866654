/* What a signal interrupted, as the kernel lays it down (struct ucontext). */
#include "loader/agent/inspace.h"

#include <asm/prctl.h>
#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

/* r8 to r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags, segments, err, trapno, oldmask, cr2 */
#define CONTEXT_WORDS 23

_Static_assert(CONTEXT_WORDS <= TP_CRASH_REGS, "a record has room for all registers");

void arch_context_save(const void *context, struct tp_crash *crash)
{
	const struct sigcontext *regs = &((const struct ucontext *)context)->uc_mcontext;
	const uint64_t *words = (const uint64_t *)regs;

	for (int i = 0; i < CONTEXT_WORDS; i++)
		crash->regs[i] = words[i];
	crash->reg_count = CONTEXT_WORDS;
	crash->pc = regs->rip;
	crash->sp = regs->rsp;
	crash->thread = 0;
	sys2(__NR_arch_prctl, ARCH_GET_FS, &crash->thread);
}

uint64_t arch_context_pc(const void *context)
{
	return ((const struct ucontext *)context)->uc_mcontext.rip;
}

void arch_context_set_pc(void *context, uint64_t pc)
{
	((struct ucontext *)context)->uc_mcontext.rip = pc;
}

void arch_context_end(void *context, int sig, bool is_fault)
{
	struct ucontext *uc = context;

	uc->uc_sigmask = ~UINT64_C(0);
	if (!is_fault || sig == SIGSYS)
		uc->uc_mcontext.rip = (uint64_t)arch_dead_end;
	else if (sig == SIGTRAP)
		uc->uc_mcontext.rip -= ARCH_BREAKPOINT_SIZE;
}
