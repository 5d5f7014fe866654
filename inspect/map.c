/*
 * map: what the space's addresses are used for, and how much of it is in memory.
 */
#include "inspect/map.h"

#include "inspect/show.h"
#include "inspect/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SVG };

/* ---- JSON ---------------------------------------------------------------------------- */

static json_t *usage_json(const struct usage *usage, bool has_pages)
{
	if (!has_pages)
		return json_pack("{s:I, s:I, s:n, s:n, s:n}", "mapped", (json_int_t)usage->mapped,
		                 "reserved", (json_int_t)usage->reserved, "resident", "dirty",
		                 "swapped");
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "mapped", (json_int_t)usage->mapped,
	                 "reserved", (json_int_t)usage->reserved, "resident",
	                 (json_int_t)usage->resident, "dirty", (json_int_t)usage->dirty, "swapped",
	                 (json_int_t)usage->swapped);
}

static json_t *kinds_json(const struct map_group *group, bool has_pages)
{
	json_t *kinds = json_object();

	for (unsigned kind = 0; kind < MAP_KINDS; kind++) {
		const struct usage *usage = &group->kinds[kind];

		if ((usage->mapped || usage->reserved) &&
		    json_object_set_new(kinds, map_kind_name(kind), usage_json(usage, has_pages))) {
			json_decref(kinds);
			return NULL;
		}
	}
	return kinds;
}

static const char *perms_of(const struct area *area, char perms[5])
{
	struct mapping m = {.prot = area->prot, .shared = area->shared};

	return mapping_perms(&m, perms);
}

static json_t *areas_json(const struct map_group *group, bool has_pages)
{
	json_t *areas = json_array();
	char perms[5];

	for (size_t i = 0; i < group->count; i++) {
		const struct area *area = group->areas[i];

		if (json_array_append_new(
			    areas, json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "lo",
		                             out_json_hex(area->lo), "hi", out_json_hex(area->hi),
		                             "perms", perms_of(area, perms), "kind",
		                             map_kind_name(map_kind_of(area)), "thread",
		                             area->tid ? json_integer(area->tid) : json_null(),
		                             "path", out_json_text(area->path), "usage",
		                             usage_json(&area->usage, has_pages)))) {
			json_decref(areas);
			return NULL;
		}
	}
	return areas;
}

static int answer_json(struct session *session, const struct map *map, struct err *err)
{
	json_t *groups = json_array();
	bool has_pages = map->areas.has_pages;

	for (size_t i = 0; i < map->count; i++) {
		const struct map_group *group = &map->groups[i];
		const char *owner = group->tp        ? "threadproc"
		                    : group->toolkit ? "toolkit"
		                                     : "unowned";

		if (json_array_append_new(
			    groups,
			    json_pack("{s:s, s:o, s:o, s:o, s:o}", "owner", owner, "threadproc",
		                      group->tp ? show_json_who(group->tp) : json_null(), "usage",
		                      usage_json(&group->total, has_pages), "kinds",
		                      kinds_json(group, has_pages), "areas",
		                      areas_json(group, has_pages)))) {
			json_decref(groups);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "owners", groups), err);
}

/* ---- Text: the space -------------------------------------------------------------------- */

static void bytes_cell(struct out_table *table, size_t column, uint64_t bytes, bool known)
{
	char text[SHOW_TEXT_SIZE];

	if (!known)
		out_table_cell(table, column, "?");
	else if (bytes)
		out_table_cell(table, column, "%s", show_bytes(bytes, text));
}

enum { OWNER, MAPPED, RESIDENT, DIRTY, FIRST_KIND };

static void add_group(struct out_table *table, const struct map_group *group, bool has_pages)
{
	char name[TP_NAME_SIZE + 16];

	out_table_row(table);
	out_table_cell(table, OWNER, "%s", map_group_name(group, name));
	bytes_cell(table, MAPPED, group->total.mapped, true);
	bytes_cell(table, RESIDENT, group->total.resident, has_pages);
	bytes_cell(table, DIRTY, group->total.dirty, has_pages);
	for (unsigned kind = 0; kind < MAP_TOOLKIT; kind++)
		bytes_cell(table, FIRST_KIND + kind,
		           has_pages ? group->kinds[kind].resident : group->kinds[kind].mapped,
		           true);
	bytes_cell(table, FIRST_KIND + MAP_TOOLKIT, group->total.reserved, true);
}

