/* signals: what each signal does to a threadproc, and which of them wait. */
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"
#include "lib/read/handlers.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* What was found out about a threadproc. */
struct seen {
	const struct reg_threadproc *tp;
	struct thread_info *threads; /* those that answered */
	size_t count;
	bool has_actions; /* else ignored and caught are those of the launch */
	uint64_t process_pending;
	uint64_t ignored;
	uint64_t caught;
	bool has_handlers;
	struct handlers handlers;
};

static bool has(uint64_t set, int number)
{
	return set >> (number - 1) & 1;
}

static void add_thread(struct seen *seen, const struct thread_info *info)
{
	if (info->has_signals)
		seen->threads[seen->count++] = *info;
	if (!info->has_actions)
		return;
	seen->has_actions = true;
	seen->process_pending = info->process_pending;
	seen->ignored = info->ignored;
	seen->caught = info->caught;
}

/*
 * The toolkit records crashes by handlers of its own (loader/agent/crash.c), which are there when
 * the program set none.
 */
static uint64_t of_toolkit(const struct seen *seen)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	uint64_t set = 0;

	for (size_t i = 0; seen->has_handlers && i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		if (!seen->handlers.list[crashes[i] - 1].handler)
			set |= UINT64_C(1) << (crashes[i] - 1);
	}
	return set;
}

static void look(const struct target *target, const struct reg_threadproc *tp, struct seen *seen)
{
	const struct threads *threads;
	struct thread_info info;
	struct err err;

	*seen = (struct seen){
		.tp = tp, .ignored = tp->abi.sig_ignored, .caught = tp->abi.sig_caught};
	if (!reg_threadproc_lives(tp))
		return;
	seen->has_handlers = !handlers_read(target, tp, &seen->handlers, &err);
	if (component_threads(target, tp, &threads, &err))
		return;
	seen->threads = calloc(threads->count + 1, sizeof(*seen->threads));
	for (size_t i = 0; seen->threads && i < threads->count; i++) {
		if (!target_thread_info(target, tp, threads->list[i].tid, &info, &err))
			add_thread(seen, &info);
	}
	seen->caught &= ~of_toolkit(seen);
}

static void forget(struct seen *seen)
{
	free(seen->threads);
}

/*
 * A core file has no actions, but what was noted of them; and for some signals the kernel knows of
 * a handler that is not the program's.
 */
static bool is_caught(const struct seen *seen, int number)
{
	if (seen->has_handlers && (!seen->has_actions || has(TP_SIGNALS_HANDLED, number)))
		return seen->handlers.list[number - 1].handler > (uintptr_t)SIG_IGN;
	return has(seen->caught, number);
}

static bool is_ignored(const struct seen *seen, int number)
{
	uint64_t handler = seen->has_handlers ? seen->handlers.list[number - 1].handler : 0;

	if (!seen->has_actions && handler)
		return handler == (uintptr_t)SIG_IGN;
	return has(seen->ignored, number);
}

/* The handler of a signal that is caught; 0 when it is not known. */
static uint64_t handler_of(const struct seen *seen, int number)
{
	uint64_t handler = seen->has_handlers ? seen->handlers.list[number - 1].handler : 0;

	return is_caught(seen, number) && handler > (uintptr_t)SIG_IGN ? handler : 0;
}

static const char *action_word(const struct seen *seen, int number)
{
	if (is_caught(seen, number))
		return "caught";
	return is_ignored(seen, number) ? "ignored" : "default";
}

static size_t blockers(const struct seen *seen, int number)
{
	size_t count = 0;

	for (size_t i = 0; i < seen->count; i++)
		count += has(seen->threads[i].blocked, number);
	return count;
}

static bool is_pending(const struct seen *seen, int number)
{
	for (size_t i = 0; i < seen->count; i++) {
		if (has(seen->threads[i].pending, number))
			return true;
	}
	return has(seen->process_pending, number);
}

/* Whether there is anything to tell of a signal. */
static bool is_special(const struct seen *seen, int number)
{
	return is_caught(seen, number) || is_ignored(seen, number) || blockers(seen, number) ||
	       is_pending(seen, number) || has(seen->tp->abi.sig_blocked, number) ||
	       has(seen->tp->abi.sig_ignored, number);
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, SIGNAL, ACTION, HANDLER, BLOCKED, PENDING, AT_LAUNCH, FORWARDED };

static const struct out_column columns[] = {
	[ID] = {"ID", true},
	[NAME] = {"NAME", false},
	[SIGNAL] = {"SIGNAL", false},
	[ACTION] = {"ACTION", false},
	[HANDLER] = {"HANDLER", false},
	[BLOCKED] = {"BLOCKED BY", false},
	[PENDING] = {"PENDING FOR", false},
	[AT_LAUNCH] = {"AT LAUNCH", false},
	[FORWARDED] = {"FORWARDED", false},
};

static char *handler_text(const struct target *target, uint64_t handler)
{
	struct identity id;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	identify(target, handler, &id);
	fprintf(out, "0x%" PRIx64 " ", handler);
	brief_text(out, &id);
	fclose(out);
	return text;
}

static char *pending_text(const struct seen *seen, int number)
{
	const char *between = "";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (has(seen->process_pending, number)) {
		fputs("process", out);
		between = ", ";
	}
	for (size_t i = 0; i < seen->count; i++) {
		if (!has(seen->threads[i].pending, number))
			continue;
		fprintf(out, "%sthread %d", between, (int)seen->threads[i].tid);
		between = ", ";
	}
	fclose(out);
	return text;
}

