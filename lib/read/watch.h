/*
 * watch.h - waiting until a space changes.
 *
 * The registry counts its changes in a word that is a futex: the server wakes whoever waits at
 * it, and needs not know who that is.
 */
#ifndef TPROC_READ_WATCH_H
#define TPROC_READ_WATCH_H

#include "lib/base/err.h"
#include "lib/read/registry.h"

struct watch;

enum watch_result {
	WATCH_CHANGED,     /* look again: there may be something new */
	WATCH_UNCHANGED,   /* for as long as was to be waited */
	WATCH_INTERRUPTED, /* by a signal */
	WATCH_ENDED,       /* the server is gone, and with it the space */
};

/* ERR_INVALID for a registry that does not change: a core file's, a copy. */
int watch_open(const struct registry *registry, struct watch **ret_watch, struct err *err);
void watch_close(struct watch *watch);

/* Waits until the registry is not as in the snapshot any more, or `seconds` (0: without end). */
int watch_wait(struct watch *watch, const struct snapshot *snapshot, unsigned seconds,
               enum watch_result *ret_result, struct err *err);

#endif
