#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/read/threads.h"

#include <inttypes.h>
#include <stdlib.h>

static uint64_t slot_of(const struct reg_threadproc *tp)
{
	return tp->abi.run_count ? (uint64_t)tp->abi.runs[0].first << TP_GRANULE_SHIFT : 0;
}

/* Threads of one that lives; 0 when that cannot be known. */
static size_t threads_of(const struct reg_threadproc *tp)
{
	size_t count;
	struct err err;

	if (!reg_threadproc_lives(tp) || threads_count(tp->abi.pid, &count, &err))
		return 0;
	return count;
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *runs_json(const struct reg_threadproc *tp)
{
	json_t *runs = json_array();

	for (uint32_t i = 0; i < tp->abi.run_count; i++) {
		uint64_t lo = (uint64_t)tp->abi.runs[i].first << TP_GRANULE_SHIFT;
		uint64_t size = (uint64_t)tp->abi.runs[i].count << TP_GRANULE_SHIFT;

		if (json_array_append_new(runs, json_pack("{s:o, s:o}", "lo", out_json_hex(lo),
		                                          "hi", out_json_hex(lo + size)))) {
			json_decref(runs);
			return NULL;
		}
	}
	return runs;
}

static json_t *argv_json(const struct reg_threadproc *tp)
{
	json_t *argv = json_array();

	for (size_t i = 0; i < tp->argc; i++) {
		if (json_array_append_new(argv, out_json_text(tp->argv[i]))) {
			json_decref(argv);
			return NULL;
		}
	}
	return argv;
}

static json_t *build_id_json(const struct snapshot *snapshot, uint32_t image)
{
	const struct reg_image *found = snapshot_image(snapshot, image);

	if (!found)
		return json_null();
	return out_json_bytes(found->abi.build_id, found->abi.build_id_len);
}

static json_t *threadproc_json(const struct snapshot *snapshot, const struct reg_threadproc *tp)
{
	size_t threads = threads_of(tp);

	return json_pack("{s:I, s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
	                 "s:b, s:o}",
	                 "id", (json_int_t)tp->abi.id, "name", out_json_text(tp->abi.name), "pid",
	                 (int)tp->abi.pid, "launcher_pid", (int)tp->abi.launcher_pid, "state",
	                 reg_state_name(tp->abi.state), "exit", show_json_exit(tp), "threads",
	                 threads ? json_integer((json_int_t)threads) : json_null(), "slots",
	                 runs_json(tp), "program", out_json_text(tp->exe), "build_id",
	                 build_id_json(snapshot, tp->abi.program_image), "argv", argv_json(tp),
	                 "cwd", out_json_text(tp->cwd), "start", show_json_time(tp->abi.start_ns),
	                 "end", show_json_time(tp->abi.end_ns), "unstable", tp->health.unstable,
	                 "problem", show_json_problem(&tp->health));
}

static int list_json(struct session *session, const struct show_selection *selection,
                     struct err *err)
{
	const struct snapshot *s = session->snapshot;
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		if (json_array_append_new(all, threadproc_json(s, selection->list[i]))) {
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

enum { ID, NAME, PID, STATE, THREADS, SLOT, START, PROGRAM };

static const struct out_column columns[] = {
	[ID] = {"ID", true},          [NAME] = {"NAME", false},       [PID] = {"PID", true},
	[STATE] = {"STATE", false},   [THREADS] = {"THR", true},      [SLOT] = {"SLOT", true},
	[START] = {"STARTED", false}, [PROGRAM] = {"PROGRAM", false},
};

static void add_row(struct out_table *table, const struct reg_threadproc *tp)
{
	char text[SHOW_TEXT_SIZE];
	size_t threads = threads_of(tp);

	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, tp->abi.id);
	out_table_cell(table, NAME, "%s", tp->abi.name);
	out_table_cell(table, PID, "%" PRId32, tp->abi.pid);
	out_table_cell(table, STATE, "%s", show_state(tp, text));
	out_table_style(table, STATE, show_state_style(tp));
	if (threads)
		out_table_cell(table, THREADS, "%zu", threads);
	else
		out_table_cell(table, THREADS, "-");
	out_table_cell(table, SLOT, "0x%" PRIx64, slot_of(tp));
	out_table_cell(table, START, "%s", show_time(tp->abi.start_ns, text));
	out_table_cell(table, PROGRAM, "%s", tp->exe ? tp->exe : "?");
}

static int list_text(struct session *session, const struct show_selection *all, struct err *err)
{
	const struct snapshot *s = session->snapshot;
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < all->count; i++) {
		add_row(table, all->list[i]);
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
		   "SLOT is the first address of the threadproc's own.\n",
	.example = "list",
	.needs_space = true,
	.run = run,
};
