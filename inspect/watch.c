/* watch: who writes or reads here; a line a hit. */
#include "inspect/address.h"
#include "inspect/attend.h"
#include "inspect/backtrace.h"
#include "inspect/brief.h"
#include "inspect/options.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/hits.h"
#include "lib/read/identify.h"
#include "lib/read/sharer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 64
#define LENGTH_DEFAULT 8

struct watching {
	struct session *session;
	struct hits_options options;
	struct tracer tracer;
	bool has_tracer;
	bool bt;
	struct attend attend; /* of a debugger, which says whom it traces */
	uint64_t left;
	uint64_t number;
	uint8_t before[HITS_LENGTH_MAX];
	bool has_before;
};

/* ---- Values ---------------------------------------------------------------- */

/* What is there now: what the hit wrote, or a later one. */
static bool read_value(struct watching *w, uint8_t bytes[HITS_LENGTH_MAX])
{
	const struct target *target = session_target(w->session);
	struct err err;

	return target->mem && !mem_read(target->mem, w->options.addr, bytes, w->options.len, &err);
}

/* A number up to 8 bytes, else as bytes. */
static void value_text(const struct watching *w, const uint8_t *bytes, char *text, size_t size)
{
	uint64_t number = 0;
	size_t at = 0;

	if (w->options.len <= sizeof(number)) {
		memcpy(&number, bytes, w->options.len);
		snprintf(text, size, "0x%" PRIx64, number);
		return;
	}
	for (uint32_t i = 0; i < w->options.len; i++)
		at += (size_t)snprintf(text + at, size - at, "%02x", bytes[i]);
}

/* ---- Whose hit ------------------------------------------------------------- */

static const struct reg_threadproc *find_process(const struct snapshot *s, pid_t pid)
{
	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (s->threadprocs[i].abi.pid == pid && reg_threadproc_lives(&s->threadprocs[i]))
			return &s->threadprocs[i];
	}
	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (s->threadprocs[i].abi.pid == pid)
			return &s->threadprocs[i];
	}
	return NULL;
}

static void drop_tracer(struct watching *w)
{
	if (w->has_tracer)
		tracer_end(&w->tracer);
	w->has_tracer = false;
}

/* The tracer is made of the session's snapshot. */
static int refresh(void *context, struct err *err)
{
	struct watching *w = context;

	drop_tracer(w);
	return session_refresh(w->session, err);
}

/*
 * The component of a child that shares its memory, too; NULL for one that was forked: it has a
 * memory of its own.
 */
static int find_who(struct watching *w, const struct hit *hit, const struct reg_threadproc **ret_tp,
                    struct err *err)
{
	struct identity *id;

	*ret_tp = find_process(w->session->snapshot, hit->pid);
	id = malloc(sizeof(*id));
	if (!id)
		return err_os(err, ENOMEM, "hit");
	identify(session_target(w->session), capture_pc(&hit->capture), id);
	/* somebody, or a library, that came since */
	if (!*ret_tp || !id->symbol.name) {
		if (refresh(w, err)) {
			free(id);
			return -1;
		}
		*ret_tp = find_process(w->session->snapshot, hit->pid);
		if (!*ret_tp)
			*ret_tp = sharer_parent(session_target(w->session), hit->pid,
			                        capture_sp(&hit->capture));
	}
	free(id);
	if (w->has_tracer)
		return 0;
	if (tracer_begin(&w->tracer, w->session, err))
		return -1;
	w->has_tracer = true;
	return 0;
}

/* ---- The answer ------------------------------------------------------------ */

/* Behind the instruction that did it: as behind a call. */
static void set_frame(const struct hit *hit, struct backtrace *backtrace, struct frame *frame)
{
	*frame = (struct frame){.pc = capture_pc(&hit->capture), .sp = capture_sp(&hit->capture)};
	*backtrace = (struct backtrace){.frames = frame, .count = 1};
}

