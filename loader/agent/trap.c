/*
 * A thread ran onto a breakpoint that some debugger has put into text which others run too: a component
 * to which nobody is attached, or a forked child.  The server knows what stood there.  Or it wrote to
 * what is watched, and its debugger is gone.
 */
#include "signals.h"

#define WAIT_STEP_MS 200

static bool is_planted(uint64_t at)
{
	return __atomic_load_n((const uint8_t *)at, __ATOMIC_RELAXED) == ARCH_BREAKPOINT;
}

/* A forked child's text is its own copy: nobody else can put it right. */
static bool put_back(uint64_t at, uint8_t byte)
{
	uint64_t page = page_down(at);

	if (sys3(__NR_mprotect, page, SYS_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC))
		return false;
	*(uint8_t *)at = byte;
	sys3(__NR_mprotect, page, SYS_PAGE_SIZE, PROT_READ | PROT_EXEC);
	return true;
}

bool trap_survive(struct slot *slot, const void *siginfo, void *context)
{
	const siginfo_t *info = siginfo;
	uint64_t at = arch_context_pc(context) - ARCH_BREAKPOINT_SIZE;
	struct tp_mailbox *box = (struct tp_mailbox *)slot->mailbox;

	/* Of a debugger that was killed just now. */
	if (info->si_code == TRAP_PERF &&
	    (info->si_perf_data & ~TP_WATCH_NUMBER) == TP_WATCH_COOKIE)
		return true;
	if (info->si_code == TRAP_TRACE || info->si_code == TRAP_HWBKPT)
		return report_trap(slot, at, TP_TRAP_NO_BREAKPOINT) == TP_TRAP_GO_ON;
	if (info->si_code != SI_KERNEL && info->si_code != TRAP_BRKPT)
		return false;
	while (is_planted(at)) {
		uint32_t released = __atomic_load_n(&box->trap_release, __ATOMIC_ACQUIRE);
		uint64_t answer = report_trap(slot, at, 0);

		switch (answer & 0xff) {
		case TP_TRAP_GO_ON:
			arch_context_set_pc(context, at);
			return true;
		case TP_TRAP_PUT_BACK:
			if (!put_back(at, (uint8_t)(answer >> 8)))
				return false;
			break;
		case TP_TRAP_WAIT:
			futex_wait(&box->trap_release, released, WAIT_STEP_MS);
			break;
		default:
			return false;
		}
	}
	arch_context_set_pc(context, at);
	return true;
}
