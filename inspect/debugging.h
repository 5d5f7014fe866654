/*
 * debugging.h - debugging information for the length of a verb.
 *
 * What was read of a file stays with the session; its progress is shown.
 */
#ifndef TPROC_INSPECT_DEBUGGING_H
#define TPROC_INSPECT_DEBUGGING_H

#include "inspect/progress.h"
#include "inspect/session.h"

#include "lib/types/catalog.h"

struct debugging {
	struct session *session;
	struct catalog *catalog;
	struct progress progress;
	bool shows; /* progress has begun */
	size_t done;
	size_t total;
};

/* Takes the progress off the screen: before anything is written. */
void debugging_rest(struct debugging *debugging);

/* debugging is borrowed until debugging_end, which is to be called after success only. */
int debugging_begin(struct debugging *debugging, struct session *session, struct err *err);
void debugging_end(struct debugging *debugging);

/*
 * The one threadproc that word (an id or a name) means; NULL for NULL.  ERR_USAGE when several are
 * called so.
 */
int debugging_threadproc(struct session *session, const char *word,
                         const struct reg_threadproc **ret_tp, struct err *err);

#endif
