/*
 * backtrace.h - backtraces of threads: taken, and shown.
 */
#ifndef TPROC_INSPECT_BACKTRACE_H
#define TPROC_INSPECT_BACKTRACE_H

#include "inspect/debugging.h"
#include "inspect/session.h"

#include "lib/types/source.h"
#include "lib/unwind/unwind.h"

/* For the length of a verb. */
struct tracer {
	struct session *session;
	const struct target *target;
	struct unwinder *unwinder;
	struct debugging debugging; /* for places in the source */
	bool no_source;             /* these are not wanted */
	struct identity *id;        /* room to work in, like the next */
	struct source_frame *sources;
};

int tracer_begin(struct tracer *tracer, struct session *session, struct err *err);
void tracer_end(struct tracer *tracer);

/* A thread that was captured, and its frames; to be released. */
struct trace {
	struct capture capture;
	struct backtrace backtrace;
};

/* Stops the thread, if it lives, for the moment that it takes.  Errors as of target_capture. */
int tracer_take(struct tracer *tracer, const struct reg_threadproc *tp, pid_t tid, size_t limit,
                struct trace *ret_trace, struct err *err);
void trace_deinit(struct trace *trace);

/* One frame of a thread of tp: a line, and one more for each function inlined there. */
void backtrace_print_frame(struct tracer *tracer, const struct reg_threadproc *tp, size_t number,
                           const struct frame *frame);

/* All of them, and what is to be said about the end. */
void backtrace_print(struct tracer *tracer, const struct reg_threadproc *tp,
                     const struct backtrace *backtrace);

/* An array of objects; NULL when memory is short. */
json_t *backtrace_json(struct tracer *tracer, const struct backtrace *backtrace);

/* The function of a frame with the offset in it, "main+0x10"; "??". */
void backtrace_print_function(struct tracer *tracer, const struct frame *frame);

/* The same as a raw text; "" when it is not known. */
void backtrace_name_function(struct tracer *tracer, const struct frame *frame, char *text,
                             size_t size);

#endif
