/*
 * verbs.h - every verb there is, and the line that asks for one.
 */
#ifndef TPROC_INSPECT_VERBS_H
#define TPROC_INSPECT_VERBS_H

#include "inspect/verb.h"

#include <stddef.h>

/* In the order of `help`. */
#define EACH_VERB(X)                                                                               \
	X(list)                                                                                    \
	X(show)                                                                                    \
	X(map)                                                                                     \
	X(owner)                                                                                   \
	X(x)                                                                                       \
	X(print)                                                                                   \
	X(sym)                                                                                     \
	X(types)                                                                                   \
	X(modules)                                                                                 \
	X(threads)                                                                                 \
	X(bt)                                                                                      \
	X(stack)                                                                                   \
	X(fds)                                                                                     \
	X(signals)                                                                                 \
	X(locks)                                                                                   \
	X(crash)                                                                                   \
	X(report)                                                                                  \
	X(dump_core)                                                                               \
	X(names)                                                                                   \
	X(telescope)                                                                               \
	X(search)                                                                                  \
	X(refs)                                                                                    \
	X(graph)                                                                                   \
	X(diff)                                                                                    \
	X(watch)                                                                                   \
	X(follow)                                                                                  \
	X(help)                                                                                    \
	X(quit)

#define DECLARE_VERB(name) extern const struct verb verb_##name;
EACH_VERB(DECLARE_VERB)

extern const struct verb *const verbs[];
extern const size_t verb_count;

/*
 * The verb of that name; at a prompt also the one that alone begins so.  ERR_USAGE, with the
 * nearest one there is.
 */
int verbs_find(const struct session *session, const char *name, const struct verb **ret_verb,
               struct err *err);

/* Runs one command line (line.h).  Reports failures.  Returns a STATUS_ constant. */
int verbs_run_line(struct session *session, const char *line);

#endif