static void print_hit(struct watching *w, const struct hit *hit, const struct reg_threadproc *tp,
                      const char *before, const char *after, const struct backtrace *backtrace)
{
	FILE *out = w->session->out;

	fprintf(out, "#%" PRIu64 "  %" PRIu32 ".%d ", w->number, tp->abi.id, (int)hit->tid);
	out_text(out, tp->abi.name);
	fprintf(out, "  %s%s%s -> %s%s  ", out_style(w->session->colour, OUT_BOLD), before, "",
	        after, out_style(w->session->colour, OUT_PLAIN));
	if (hit->pid != tp->abi.pid)
		fprintf(out, "by its child %d in ", (int)hit->pid);
	if (hit->kernel)
		fputs("by a system call in ", out);
	if (w->bt) {
		fputc('\n', out);
		backtrace_print(&w->tracer, tp, backtrace);
	} else {
		backtrace_print_frame(&w->tracer, tp, 0, &backtrace->frames[0]);
	}
}

static int json_hit(struct watching *w, const struct hit *hit, const struct reg_threadproc *tp,
                    const char *before, const char *after, const struct backtrace *backtrace,
                    struct err *err)
{
	json_t *line =
		json_pack("{s:I, s:o, s:o, s:i, s:o, s:s?, s:s?, s:b, s:I, s:o}", "hit",
	                  (json_int_t)w->number, "threadproc", show_json_who(tp), "child",
	                  hit->pid == tp->abi.pid ? json_null() : json_integer(hit->pid), "tid",
	                  (int)hit->tid, "address", out_json_hex(hit->addr), "before",
	                  *before == '?' ? NULL : before, "after", *after == '?' ? NULL : after,
	                  "kernel", hit->kernel, "time_ns", (json_int_t)hit->time_ns, "frames",
	                  backtrace_json(&w->tracer, backtrace));
	int ret =
		line ? out_json_print_line(line, w->session->out, err) : err_os(err, ENOMEM, "hit");

	json_decref(line);
	return ret;
}

static int tell(struct watching *w, const struct hit *hit, const struct reg_threadproc *tp,
                const struct backtrace *backtrace, struct err *err)
{
	char before[2 * HITS_LENGTH_MAX + 4] = "?", after[sizeof(before)] = "?";
	uint8_t now[HITS_LENGTH_MAX];
	int ret = 0;

	w->number++;
	if (w->has_before)
		value_text(w, w->before, before, sizeof(before));
	w->has_before = read_value(w, now);
	if (w->has_before) {
		value_text(w, now, after, sizeof(after));
		memcpy(w->before, now, sizeof(now));
	}
	if (w->session->json)
		ret = json_hit(w, hit, tp, before, after, backtrace, err);
	else
		print_hit(w, hit, tp, before, after, backtrace);
	fflush(w->session->out);
	return ret;
}

static int on_hit(void *context, const struct hit *hit, struct err *err)
{
	struct watching *w = context;
	const struct reg_threadproc *tp;
	struct backtrace backtrace;
	struct frame frame;
	int ret;

	if (!w->left || session_interrupted(w->session))
		return 1;
	if (find_who(w, hit, &tp, err))
		return -1;
	if (!tp)
		return 0;
	if (w->left != UINT64_MAX)
		w->left--;
	if (!w->bt) {
		set_frame(hit, &backtrace, &frame);
		return tell(w, hit, tp, &backtrace, err);
	}
	if (unwind(w->tracer.unwinder, &hit->capture, FRAMES, &backtrace, err))
		return -1;
	backtrace.frames[0].exact = false;
	ret = tell(w, hit, tp, &backtrace, err);
	backtrace_deinit(&backtrace);
	return ret;
}

static int go(struct watching *w, struct hits *hits, struct err *err)
{
	while (w->left && !session_interrupted(w->session)) {
		uint64_t lost = 0;

		if (attend_orders(&w->attend, w->session, hits))
			return 0;

		if (hits_wait(hits, on_hit, w, &lost, err) < 0)
			return err->code == ERR_STOPPED ? 0 : -1;
		if (lost)
			fprintf(w->session->err_out, "%" PRIu64 " more hits were too fast\n", lost);
	}
	return 0;
}

/* ---- The verb -------------------------------------------------------------- */

enum { ACCESS, ATTEND, BT, COUNT };

