/* follow: what happens in a space, as it happens. */
#include "inspect/options.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/read/events.h"
#include "lib/read/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct follow {
	struct session *session;
	struct watch *watch;
	uint32_t id;   /* of the only one that is of interest, 0: all are */
	uint64_t left; /* events to come, UINT64_MAX: without end */
};

/* ---- Text ---------------------------------------------------------------- */

/* Local time with milliseconds, "12:00:00.123". */
static void print_clock(FILE *out, uint64_t ns)
{
	const uint64_t ns_per_s = UINT64_C(1000000000);
	time_t seconds = (time_t)(ns / ns_per_s);
	char text[SHOW_TEXT_SIZE] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%03u", text, (unsigned)(ns % ns_per_s / 1000000));
}

static enum out_style style_of(enum event_kind kind)
{
	switch (kind) {
	case EVENT_LAUNCHED:
	case EVENT_CONTINUED:
		return OUT_GREEN;
	case EVENT_STOPPED:
		return OUT_YELLOW;
	case EVENT_CRASHED:
	case EVENT_AGENT_DIED:
	case EVENT_MISSED:
		return OUT_RED;
	default:
		return OUT_PLAIN;
	}
}

static void print_name(FILE *out, const struct tp_name *name)
{
	fputc(' ', out);
	out_text(out, name->name);
	fprintf(out, " at 0x%" PRIx64, name->addr);
	if (*name->type) {
		fputs(", type ", out);
		out_text(out, name->type);
	}
}

static void print_details(FILE *out, const struct event *event)
{
	char state[SHOW_TEXT_SIZE];

	switch (event->kind) {
	case EVENT_LAUNCHED:
		fprintf(out, " pid %" PRId32 " ", event->tp->abi.pid);
		out_text(out, event->tp->exe ? event->tp->exe : "?");
		break;
	case EVENT_EXITED:
	case EVENT_CRASHED:
		fprintf(out, " %s", show_state(event->tp, state));
		break;
	case EVENT_LOADED:
	case EVENT_UNLOADED:
		fputc(' ', out);
		out_text(out, event->module->path);
		fprintf(out, " at 0x%" PRIx64, event->module->abi.bias);
		break;
	case EVENT_NAMED:
	case EVENT_UNNAMED:
		print_name(out, &event->name->abi);
		break;
	case EVENT_MISSED:
		fprintf(out, " %" PRIu32 " launches, with all that happened to them", event->count);
		break;
	default:
		break;
	}
}

