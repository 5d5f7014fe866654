/*
 * bt: the one verb that stops threads, each for as long as its stack takes to copy.
 */
#include "inspect/options.h"
#include "inspect/pick.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/read/identify.h"
#include "lib/unwind/unwind.h"

#include <inttypes.h>
#include <string.h>

#define FRAMES_DEFAULT 256

struct bt {
	struct session *session;
	const struct target *target;
	struct unwinder *unwinder;
	size_t limit;
	json_t *threads;    /* with --json */
	uint64_t frozen_ns; /* the longest */
	size_t failed;
};

/* ---- Frames -------------------------------------------------------------- */

/* What a frame's code is. */
static void identify_frame(const struct bt *bt, const struct frame *frame, struct identity *id)
{
	identify(bt->target, frame_lookup_address(frame), id);
}

static uint64_t symbol_offset(const struct frame *frame, const struct identity *id)
{
	return id->vaddr - id->symbol.value + (frame->pc - id->addr);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void print_where(FILE *out, const struct frame *frame, const struct identity *id)
{
	if (id->symbol.name) {
		out_text(out, id->symbol_name);
		fprintf(out, "+0x%" PRIx64, symbol_offset(frame, id));
	} else {
		fputs("??", out);
	}
	if (id->file && id->place != PLACE_AGENT) {
		fputs("  ", out);
		out_text(out, base_name(id->file));
	}
}

/* Whose code it is, when it is not the thread's own component's. */
static void print_foreign(const struct bt *bt, const struct pick *pick, const struct identity *id)
{
	struct session *session = bt->session;

	if (id->owner.tp == pick->tp || id->place == PLACE_VDSO)
		return;
	fprintf(session->out, "  %s[", out_style(session->colour, OUT_YELLOW));
	if (id->owner.tp)
		out_text(session->out, id->owner.tp->abi.name);
	else
		fputs(id->owner.kind == OWNER_TOOLKIT ? "tproc" : "nobody's", session->out);
	fprintf(session->out, "]%s", out_style(session->colour, OUT_PLAIN));
}

static void print_frame(const struct bt *bt, const struct pick *pick, size_t number,
                        const struct frame *frame)
{
	FILE *out = bt->session->out;
	struct identity id;

	if (frame->trampoline) {
		fprintf(out, "  #%-3zu <signal handler called>\n", number);
		return;
	}
	identify_frame(bt, frame, &id);
	fprintf(out, "  #%-3zu 0x%012" PRIx64 "  ", number, frame->pc);
	print_where(out, frame, &id);
	print_foreign(bt, pick, &id);
	if (frame->guessed)
		fputs("  (a guess)", out);
	fputc('\n', out);
}

static void print_backtrace(const struct bt *bt, const struct pick *pick,
                            const struct backtrace *backtrace)
{
	FILE *out = bt->session->out;

	for (size_t i = 0; i < backtrace->count; i++)
		print_frame(bt, pick, i, &backtrace->frames[i]);
	if (backtrace->cut)
		fputs("  ... and more frames (--frames)\n", out);
	if (*backtrace->problem)
		fprintf(out, "  ends here: %s\n", backtrace->problem);
	if (backtrace->moved)
		fputs("  (the thread went on while parts of its stack were read)\n", out);
}

static void thread_name(const struct bt *bt, const struct pick *pick, struct thread_info *ret_info)
{
	struct err err;

	if (target_thread_info(bt->target, pick->tp, pick->thread.tid, ret_info, &err))
		*ret_info = (struct thread_info){0};
}

static void print_head(const struct bt *bt, const struct pick *pick, const struct capture *capture)
{
	struct session *session = bt->session;
	struct thread_info info;

	thread_name(bt, pick, &info);
	fprintf(session->out, "%sthread %" PRIu32 ".%d%s  ", out_style(session->colour, OUT_BOLD),
	        pick->tp->abi.id, (int)pick->thread.tid, out_style(session->colour, OUT_PLAIN));
	out_text(session->out, pick->tp->abi.name);
	if (*info.name && strcmp(info.name, pick->tp->abi.name) != 0) {
		fputs(", ", session->out);
		out_text(session->out, info.name);
	}
	if (capture && capture->stopped)
		fputs(", stopped", session->out);
	fputc('\n', session->out);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *owner_json(const struct identity *id)
{
	if (id->owner.tp)
		return show_json_who(id->owner.tp);
	return json_null();
}

static json_t *symbol_json(const struct frame *frame, const struct identity *id)
{
	if (!id->symbol.name)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "name", out_json_text(id->symbol_name), "linkage_name",
	                 out_json_text(id->symbol.name), "offset",
	                 out_json_hex(symbol_offset(frame, id)));
}

static json_t *frame_json(const struct bt *bt, const struct frame *frame)
{
	struct identity id;

	identify_frame(bt, frame, &id);
	return json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "pc",
		out_json_hex(frame->pc), "sp", frame->sp ? out_json_hex(frame->sp) : json_null(),
		"threadproc", owner_json(&id), "toolkit", id.owner.kind == OWNER_TOOLKIT, "file",
		out_json_text(id.file), "file_address",
		id.has_vaddr ? out_json_hex(id.vaddr + (frame->pc - id.addr)) : json_null(),
		"symbol", symbol_json(frame, &id), "exact", frame->exact, "signal_trampoline",
		frame->trampoline, "stub", frame->stub, "guessed", frame->guessed);
}