static const struct verb_option options[] = {
	[ACCESS] = {"access", NULL, "reads too; the processor does not tell them from writes"},
	[ATTEND] = {"attend", "N", "for a debugger, with --json: the number of its watch"},
	[BT] = {"bt", NULL, "a backtrace of each hit"},
	[COUNT] = {"count", "N", "end after so many hits"},
	{0},
};

/* "ADDR,LEN": without LEN, as much as a pointer has, less if ADDR is odd. */
static int parse_range(struct session *session, const char *word, struct hits_options *range,
                       struct err *err)
{
	AUTO_FREE char *copy = strdup(word);
	char *comma = copy ? strrchr(copy, ',') : NULL;
	uint64_t len = LENGTH_DEFAULT;

	if (!copy)
		return err_os(err, ENOMEM, "address");
	if (comma) {
		*comma = '\0';
		if (option_number("LEN", comma + 1, 1, HITS_LENGTH_MAX, &len, err))
			return -1;
	}
	if (session_address(session, copy, &range->addr, err))
		return -1;
	for (; !comma && range->addr % len; len /= 2)
		;
	range->len = (uint32_t)len;
	return 0;
}

static int begin_attending(struct watching *w, const char *number, struct err *err)
{
	uint64_t value;

	if (option_number("attend", number, 1, TP_WATCH_NUMBER, &value, err))
		return -1;
	if (!w->session->json || !w->session->input || w->session->input_shared)
		return err_set(err, ERR_USAGE, "--attend goes with --json and -c");
	w->options.cookie = TP_WATCH_COOKIE | value;
	w->options.wake_fd = fileno(w->session->input);
	w->attend = (struct attend){
		.active = true, .refresh = refresh, .context = w, .fd = w->options.wake_fd};
	return 0;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct watching w = {
		.session = session,
		.bt = args->options[BT],
		.left = UINT64_MAX,
		.options = {.reads = args->options[ACCESS], .stacks = args->options[BT]},
	};
	struct hits *hits;
	int ret;

	if (args->options[COUNT] &&
	    option_number("count", args->options[COUNT], 1, UINT64_MAX - 1, &w.left, err))
		return -1;
	if (session->core_path)
		return err_set(err, ERR_INVALID, "nothing happens in a core file");
	w.options.wake_fd = -1;
	if (args->options[ATTEND] && begin_attending(&w, args->options[ATTEND], err))
		return -1;
	if (parse_range(session, args->words[0], &w.options, err) ||
	    hits_open(session_target(session), &w.options, &hits, err))
		return -1;
	if (*hits_notice(hits) && !w.attend.active)
		fprintf(session->err_out, "components launched from now on are not watched: %s\n",
		        hits_notice(hits));
	w.has_before = read_value(&w, w.before);
	ret = attend_begin(&w.attend, session, hits_notice(hits), err);
	if (!ret)
		ret = go(&w, hits, err);
	drop_tracer(&w);
	hits_close(hits);
	return ret;
}

const struct verb verb_watch = {
	.name = "watch",
	.usage = "ADDR[,LEN]",
	.help = "who writes here: a line for each access, as it happens",
	.details =
		"Of every thread of every component, those that start later too.\n"
		"Nobody is stopped: the processor's debug registers tell.\n"
		"Up to 32 bytes, from a multiple of 8.\n"
		"The value before is that of the hit before; the value after is read a moment "
		"later.\n"
		"What a child of vfork writes, which shares the memory, is told with its parent.\n"
		"What the kernel writes for a program is seen by root only.\n"
		"Goes on until Ctrl-C, or nobody is left.\n"
		"--attend reads lines 'trap PID' and 'untrap PID' and answers each with one:\n"
		"the threads of PID, which the debugger traces, stop at an access, with a "
		"SIGTRAP;\n"
		"hits of its children are told if 'children' is true.  'spare PID' gives up the\n"
		"debug registers that this takes.\n"
		"It ends with its input.\n",
	.example = "watch --count 3 --bt &one::list",
	.options = options,
	.takes = TAKES_SYMBOL,
	.args_min = 1,
	.args_max = 1,
	.needs_space = true,
	.streams = true,
	.run = run,
};