static void handler_cell(struct out_table *table, const struct target *target,
                         const struct seen *seen, int number)
{
	uint64_t handler = handler_of(seen, number);
	AUTO_FREE char *text = handler ? handler_text(target, handler) : NULL;

	if (text)
		out_table_cell(table, HANDLER, "%s", text);
	else if (is_caught(seen, number))
		out_table_cell(table, HANDLER, "unknown");
}

static void blocked_cell(struct out_table *table, const struct seen *seen, int number)
{
	size_t count = blockers(seen, number);

	if (count && count == seen->count)
		out_table_cell(table, BLOCKED, "all threads");
	else if (count)
		out_table_cell(table, BLOCKED, "%zu of %zu threads", count, seen->count);
}

static void add_row(struct out_table *table, const struct target *target, const struct seen *seen,
                    int number)
{
	const struct tp_threadproc *abi = &seen->tp->abi;
	AUTO_FREE char *pending = pending_text(seen, number);
	char text[SHOW_TEXT_SIZE];

	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, abi->id);
	out_table_cell(table, NAME, "%s", abi->name);
	out_table_cell(table, SIGNAL, "%s", show_signal(number, text));
	out_table_cell(table, ACTION, "%s", action_word(seen, number));
	handler_cell(table, target, seen, number);
	blocked_cell(table, seen, number);
	out_table_cell(table, PENDING, "%s", pending ? pending : "");
	if (has(abi->sig_blocked, number) || has(abi->sig_ignored, number))
		out_table_cell(table, AT_LAUNCH, "%s",
		               has(abi->sig_blocked, number) ? "blocked" : "ignored");
	out_table_cell(table, FORWARDED, has(abi->sig_forwarded, number) ? "yes" : "no");
}

static void add_rows(struct out_table *table, const struct target *target, const struct seen *seen)
{
	for (int number = 1; number <= (int)TP_SIGNALS; number++) {
		if (is_special(seen, number))
			add_row(table, target, seen, number);
	}
}

static int answer_text(struct session *session, const struct show_selection *selection,
                       struct err *err)
{
	const struct target *target = session_target(session);
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < selection->count; i++) {
		struct seen seen;

		look(target, selection->list[i], &seen);
		add_rows(table, target, &seen);
		forget(&seen);
		show_health(session, "threadproc", selection->list[i]->abi.id,
		            &selection->list[i]->health);
	}
	out_table_when_empty(table, "no signal is caught, ignored, blocked or pending");
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

/* ---- JSON ---------------------------------------------------------------- */

/* The threads of which a set has a signal. */
static json_t *threads_json(const struct seen *seen, int number, size_t member)
{
	json_t *all = json_array();

	for (size_t i = 0; i < seen->count; i++) {
		const struct thread_info *info = &seen->threads[i];
		uint64_t set = *(const uint64_t *)((const char *)info + member);

		if (has(set, number) && json_array_append_new(all, json_integer(info->tid))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *handler_json(const struct target *target, const struct seen *seen, int number)
{
	uint64_t handler = handler_of(seen, number);
	struct identity id;

	if (!handler)
		return json_null();
	identify(target, handler, &id);
	return json_pack("{s:o, s:o}", "at", identities_json_brief(&id), "flags",
	                 out_json_hex(seen->handlers.list[number - 1].flags));
}

static json_t *signal_json(const struct target *target, const struct seen *seen, int number)
{
	const struct tp_threadproc *abi = &seen->tp->abi;
	char text[SHOW_TEXT_SIZE];

	return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "signal", number,
	                 "name", show_signal(number, text), "action", action_word(seen, number),
	                 "handler", handler_json(target, seen, number), "blocked_by",
	                 threads_json(seen, number, offsetof(struct thread_info, blocked)),
	                 "pending_for_threads",
	                 threads_json(seen, number, offsetof(struct thread_info, pending)),
	                 "pending_for_process", has(seen->process_pending, number),
	                 "blocked_at_launch", has(abi->sig_blocked, number), "ignored_at_launch",
	                 has(abi->sig_ignored, number), "forwarded",
	                 has(abi->sig_forwarded, number));
}

static json_t *threadproc_signals_json(const struct target *target, const struct seen *seen)
{
	json_t *all = json_array();

	for (int number = 1; number <= (int)TP_SIGNALS; number++) {
		if (is_special(seen, number) &&
		    json_array_append_new(all, signal_json(target, seen, number))) {
			json_decref(all);
			return NULL;
		}
	}
	return json_pack("{s:o, s:i, s:b, s:o, s:o}", "threadproc", show_json_who(seen->tp),
	                 "launcher_pid", (int)seen->tp->abi.launcher_pid, "live", seen->has_actions,
	                 "forwarded", out_json_hex(seen->tp->abi.sig_forwarded), "signals", all);
}

static int answer_json(struct session *session, const struct show_selection *selection,
                       struct err *err)
{
	const struct target *target = session_target(session);
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		struct seen seen;
		int failed;

		look(target, selection->list[i], &seen);
		failed = json_array_append_new(all, threadproc_signals_json(target, &seen));
		forget(&seen);
		if (failed) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "threadprocs", all), err);
}

/* ---- The verb ------------------------------------------------------------ */

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	ret = session->json ? answer_json(session, &selection, err)
	                    : answer_text(session, &selection, err);
	free(selection.list);
	return ret;
}

const struct verb verb_signals = {
	.name = "signals",
	.usage = "[ID]",
	.help = "signals that are caught, ignored, blocked or pending",
	.details = "Now, with the handler of each that is caught; and at launch.\n"
		   "FORWARDED are those that the launcher passes on.\n"
		   "A handler is unknown if a system call set it that could not be patched.\n",
	.example = "signals allocstr",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
