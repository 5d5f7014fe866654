/*
 * bt: the verb that stops threads, each for as long as its stack takes to copy.
 */
#include "inspect/backtrace.h"
#include "inspect/options.h"
#include "inspect/pick.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define FRAMES_DEFAULT 256

struct bt {
	struct tracer tracer;
	struct session *session;
	const struct target *target;
	size_t limit;
	json_t *threads;    /* with --json */
	uint64_t frozen_ns; /* the longest */
	size_t shown;
	size_t failed;
};

static void thread_name(const struct bt *bt, const struct pick *pick, struct thread_info *ret_info)
{
	struct err err;

	if (target_thread_info(bt->target, pick->tp, pick->thread.tid, ret_info, &err))
		*ret_info = (struct thread_info){0};
}

static void print_head(struct bt *bt, const struct pick *pick, bool stopped)
{
	struct session *session = bt->session;
	struct thread_info info;

	if (bt->shown++)
		fputc('\n', session->out);
	thread_name(bt, pick, &info);
	fprintf(session->out, "%sthread %" PRIu32 ".%d%s  ", out_style(session->colour, OUT_BOLD),
	        pick->tp->abi.id, (int)pick->thread.tid, out_style(session->colour, OUT_PLAIN));
	out_text(session->out, pick->tp->abi.name);
	if (*info.name && strcmp(info.name, pick->tp->abi.name) != 0) {
		fputs(", ", session->out);
		out_text(session->out, info.name);
	}
	fputs(stopped ? ", stopped\n" : "\n", session->out);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *thread_json(struct bt *bt, const struct pick *pick, const struct trace *trace)
{
	const struct backtrace *backtrace = &trace->backtrace;
	struct thread_info info;

	thread_name(bt, pick, &info);
	return json_pack("{s:o, s:i, s:o, s:b, s:I, s:b, s:b, s:o, s:o, s:n}", "threadproc",
	                 show_json_who(pick->tp), "tid", (int)pick->thread.tid, "name",
	                 *info.name ? out_json_text(info.name) : json_null(), "stopped",
	                 trace->capture.stopped, "frozen_ns", (json_int_t)trace->capture.frozen_ns,
	                 "cut", backtrace->cut, "moved", backtrace->moved, "problem",
	                 *backtrace->problem ? out_json_text(backtrace->problem) : json_null(),
	                 "frames", backtrace_json(&bt->tracer, backtrace), "error");
}

static json_t *failed_json(const struct pick *pick, const struct err *failure)
{
	return json_pack("{s:o, s:i, s:n, s:o}", "threadproc", show_json_who(pick->tp), "tid",
	                 (int)pick->thread.tid, "frames", "error", out_json_text(failure->text));
}

/* ---- Threads ------------------------------------------------------------- */

static int add_json(struct bt *bt, json_t *thread, struct err *err)
{
	if (json_array_append_new(bt->threads, thread))
		return session_print_json(bt->session, NULL, err);
	return 0;
}

/* Why one thread has no backtrace is told in its place; one that ended is not missed. */
static int show_failure(struct bt *bt, const struct pick *pick, const struct err *failure,
                        struct err *err)
{
	if (failure->code == ERR_NOT_FOUND && bt->target->ops->capture)
		return 0;
	bt->failed++;
	if (bt->session->json)
		return add_json(bt, failed_json(pick, failure), err);
	print_head(bt, pick, false);
	fputs("  ", bt->session->out);
	out_text(bt->session->out, failure->text);
	fputc('\n', bt->session->out);
	return 0;
}

static int show_thread(struct bt *bt, const struct pick *pick, struct err *err)
{
	struct trace trace;
	struct err failure;
	int ret = 0;

	if (tracer_take(&bt->tracer, pick->tp, pick->thread.tid, bt->limit, &trace, &failure))
		return show_failure(bt, pick, &failure, err);
	if (trace.capture.frozen_ns > bt->frozen_ns)
		bt->frozen_ns = trace.capture.frozen_ns;
	if (bt->session->json) {
		ret = add_json(bt, thread_json(bt, pick, &trace), err);
	} else {
		print_head(bt, pick, trace.capture.stopped);
		backtrace_print(&bt->tracer, pick->tp, &trace.backtrace);
	}
	trace_deinit(&trace);
	return ret;
}

static int show_threads(struct bt *bt, const struct picks *picks, struct err *err)
{
	for (size_t i = 0; i < picks->count; i++) {
		if (session_interrupted(bt->session))
			return session_stopped(err);
		if (show_thread(bt, &picks->list[i], err))
			return -1;
	}
	return 0;
}

static int answer(struct bt *bt, const struct picks *picks, struct err *err)
{
	bt->threads = bt->session->json ? json_array() : NULL;
	if (show_threads(bt, picks, err)) {
		json_decref(bt->threads);
		return -1;
	}
	if (bt->session->json)
		return session_print_json(bt->session,
		                          json_pack("{s:o, s:I}", "threads", bt->threads,
		                                    "frozen_max_ns", (json_int_t)bt->frozen_ns),
		                          err);
	return 0;
}

/* Whether GDB's command takes it for a name as it stands: a number is a number of frames there. */
static bool is_plain_name(const char *name)
{
	for (const char *c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-+", *c))
			return false;
	}
	return isalpha((unsigned char)*name);
}

/* Of one thread, its component's: GDB has numbers of its own for threads. */
static int print_gdb(struct session *session, const struct picks *picks, bool all, struct err *err)
{
	const char *name = picks->count ? picks->list[0].tp->abi.name : "";
	char text[sizeof(picks->list[0].tp->abi.name) + 16];

	snprintf(text, sizeof(text), "tproc bt %s", !all && is_plain_name(name) ? name : "all");
	return show_gdb(session, text, err);
}

enum { FRAMES, NO_SOURCE, GDB };

static const struct verb_option options[] = {
	[FRAMES] = {"frames", "N", "at most so many frames of each thread (256)"},
	[NO_SOURCE] = {"no-source", NULL, "no places in the source, which take a while to read"},
	[GDB] = {"gdb", NULL, "the GDB command that shows the same"},
	{0},
};

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct bt bt = {.session = session, .target = session_target(session)};
	uint64_t limit = FRAMES_DEFAULT;
	struct picks picks;
	int ret;

	if (args->options[FRAMES] &&
	    option_number("frames", args->options[FRAMES], 1, UNWIND_FRAMES_MAX, &limit, err))
		return -1;
	bt.limit = limit;
	if (pick_threads(bt.target, args->words[0], &picks, err))
		return -1;
	if (args->options[GDB]) {
		ret = print_gdb(session, &picks, !args->count || !strcmp(args->words[0], "all"),
		                err);
		picks_deinit(&picks);
		return ret;
	}
	if (tracer_begin(&bt.tracer, session, err)) {
		picks_deinit(&picks);
		return -1;
	}
	bt.tracer.no_source = args->options[NO_SOURCE];
	ret = answer(&bt, &picks, err);
	tracer_end(&bt.tracer);
	picks_deinit(&picks);
	return ret ? ret : bt.failed > 0;
}

const struct verb verb_bt = {
	.name = "bt",
	.usage = "[ID[.TID]]",
	.help = "backtraces, through the code of every component",
	.details =
		"Of all threads (so does 'bt all'), of those of one threadproc, or of one thread.\n"
		"Each thread is stopped for as long as its registers and its stack take to copy.\n"
		"Code of another component than the thread's own is marked with its name, code\n"
		"of the toolkit with [tproc].\n"
		"'(a guess)' stands behind what was found by a frame pointer alone.\n",
	.example = "bt allocstr",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