static int print_space(struct session *session, const struct map *map, struct err *err)
{
	static const struct out_column columns[] = {
		{"OWNER", false},  {"MAPPED", true},  {"RESIDENT", true}, {"DIRTY", true},
		{"PROGRAM", true}, {"LIBRARY", true}, {"HEAP", true},     {"STACK", true},
		{"FILE", true},    {"ANON", true},    {"RESERVED", true},
	};
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < map->count; i++)
		add_group(table, &map->groups[i], map->areas.has_pages);
	out_table_when_empty(table, "nothing is mapped");
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

/* ---- Text: one component ------------------------------------------------------------------- */

enum { RANGE, PERMS, KIND, AREA_MAPPED, AREA_RESIDENT, AREA_DIRTY, WHAT };

static void add_area(struct out_table *table, const struct area *area, bool has_pages)
{
	enum map_kind kind = map_kind_of(area);
	char perms[5];

	out_table_row(table);
	out_table_cell(table, RANGE, "0x%" PRIx64 "-0x%" PRIx64, area->lo, area->hi);
	out_table_cell(table, PERMS, "%s", perms_of(area, perms));
	out_table_cell(table, KIND, "%s",
	               area->place == PLACE_GUARD ? place_name(area->place) : map_kind_name(kind));
	if (kind == MAP_RESERVED)
		out_table_style(table, KIND, OUT_DIM);
	bytes_cell(table, AREA_MAPPED, area->hi - area->lo, true);
	bytes_cell(table, AREA_RESIDENT, area->usage.resident, has_pages);
	bytes_cell(table, AREA_DIRTY, area->usage.dirty, has_pages);
	if (area->tid)
		out_table_cell(table, WHAT, "thread %d", (int)area->tid);
	else if (area->path)
		out_table_cell(table, WHAT, "%s", area->path);
	else if (area->module)
		out_table_cell(table, WHAT, "%s", area->module->path);
}

static int print_areas(struct session *session, const struct map *map, struct err *err)
{
	static const struct out_column columns[] = {
		{"RANGE", false},   {"PERMS", false}, {"KIND", false}, {"SIZE", true},
		{"RESIDENT", true}, {"DIRTY", true},  {"WHAT", false},
	};
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < map->count; i++) {
		for (size_t k = 0; k < map->groups[i].count; k++)
			add_area(table, map->groups[i].areas[k], map->areas.has_pages);
	}
	out_table_when_empty(table, "nothing is mapped");
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

/* ---- The verb ---------------------------------------------------------------------------------
 */

static int answer(struct session *session, const struct verb_args *args, const struct map *map,
                  struct err *err)
{
	const char *svg = args->options[SVG];

	if (svg && map_svg(svg, session->snapshot->header.space, map, err))
		return -1;
	if (session->json)
		return answer_json(session, map, err);
	if (svg)
		return 0;
	return args->count ? print_areas(session, map, err) : print_space(session, map, err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const struct reg_threadproc *tp = NULL;
	struct show_selection selection;
	struct map map;
	int ret;

	if (args->count) {
		if (show_select(session->snapshot, args->words[0], &selection, err))
			return -1;
		tp = selection.list[selection.count - 1];
		free(selection.list);
	}
	if (map_read(session_target(session), tp, &map, err))
		return -1;
	ret = answer(session, args, &map, err);
	map_deinit(&map);
	return ret;
}

static const struct verb_option options[] = {
	[SVG] = {"svg", "FILE", "as a picture in FILE", TAKES_FILE},
	{0},
};

const struct verb verb_map = {
	.name = "map",
	.usage = "[ID]",
	.help = "the address map, by use, with what is in memory",
	.details =
		"Of the space, a line for each owner: mapped, of that resident, of that dirty, "
		"and\n"
		"resident by use.\n"
		"Of one component, each mapping.\n"
		"Dirty is what is nowhere else: anonymous memory, and what was copied on write.\n"
		"Reserved memory cannot be accessed and only holds a place.\n",
	.example = "map --svg map.svg",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