static void print_event(struct session *session, const struct event *event)
{
	FILE *out = session->out;

	print_clock(out, event->time_ns);
	fprintf(out, "  %s%-10s%s", out_style(session->colour, style_of(event->kind)),
	        event_name(event->kind), out_style(session->colour, OUT_PLAIN));
	if (event->tp) {
		fprintf(out, " %" PRIu32 " ", event->tp->abi.id);
		out_text(out, event->tp->abi.name);
	}
	print_details(out, event);
	fputc('\n', out);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *details_json(const struct event *event)
{
	if (event->module)
		return json_pack("{s:o, s:o}", "path", out_json_text(event->module->path), "bias",
		                 out_json_hex(event->module->abi.bias));
	if (event->name)
		return json_pack("{s:o, s:o, s:o, s:I}", "name",
		                 out_json_text(event->name->abi.name), "type",
		                 out_json_text(event->name->abi.type), "address",
		                 out_json_hex(event->name->abi.addr), "size",
		                 (json_int_t)event->name->abi.size);
	if (event->kind == EVENT_LAUNCHED)
		return json_pack("{s:o}", "program", out_json_text(event->tp->exe));
	if (event->kind == EVENT_MISSED)
		return json_pack("{s:I}", "count", (json_int_t)event->count);
	return json_null();
}

/* A line each, so that a reader can take them one by one. */
static int print_json(struct session *session, const struct event *event, struct err *err)
{
	json_t *line = json_pack("{s:o, s:s, s:o, s:o}", "time", show_json_time(event->time_ns),
	                         "event", event_name(event->kind), "threadproc",
	                         event->tp ? show_json_who(event->tp) : json_null(), "details",
	                         details_json(event));
	int ret;

	if (!line)
		return err_os(err, ENOMEM, "event");
	ret = out_json_print_line(line, session->out, err);
	json_decref(line);
	return ret;
}

/* ---- Going on ------------------------------------------------------------ */

static bool is_wanted(const struct follow *follow, const struct event *event)
{
	return !follow->id || (event->tp && event->tp->abi.id == follow->id);
}

static int tell(struct follow *follow, const struct events *events, struct err *err)
{
	for (size_t i = 0; i < events->count && follow->left; i++) {
		const struct event *event = &events->list[i];

		if (!is_wanted(follow, event))
			continue;
		if (!follow->session->json)
			print_event(follow->session, event);
		else if (print_json(follow->session, event, err))
			return -1;
		if (follow->left != UINT64_MAX)
			follow->left--;
	}
	fflush(follow->session->out);
	return 0;
}

/* From the session's snapshot to one of now, which takes its place in *before. */
static int step(struct follow *follow, struct snapshot **before, struct err *err)
{
	struct snapshot *after;
	struct events events;
	int ret;

	if (registry_snapshot(follow->session->registry, &after, err))
		return -1;
	ret = events_between(*before, after, show_now(), &events, err);
	if (!ret) {
		ret = tell(follow, &events, err);
		events_deinit(&events);
	}
	snapshot_destroy(*before);
	*before = after;
	return ret;
}

/* Once who is followed has ended, nothing more comes. */
static bool is_over(const struct follow *follow, const struct snapshot *snapshot)
{
	if (!follow->id)
		return false;
	for (size_t i = 0; i < snapshot->threadproc_count; i++) {
		if (snapshot->threadprocs[i].abi.id == follow->id)
			return !reg_threadproc_lives(&snapshot->threadprocs[i]);
	}
	return true;
}

static int go(struct follow *follow, struct snapshot **before, struct err *err)
{
	while (follow->left && !is_over(follow, *before) && !session_interrupted(follow->session)) {
		enum watch_result result;

		if (watch_wait(follow->watch, *before, 0, &result, err))
			return -1;
		if (result == WATCH_ENDED)
			return err_set(err, ERR_NO_SPACE, "the space has ended");
		if (result == WATCH_CHANGED && step(follow, before, err))
			return -1;
	}
	return 0;
}

enum { COUNT };

static const struct verb_option options[] = {
	[COUNT] = {"count", "N", "end after so many events"},
	{0},
};

static int find_id(struct session *session, const char *word, uint32_t *ret_id, struct err *err)
{
	struct show_selection selection;
	int ret = 0;

	if (!word)
		return 0;
	if (show_select(session->snapshot, word, &selection, err))
		return -1;
	/* of several with one name, the latest */
	*ret_id = selection.list[selection.count - 1]->abi.id;
	if (!reg_threadproc_lives(selection.list[selection.count - 1]))
		ret = err_set(err, ERR_NOT_FOUND, "%s has ended", word);
	free(selection.list);
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct follow follow = {.session = session, .left = UINT64_MAX};
	struct snapshot *before;
	int ret;

	if (args->options[COUNT] &&
	    option_number("count", args->options[COUNT], 1, UINT64_MAX - 1, &follow.left, err))
		return -1;
	if (session->core_path)
		return err_set(err, ERR_INVALID, "nothing happens in a core file");
	if (find_id(session, args->words[0], &follow.id, err) ||
	    registry_snapshot(session->registry, &before, err))
		return -1;
	ret = watch_open(session->registry, &follow.watch, err);
	if (!ret)
		ret = go(&follow, &before, err);
	watch_close(follow.watch);
	snapshot_destroy(before);
	return ret;
}

const struct verb verb_follow = {
	.name = "follow",
	.usage = "[ID]",
	.help = "what happens from now on: launches, ends, libraries, names",
	.details = "A line for each event, with --json a JSON object in a line.\n"
		   "Goes on until Ctrl-C, the threadproc's end, or that of the space.\n",
	.example = "follow --count 3",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.streams = true,
	.run = run,
};
