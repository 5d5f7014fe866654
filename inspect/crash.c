/* crash: what is known of how threadprocs ended. */
#include "inspect/options.h"
#include "inspect/report/keep.h"
#include "inspect/report/report.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SHORT, KEEP, LIST, KEPT };

static const struct verb_option options[] = {
	[SHORT] = {"short", NULL, "what happened, where, and who is suspect, and no more",
                   TAKES_NOTHING},
	[KEEP] = {"keep", NULL, "keep the report, as tprun --report does", TAKES_NOTHING},
	[LIST] = {"list", NULL, "the reports that are kept, of any space", TAKES_NOTHING},
	[KEPT] = {"kept", "N", "one of these, by its number in the list", TAKES_NOTHING},
	{0},
};

/* ---- Of this space -------------------------------------------------------------------------- */

/* By a fault of its own, or by a signal of others. */
static bool died_of_a_signal(const struct reg_threadproc *tp)
{
	return tp->crash || tp->abi.exit_code == CLD_KILLED || tp->abi.exit_code == CLD_DUMPED;
}

/* Asked about one by name, its end is told whatever it was. */
static int pick(struct show_selection *selection, const char *word, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		if (word ? tp->crash || !reg_threadproc_lives(tp) : died_of_a_signal(tp))
			selection->list[kept++] = tp;
	}
	selection->count = kept;
	return word && !kept ? err_set(err, ERR_NOT_FOUND, "%s has not crashed", word) : 0;
}

/* All of it is kept, however little is to be shown. */
static void keep(struct session *session, const json_t *report)
{
	AUTO_FREE char *path = NULL;
	struct err err;

	if (keep_report(report, &path, &err)) {
		err_prefix(&err, "the report is not kept");
		session_report(session, &err);
	} else if (!session->json) {
		fputs("  kept as ", session->out);
		out_text(session->out, path);
		fputc('\n', session->out);
	}
}

static int answer_one(struct session *session, const struct reg_threadproc *tp,
                      const struct verb_args *args, json_t *all, struct err *err)
{
	const enum report_depth depth = args->options[SHORT] ? REPORT_SHORT : REPORT_FULL;
	const bool keeps = args->options[KEEP];
	json_t *report;

	if (report_build(session, tp, keeps ? REPORT_FULL : depth, &report, err))
		return -1;
	if (!session->json) {
		if (json_array_size(all))
			fputc('\n', session->out);
		report_print(session->out, session->colour, report, depth);
		if (!keeps && json_is_true(json_object_get(report, "held")))
			fputs("  it is held where it crashed\n", session->out);
	}
	if (keeps)
		keep(session, report);
	return json_array_append_new(all, report) ? err_os(err, ENOMEM, "reports") : 0;
}

static int answer(struct session *session, const struct show_selection *selection,
                  const struct verb_args *args, struct err *err)
{
	json_t *all = json_array();
	int ret = 0;

	for (size_t i = 0; i < selection->count && !ret; i++) {
		ret = session_interrupted(session)
		              ? session_stopped(err)
		              : answer_one(session, selection->list[i], args, all, err);
	}
	if (!ret && session->json)
		return session_print_json(session, json_pack("{s:o}", "crashes", all), err);
	json_decref(all);
	if (!ret && !selection->count)
		fputs("no crash on record\n", session->out);
	return ret;
}

