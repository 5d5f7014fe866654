#include "lib/read/handlers.h"

#include <inttypes.h>

int handlers_read(const struct target *target, const struct reg_threadproc *tp,
                  struct handlers *ret_handlers, struct err *err)
{
	struct handlers handlers;
	struct tp_self self;

	if (!target->mem || !tp->abi.self_addr)
		return err_set(err, ERR_NOT_FOUND, "signal handlers are not known");
	if (mem_read(target->mem, tp->abi.self_addr, &self, sizeof(self), err))
		return -1;
	/* The page is the program's: it may lead anywhere, and is believed only to lead there. */
	if (self.magic != TP_SELF_MAGIC || self.handlers != tp->abi.self_addr + TP_HANDLERS_OFFSET)
		return err_set(err, ERR_NOT_FOUND,
		               "threadproc %" PRIu32 " has no notes on signal handlers",
		               tp->abi.id);
	if (mem_read(target->mem, self.handlers, &handlers, sizeof(handlers), err))
		return -1;
	*ret_handlers = handlers;
	return 0;
}
