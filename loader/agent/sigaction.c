/*
 * Signal handlers are set by the kernel's own call, which is made as it stands.  What came
 * of it is noted in the page of struct tp_self, for debuggers.
 */
#include "inspace.h"

/*
 * A child that shares the memory (vfork, posix_spawn) has handlers of its own, and resets
 * them; what does not change the note need not be told apart.
 */
static void note(struct slot *slot, unsigned long number, const struct kernel_sigaction *action)
{
	const struct tp_self *self = (const struct tp_self *)slot->self;
	struct tp_handler *handler;

	if (!report_is_live(slot) || number - 1 >= TP_SIGNALS)
		return;
	handler = (struct tp_handler *)(slot->self + TP_HANDLERS_OFFSET) + (number - 1);
	if (handler->handler == action->handler && handler->flags == action->flags)
		return;
	if (sys0(__NR_getpid) != self->pid)
		return;
	__atomic_store_n(&handler->flags, action->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&handler->handler, action->handler, __ATOMIC_RELAXED);
}

long sigaction_set(struct slot *slot, const struct arch_call *call)
{
	long result = arch_pass(call);

	/* The kernel has read the action, so it can be read. */
	if (!result && call->arg[1])
		note(slot, call->arg[0], (const struct kernel_sigaction *)call->arg[1]);
	if (!result)
		crash_hide(slot, call);
	return result;
}