static json_t *frames_json(const struct bt *bt, const struct backtrace *backtrace)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < backtrace->count; i++) {
		if (json_array_append_new(frames, frame_json(bt, &backtrace->frames[i]))) {
			json_decref(frames);
			return NULL;
		}
	}
	return frames;
}

static json_t *thread_json(const struct bt *bt, const struct pick *pick,
                           const struct capture *capture, const struct backtrace *backtrace)
{
	struct thread_info info;

	thread_name(bt, pick, &info);
	return json_pack("{s:o, s:i, s:o, s:b, s:I, s:b, s:b, s:o, s:o, s:n}", "threadproc",
	                 show_json_who(pick->tp), "tid", (int)pick->thread.tid, "name",
	                 *info.name ? out_json_text(info.name) : json_null(), "stopped",
	                 capture->stopped, "frozen_ns", (json_int_t)capture->frozen_ns, "cut",
	                 backtrace->cut, "moved", backtrace->moved, "problem",
	                 *backtrace->problem ? out_json_text(backtrace->problem) : json_null(),
	                 "frames", frames_json(bt, backtrace), "error");
}

static json_t *failed_json(const struct pick *pick, const struct err *failure)
{
	return json_pack("{s:o, s:i, s:n, s:o}", "threadproc", show_json_who(pick->tp), "tid",
	                 (int)pick->thread.tid, "frames", "error", out_json_text(failure->text));
}

/* ---- Threads ------------------------------------------------------------- */

static int add_json(struct bt *bt, json_t *thread, struct err *err)
{
	return json_array_append_new(bt->threads, thread)
	               ? session_print_json(bt->session, NULL, err)
	               : 0;
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
	print_head(bt, pick, NULL);
	fputs("  ", bt->session->out);
	out_text(bt->session->out, failure->text);
	fputc('\n', bt->session->out);
	return 0;
}

static int show_thread(struct bt *bt, const struct pick *pick, struct err *err)
{
	struct backtrace backtrace;
	struct capture capture;
	struct err failure;
	int ret;

	if (target_capture(bt->target, pick->tp, pick->thread.tid, &capture, &failure))
		return show_failure(bt, pick, &failure, err);
	if (capture.frozen_ns > bt->frozen_ns)
		bt->frozen_ns = capture.frozen_ns;
	ret = unwind(bt->unwinder, &capture, bt->limit, &backtrace, err);
	if (!ret) {
		if (bt->session->json) {
			ret = add_json(bt, thread_json(bt, pick, &capture, &backtrace), err);
		} else {
			print_head(bt, pick, &capture);
			print_backtrace(bt, pick, &backtrace);
		}
		backtrace_deinit(&backtrace);
	}
	capture_deinit(&capture);
	return ret;
}

static int show_threads(struct bt *bt, const struct picks *picks, struct err *err)
{
	for (size_t i = 0; i < picks->count; i++) {
		if (session_interrupted(bt->session))
			return session_stopped(err);
		if (i && !bt->session->json)
			fputc('\n', bt->session->out);
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

enum { FRAMES };

static const struct verb_option options[] = {
	[FRAMES] = {"frames", "N", "at most so many frames of each thread (256)"},
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
	if (unwinder_create(bt.target, &bt.unwinder, err)) {
		picks_deinit(&picks);
		return -1;
	}
	ret = answer(&bt, &picks, err);
	unwinder_destroy(bt.unwinder);
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
		"of the toolkit with [tproc].\n",
	.example = "bt allocstr",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
