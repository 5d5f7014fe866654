#include "inspect/show.h"
#include "inspect/verbs.h"

#include <inttypes.h>

/* ---- JSON ---------------------------------------------------------------- */

static json_t *suspect_json(const struct snapshot *snapshot, const struct reg_name *name)
{
	const struct reg_threadproc *tp = show_by_id(snapshot, name->abi.suspect_id);

	if (!name->abi.suspect_ns)
		return json_null();
	return json_pack("{s:o, s:o}", "threadproc", tp ? show_json_who(tp) : json_null(), "time",
	                 show_json_time(name->abi.suspect_ns));
}

static json_t *name_json(const struct snapshot *snapshot, const struct reg_name *name)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:o}", "name",
	                 out_json_text(name->abi.name), "type", out_json_text(name->abi.type),
	                 "address", out_json_hex(name->abi.addr), "size",
	                 (json_int_t)name->abi.size, "published",
	                 show_json_time(name->abi.publish_ns), "publisher",
	                 name->owner ? show_json_who(name->owner) : json_null(), "mutex",
	                 name->abi.lock ? out_json_hex(name->abi.lock) : json_null(), "suspect",
	                 suspect_json(snapshot, name), "unstable", name->health.unstable, "problem",
	                 show_json_problem(&name->health));
}

static int names_json(struct session *session, struct err *err)
{
	const struct snapshot *s = session->snapshot;
	json_t *all = json_array();

	for (size_t i = 0; i < s->name_count; i++) {
		if (json_array_append_new(all, name_json(s, &s->names[i]))) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "names", all), err);
}

/* ---- Text ---------------------------------------------------------------- */

enum { NAME, TYPE, ADDRESS, SIZE, ID, OWNER, SUSPECT };

static const struct out_column columns[] = {
	[NAME] = {"NAME", false}, [TYPE] = {"TYPE", false}, [ADDRESS] = {"ADDRESS", true},
	[SIZE] = {"SIZE", true},  [ID] = {"ID", true},      [OWNER] = {"OWNER", false},
	[SUSPECT] = {"", false},
};

/* Who died with its mutex, and when. */
static void add_suspect(struct out_table *table, const struct snapshot *snapshot,
                        const struct reg_name *name)
{
	const struct reg_threadproc *tp = show_by_id(snapshot, name->abi.suspect_id);
	char ago[SHOW_TEXT_SIZE];

	if (!name->abi.suspect_ns)
		return;
	show_ago(name->abi.suspect_ns, ago);
	if (tp)
		out_table_cell(table, SUSPECT, "suspect: %s (%" PRIu32 ") died with its mutex, %s",
		               tp->abi.name, tp->abi.id, ago);
	else
		out_table_cell(table, SUSPECT, "suspect: somebody died with its mutex, %s", ago);
}

static void add_row(struct out_table *table, const struct snapshot *snapshot,
                    const struct reg_name *name)
{
	out_table_row(table);
	out_table_cell(table, NAME, "%s", name->abi.name);
	out_table_cell(table, TYPE, "%s", name->abi.type);
	out_table_cell(table, ADDRESS, "0x%" PRIx64, name->abi.addr);
	if (name->abi.size)
		out_table_cell(table, SIZE, "%" PRIu64, name->abi.size);
	add_suspect(table, snapshot, name);
	if (!name->owner) {
		out_table_cell(table, OWNER, "(gone)");
		return;
	}
	out_table_cell(table, ID, "%" PRIu32, name->owner->abi.id);
	out_table_cell(table, OWNER, "%s", name->owner->abi.name);
}

static int names_text(struct session *session, struct err *err)
{
	const struct snapshot *s = session->snapshot;
	struct out_table *table;
	int ret;

	if (!s->name_count) {
		fprintf(session->out, "no names\n");
		return 0;
	}
	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < s->name_count; i++) {
		add_row(table, s, &s->names[i]);
		show_health(session, "name", (uint32_t)i + 1, &s->names[i].health);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	return session->json ? names_json(session, err) : names_text(session, err);
}

const struct verb verb_names = {
	.name = "names",
	.usage = "",
	.help = "named pointers that threadprocs published",
	.details = "With type, size and owner, as libtproc has them; and whether one is suspect, "
                   "since\n"
		   "somebody died who had its mutex locked.\n",
	.example = "names",
	.needs_space = true,
	.run = run,
};
