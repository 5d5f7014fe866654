/* crash: what is known of how threadprocs ended. */
#include "inspect/report/report.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include <errno.h>
#include <stdlib.h>

enum { SHORT };

static const struct verb_option options[] = {
	[SHORT] = {"short", NULL, "what happened, where, and who is suspect, and no more"},
	{0},
};

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

static int answer(struct session *session, const struct show_selection *selection,
                  enum report_depth depth, struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		json_t *report;

		if (session_interrupted(session)) {
			json_decref(all);
			return session_stopped(err);
		}
		if (report_build(session, selection->list[i], depth, &report, err)) {
			json_decref(all);
			return -1;
		}
		if (!session->json) {
			if (i)
				fputc('\n', session->out);
			report_print(session->out, session->colour, report, depth);
		}
		json_array_append_new(all, report);
	}
	if (session->json)
		return session_print_json(session, json_pack("{s:o}", "crashes", all), err);
	json_decref(all);
	if (!selection->count)
		fputs("no crash on record\n", session->out);
	return 0;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const enum report_depth depth = args->options[SHORT] ? REPORT_SHORT : REPORT_FULL;
	struct show_selection selection;
	int ret;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	ret = pick(&selection, args->words[0], err);
	if (!ret)
		ret = answer(session, &selection, depth, err);
	free(selection.list);
	return ret;
}

const struct verb verb_crash = {
	.name = "crash",
	.usage = "[ID]",
	.help = "how threadprocs ended: what happened, where, and who is to be suspected",
	.details =
		"Of all that crashed or were killed, or of the one with that id or name.\n"
		"Of one that is held where it crashed (tprun --on-crash=wait), all its threads are\n"
		"shown, its locks, names and descriptors that others use, and who points into its\n"
		"memory; of one that is gone, what its record tells and what others still have.\n"
		"A record stays until the addresses of its threadproc are used again.\n",
	.example = "crash 2",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
