/*
 * diff.h - what components were like when `diff` last looked at them.
 */
#ifndef TPROC_INSPECT_DIFF_H
#define TPROC_INSPECT_DIFF_H

#include "inspect/session.h"

#include "lib/read/fingerprint.h"

struct diff_module {
	uint64_t bias;
	char *path;
};

/* A component at a moment. */
struct diff_base {
	struct diff_base *next;
	uint32_t id;         /* which is never used twice in a space */
	uint64_t created_ns; /* the space's */
	struct fingerprint *memory;
	struct diff_module *modules;
	size_t module_count;
};

/* diff_base.c: takes one, and shows how far it has come. */
int diff_base_take(struct session *session, const struct reg_threadproc *tp,
                   struct diff_base **ret_base, struct err *err);
void diff_base_destroy(struct diff_base *base);

/* Takes the one of a component out of the session; NULL when there is none. */
struct diff_base *diff_base_find(struct session *session, const struct reg_threadproc *tp);
void diff_base_keep(struct session *session, struct diff_base *base);

/* All that the session has. */
void diff_bases_destroy(struct session *session);

#endif
