/*
 * handlers.h - what a threadproc set as its signal handlers.
 */
#ifndef TPROC_READ_HANDLERS_H
#define TPROC_READ_HANDLERS_H

#include "lib/read/target.h"

/* Actions of the signals 1 to TP_SIGNALS, as in-space code noted them. */
struct handlers {
	struct tp_handler list[TP_SIGNALS]; /* element N - 1 is of signal N */
};

/* ERR_NOT_FOUND when that was not noted, or its memory cannot be read. */
int handlers_read(const struct target *target, const struct reg_threadproc *tp,
                  struct handlers *ret_handlers, struct err *err);

#endif