static int of_space(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret;

	if (session_refresh(session, err) ||
	    show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	ret = pick(&selection, args->words[0], err);
	if (!ret)
		ret = answer(session, &selection, args, err);
	free(selection.list);
	return ret;
}

/* ---- Kept -------------------------------------------------------------------------------------
 */

enum { NUMBER, TIME, SPACE, WHO, WHAT };

static const struct out_column columns[] = {
	[NUMBER] = {"N", true}, [TIME] = {"TIME", false}, [SPACE] = {"SPACE", false},
	[WHO] = {"WHO", false}, [WHAT] = {"WHAT", false},
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void add_row(struct out_table *table, size_t i, const json_t *report)
{
	const json_t *who = json_object_get(report, "threadproc");

	out_table_row(table);
	out_table_cell(table, NUMBER, "%zu", i + 1);
	out_table_cell(table, TIME, "%.19s", text_of(report, "time"));
	out_table_cell(table, SPACE, "%s", text_of(report, "space"));
	out_table_cell(table, WHO, "%s (%" JSON_INTEGER_FORMAT ")", text_of(who, "name"),
	               json_integer_value(json_object_get(who, "id")));
	out_table_cell(table, WHAT, "%s", report_words(report));
}

static json_t *kept_json(const struct kept_list *list, size_t i, const json_t *report)
{
	return json_pack("{s:I, s:o, s:O?, s:O?, s:O?, s:O?}", "number", (json_int_t)i + 1, "file",
	                 json_sprintf("%s/%s.json", list->dir, list->list[i].name), "time",
	                 json_object_get(report, "time"), "space", json_object_get(report, "space"),
	                 "threadproc", json_object_get(report, "threadproc"), "what",
	                 json_object_get(report, "what"));
}

static int show_list(struct session *session, const struct kept_list *list, struct err *err)
{
	json_t *all = json_array();
	struct out_table *table;
	int ret = 0;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err)) {
		json_decref(all);
		return -1;
	}
	for (size_t i = 0; i < list->count; i++) {
		json_t *report;
		struct err ignored;

		/* one that is broken is none */
		if (kept_load(list, i, &report, &ignored))
			continue;
		add_row(table, i, report);
		json_array_append_new(all, kept_json(list, i, report));
		json_decref(report);
	}
	if (session->json) {
		ret = session_print_json(session, json_pack("{s:o}", "kept", all), err);
	} else {
		out_table_when_empty(table, "no report is kept");
		ret = out_table_print(table, session->out, err);
		json_decref(all);
	}
	out_table_destroy(table);
	return ret;
}

static int show_kept(struct session *session, const struct kept_list *list, const char *word,
                     struct err *err)
{
	uint64_t number;
	json_t *report;

	if (option_number("kept", word, 1, KEEP_REPORTS_MAX, &number, err))
		return -1;
	if (number > list->count)
		return err_set(err, ERR_NOT_FOUND, "%zu reports are kept", list->count);
	if (kept_load(list, number - 1, &report, err))
		return -1;
	if (session->json)
		return session_print_json(session, report, err);
	report_print(session->out, session->colour, report, REPORT_FULL);
	json_decref(report);
	return 0;
}

static int of_kept(struct session *session, const struct verb_args *args, struct err *err)
{
	struct kept_list list;
	int ret;

	if (args->count || args->options[SHORT] || args->options[KEEP] ||
	    (args->options[LIST] && args->options[KEPT]))
		return err_set(err, ERR_USAGE, "--list and --kept are about kept reports alone");
	if (kept_read(&list, err))
		return -1;
	ret = args->options[LIST] ? show_list(session, &list, err)
	                          : show_kept(session, &list, args->options[KEPT], err);
	kept_deinit(&list);
	return ret;
}

/* ---- The verb -----------------------------------------------------------------------------------
 */

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	if (args->options[LIST] || args->options[KEPT])
		return of_kept(session, args, err);
	return of_space(session, args, err);
}

const struct verb verb_crash = {
	.name = "crash",
	.usage = "[ID]",
	.help = "how threadprocs ended: what happened, where, and who is to be suspected",
	.details =
		"Of all that crashed or were killed, or of the one with that id or name.\n"
		"Of one that is held where it crashed (tprun --on-crash=wait), all its threads "
		"are\n"
		"shown, its locks, names and shared descriptors, who waits for it, and who points\n"
		"into its memory; of one that is gone, what its record tells and others still "
		"have.\n"
		"A record stays until the addresses of its threadproc are used again, a report "
		"that\n"
		"was kept until there are 50 newer ones.\n",
	.example = "crash 2",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.run = run,
};
