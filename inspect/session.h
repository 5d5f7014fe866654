/*
 * session.h - what the verbs of one run of tpinspect share.
 */
#ifndef TPROC_INSPECT_SESSION_H
#define TPROC_INSPECT_SESSION_H

#include "lib/base/err.h"
#include "lib/base/out.h"
#include "lib/read/core.h"
#include "lib/read/examine.h"
#include "lib/read/registry.h"
#include "lib/read/target.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

/* How a command ended; what tpinspect exits with. */
enum {
	STATUS_OK = 0,
	STATUS_NOT_FOUND = 1, /* or failed */
	STATUS_USAGE = 2,
	STATUS_NO_SPACE = 3,
	STATUS_BAD_REGISTRY = 4,
	STATUS_STOPPED = 130, /* by Ctrl-C */
};

/* What `x` goes on with. */
struct session_examine {
	struct examine_format last; /* the defaults of the next one */
	uint64_t last_addr;         /* $_ */
	uint64_t next;
	bool has_next;
};
struct debug_cache;

struct diff_base;

struct session {
	/*
	 * What is looked at: a live space, by its name, or the space in a core file, which is
	 * opened once and does not change.
	 */
	const char *space;
	const char *core_path; /* NULL: a live space */
	struct core *core;     /* NULL until a verb needs it */
	FILE *out;             /* answers; diagnostics go to err_out */
	FILE *err_out;
	FILE *input;       /* what a verb may read more lines from; NULL: nothing */
	bool input_shared; /* commands come from there too */
	bool json;
	bool colour;
	bool colour_always;        /* for files and shell commands too */
	bool progress;             /* progress may be drawn on err_out, a terminal */
	bool paged;                /* long answers on out go through pager_command (pager.h) */
	bool interactive;          /* commands are typed at a prompt */
	bool quit;                 /* the verb `quit` was given */
	unsigned long line_number; /* of a script; 0: none */
	const char *pager_command;
	volatile sig_atomic_t interrupted; /* 0, or the signal that did it */
	uint64_t (*clock)(void);           /* nanoseconds of a monotonic clock; a test's own */
	struct registry *registry;         /* NULL until a verb needs it */
	struct snapshot *snapshot;         /* of the verb that runs, likewise */
	struct symcache *symbols;
	struct debug_cache *debug; /* NULL until a verb needs it (debugging.h) */
	struct target target;      /* of the snapshot; use session_target */
	bool has_target;
	struct diff_base *diff_bases; /* what `diff` noted (diff.h) */
	struct session_examine examine;
};

/* space, out, err_out are borrowed. */
int session_init(struct session *session, const char *space, FILE *out, FILE *err_out,
                 struct err *err);
void session_deinit(struct session *session);

/* Opens the registry unless it is, and takes a new snapshot; of a core file, the first time. */
int session_refresh(struct session *session, struct err *err);

/* The space may have another server by now: the next session_refresh opens its registry anew. */
void session_forget(struct session *session);

/* What the snapshot is of, opened when it is first asked for; the session's. */
const struct target *session_target(struct session *session);

/* Tells on err_out what is wrong with a core file, as far as that is known by now, once. */
void session_notices(struct session *session);

/* Whether the user wants the verb to stop (Ctrl-C, or nobody reads the answer any more). */
static inline bool session_interrupted(const struct session *session)
{
	return session->interrupted;
}

/* The error to return then. */
int session_stopped(struct err *err);

uint64_t session_clock(const struct session *session);

/* Prints a document and releases it; NULL stands for a shortage of memory. */
int session_print_json(struct session *session, json_t *document, struct err *err);

/* Reports a failure: on err_out, and as {"error": ...} on out with --json. */
void session_report(struct session *session, const struct err *err);

/* What to exit with for an error. */
int status_of(const struct err *err);

#endif
