/*
 * parts.h - what the parts of a report share while it is made.
 */
#ifndef TPROC_INSPECT_REPORT_PARTS_H
#define TPROC_INSPECT_REPORT_PARTS_H

#include "inspect/debugging.h"
#include "inspect/report/report.h"

#include "lib/read/access.h"
#include "lib/read/identify.h"
#include "lib/read/locks.h"
#include "lib/unwind/unwind.h"

struct report {
	struct session *session;
	const struct target *target;
	const struct reg_threadproc *tp;
	const struct tp_crash *crash; /* NULL: it ended without one */
	enum report_depth depth;
	bool held; /* it stands there still */
	bool has_debugging;
	struct debugging debugging;
	struct unwinder *unwinder;  /* NULL: there is none to be had */
	struct access access;       /* with a crash, like the next */
	struct identity *fault;     /* what lies at access.addr */
	struct identity *pc;        /* what lies at the program counter */
	struct backtrace backtrace; /* of the thread that crashed */
	struct locks locks;         /* of everybody */
};

/* Where in the code an address is; text is raw. */
struct code_place {
	char function[IDENTITY_NAME_SIZE]; /* "": not known */
	uint64_t offset;                   /* into it */
	const char *file;                  /* the module's; NULL: not known */
	const char *source;                /* NULL: not known */
	unsigned line;
	const struct reg_threadproc *tp; /* whose code; NULL: nobody's */
	bool toolkit;
	bool is_program; /* a program's own, not a library's */
};

/* What it was about to free, when libtproc-guard.so ended it for that; 0: that was not it. */
uint64_t report_guarded(const struct tp_crash *crash);

/* Whether it crashed because of where it had just got: then that is no place in code. */
static inline bool report_is_jump(const struct report *report)
{
	return report->access.kind == ACCESS_EXECUTE && report->crash->pc == report->access.addr;
}

/* ---- code.c: places in code ------------------------------------------------------------------ */

/* What is at pc; lookup is the address of the call, or pc itself. */
void code_find(struct report *report, uint64_t pc, uint64_t lookup, struct code_place *ret_place);

/* "f (a.c:12)", "strlen+0x12 of libc.so.6", "0x1234", raw. */
void code_words(FILE *out, const struct code_place *place, uint64_t pc);

/* Members of a frame. */
json_t *code_json(const struct code_place *place);

/* ---- words.c: what happened -------------------------------------------------------------------
 */

/* Raw; the caller frees it.  *ret_kind is one word for programs to go by. */
char *words_of(struct report *report, const char **ret_kind);

/* ", in f (a.c:12)": the function that did it; when that is a library's, on whose behalf. */
void words_where(struct report *report, FILE *out);

/* ---- fault.c: what was done to memory; both return the kind ------------------------------------
 */

const char *words_fault(struct report *report, FILE *out);
const char *words_bus_error(struct report *report, FILE *out);

/* ---- overflow.c: false, and nothing told, when no stack was too small ----------------------- */

bool words_overflow(struct report *report, FILE *out);

/* ---- place.c: who and where, raw
 * ------------------------------------------------------------------ */

/* What lies at an address, as the end of a sentence: "a freed chunk of printstr (3)'s heap". */
void words_place(struct report *report, FILE *out, const struct identity *id);

/* "a stale pointer into scene (4), which exited 3.2 s ago (list of scene)". */
void words_stale(struct report *report, FILE *out, const struct identity *id);

/* "code", "read-only data" and so on. */
const char *words_memory(const struct identity *id);

/* "its own data", "data of scene (4)". */
void words_possessed(struct report *report, FILE *out, const struct owner *owner, const char *what);

/* "1 byte", "2 bytes". */
void words_count(FILE *out, uint64_t count, const char *what);

/* "allocstr (2)". */
void words_who(FILE *out, const struct reg_threadproc *tp);

/* "exited 3.2 s ago", "was killed by SIGKILL 3.2 s ago", as one says at a time (show_now). */
void words_end(FILE *out, const struct reg_threadproc *tp, uint64_t now);

/* ---- stacks.c -----------------------------------------------------------------------------------
 */

#define REPORT_FRAMES_MAX 64

/* Fills in report->backtrace. */
int stacks_crashed(struct report *report, struct err *err);

/* Of all threads, the one that crashed first; a list. */
json_t *stacks_json(struct report *report);

/* ---- sharing.c: ties to others
 * --------------------------------------------------------------------
 */

/* Lists; NULL when memory is short. */
json_t *sharing_names(const struct report *report);
json_t *sharing_descriptors(const struct report *report);
json_t *sharing_pointers(struct report *report);

/* ---- locks.c
 * -------------------------------------------------------------------------------------- */

/* Fills in report->locks. */
int locks_of_report(struct report *report);

/* Those that it held, and all that wait for it; lists. */
json_t *locks_json(const struct report *report);
json_t *waiters_json(const struct report *report);

/* ---- verdict.c
 * --------------------------------------------------------------------------------------
 */

/* Who is suspect, and why; the others are the lists above. */
json_t *verdict_json(const struct report *report, const json_t *locks, const json_t *pointers,
                     const json_t *waiters);

#endif
