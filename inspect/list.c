#include "inspect/show.h"
#include "inspect/threadproc.h"
#include "inspect/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- JSON ---------------------------------------------------------------- */

static int list_json(struct session *session, const struct show_selection *selection,
                     struct err *err)
{
	const struct target *target = session_target(session);
	const struct snapshot *s = session->snapshot;
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		if (json_array_append_new(all, threadproc_json(target, selection->list[i]))) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session,
	                          json_pack("{s:o, s:i, s:i, s:b, s:b, s:o}", "space",
	                                    out_json_text(s->header.space), "server_pid",
	                                    (int)s->header.server_pid, "agent_pid",
	                                    (int)s->header.agent_pid, "agent_alive",
	                                    s->header.agent_state == TP_AGENT_ALIVE, "consistent",
	                                    s->consistent, "threadprocs", all),
	                          err);
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, PID, STATE, UPTIME, THREADS, RESIDENT, MAPPED, BUILD_ID, PROGRAM };

static const struct out_column columns[] = {
	[ID] = {"ID", true},
	[NAME] = {"NAME", false},
	[PID] = {"PID", true},
	[STATE] = {"STATE", false},
	[UPTIME] = {"UPTIME", true},
	[THREADS] = {"THR", true},
	[RESIDENT] = {"RESIDENT", true},
	[MAPPED] = {"MAPPED", true},
	[BUILD_ID] = {"BUILD-ID", false},
	[PROGRAM] = {"PROGRAM", false},
};

/* Enough to tell one build from another. */
#define BUILD_ID_DIGITS 12

static void memory_cells(struct out_table *table, const struct vitals *vitals)
{
	char text[SHOW_TEXT_SIZE];

	if (vitals->has_usage && vitals->has_pages)
		out_table_cell(table, RESIDENT, "%s", show_bytes(vitals->usage.resident, text));
	if (vitals->has_usage)
		out_table_cell(table, MAPPED, "%s", show_bytes(vitals->usage.mapped, text));
}

static void add_row(struct out_table *table, const struct target *target,
                    const struct reg_threadproc *tp)
{
	char text[SHOW_TEXT_SIZE], build_id[2 * TP_BUILD_ID_SIZE + 1];
	struct vitals vitals;

	threadproc_vitals(target, tp, &vitals);
	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, tp->abi.id);
	out_table_cell(table, NAME, "%s", tp->abi.name);
	out_table_cell(table, PID, "%" PRId32, tp->abi.pid);
	out_table_cell(table, STATE, "%s", show_state(tp, text));
	out_table_style(table, STATE, show_state_style(tp));
	if (tp->abi.start_ns)
		out_table_cell(table, UPTIME, "%s", show_duration(threadproc_age(tp), text));
	if (vitals.threads)
		out_table_cell(table, THREADS, "%zu", vitals.threads);
	memory_cells(table, &vitals);
	out_table_cell(table, PROGRAM, "%s", tp->exe ? tp->exe : "?");
	out_table_cell(table, BUILD_ID, "%.*s", BUILD_ID_DIGITS,
	               threadproc_build_id(target->snapshot, tp, build_id));
}

static int list_text(struct session *session, const struct show_selection *all, struct err *err)
{
	const struct target *target = session_target(session);
	const struct snapshot *s = session->snapshot;
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < all->count; i++) {
		add_row(table, target, all->list[i]);
		show_health(session, "threadproc", all->list[i]->abi.id, &all->list[i]->health);
	}
	ret = all->count ? out_table_print(table, session->out, err) : 0;
	out_table_destroy(table);
	if (!all->count)
		fprintf(session->out, "no threadprocs\n");
	if (s->header.agent_state != TP_AGENT_ALIVE)
		fprintf(session->err_out,
		        "tpinspect: the agent of this space is dead: it takes no new launches\n");
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection all;
	int ret;

	if (show_select(session->snapshot, NULL, &all, err))
		return -1;
	ret = session->json ? list_json(session, &all, err) : list_text(session, &all, err);
	free(all.list);
	return ret;
}

const struct verb verb_list = {
	.name = "list",
	.usage = "",
	.help = "the threadprocs of the space",
	.details = "Those that live, and those that ended and whose addresses are not used again "
		   "yet.\n"
		   "RESIDENT and MAPPED are of the threadproc's own addresses; 'show' has all of "
                   "one.\n",
	.example = "list",
	.needs_space = true,
	.run = run,
};
