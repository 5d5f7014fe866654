/*
 * events.h - what happened in a space between two looks at its registry.
 */
#ifndef TPROC_READ_EVENTS_H
#define TPROC_READ_EVENTS_H

#include "lib/base/err.h"
#include "lib/read/registry.h"

#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_LAUNCHED = 1,
	EVENT_STOPPED,
	EVENT_CONTINUED,
	EVENT_EXITED, /* or was killed */
	EVENT_CRASHED,
	EVENT_EXECED, /* goes on outside the space */
	EVENT_LOADED,
	EVENT_UNLOADED,
	EVENT_NAMED,
	EVENT_UNNAMED,
	EVENT_AGENT_DIED,
	EVENT_MISSED, /* launches and ends between the two looks, no longer on record */
};

/* Pointers lead into one of the two snapshots. */
struct event {
	enum event_kind kind;
	uint64_t time_ns;                /* when it happened, or at the latest */
	const struct reg_threadproc *tp; /* NULL: the space itself */
	const struct reg_module *module; /* EVENT_LOADED, EVENT_UNLOADED */
	const struct reg_name *name;     /* EVENT_NAMED, EVENT_UNNAMED */
	uint32_t count;                  /* EVENT_MISSED */
};

struct events {
	struct event *list; /* by time */
	size_t count;
};

/*
 * What happened from one snapshot to a later one of the same registry; now_ns is the time of
 * that, for what is not on record with a time.  To be released.
 */
int events_between(const struct snapshot *before, const struct snapshot *after, uint64_t now_ns,
                   struct events *ret_events, struct err *err);
void events_deinit(struct events *events);

/* "launched" and so on, one word. */
const char *event_name(enum event_kind kind);

#endif
