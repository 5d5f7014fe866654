/*
 * pick.h - the threads that a word means: "2", "allocstr", "2.4711", "all".
 */
#ifndef TPROC_INSPECT_PICK_H
#define TPROC_INSPECT_PICK_H

#include "inspect/session.h"

struct pick {
	const struct reg_threadproc *tp; /* borrowed from the snapshot; it lives */
	struct thread thread;
};

struct picks {
	struct pick *list; /* ascending by id of the threadproc, then by tid */
	size_t count;
};

/*
 * The threads of ID, or the one of ID.TID; NULL and "all" mean every thread of the space.
 * A component called "all" is had by its id.  ERR_NOT_FOUND when there is none such, or when
 * no threads are known.  picks_deinit releases it.
 */
int pick_threads(const struct target *target, const char *word, struct picks *ret_picks,
                 struct err *err);
void picks_deinit(struct picks *picks);

#endif
