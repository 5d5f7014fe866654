/*
 * graph: the matrix component x component of pointers across borders.
 */
#include "inspect/graph.h"

#include "inspect/show.h"
#include "inspect/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* More columns than that fit no screen: then a list of edges it is. */
#define MATRIX_MAX 16u

enum { DOT, SVG, LOW };

/* ---- JSON ------------------------------------------------------------------------ */

static json_t *edges_json(const struct graph *graph)
{
	json_t *edges = json_array();
	int failed = 0;

	for (size_t i = 0; i < graph->count * graph->count && !failed; i++) {
		size_t from = i / graph->count, to = i % graph->count;

		if (graph->words[i])
			failed = json_array_append_new(
				edges, json_pack("{s:I, s:I, s:I}", "from",
			                         (json_int_t)graph->components[from]->abi.id, "to",
			                         (json_int_t)graph->components[to]->abi.id, "words",
			                         (json_int_t)graph->words[i]));
	}
	if (failed) {
		json_decref(edges);
		return NULL;
	}
	return edges;
}

static json_t *components_json(const struct graph *graph)
{
	json_t *all = json_array();

	for (size_t i = 0; i < graph->count; i++) {
		json_t *who = show_json_who(graph->components[i]);

		if (!who ||
		    json_object_set_new(who, "to_ended",
		                        json_integer((json_int_t)graph->exited[i])) ||
		    json_array_append_new(all, json_incref(who))) {
			json_decref(who);
			json_decref(all);
			return NULL;
		}
		json_decref(who);
	}
	return all;
}

static int answer_json(struct session *session, const struct graph *graph, struct err *err)
{
	return session_print_json(session,
	                          json_pack("{s:o, s:o, s:I}", "components", components_json(graph),
	                                    "edges", edges_json(graph), "bytes_read",
	                                    (json_int_t)graph->bytes),
	                          err);
}

/* ---- Text --------------------------------------------------------------------------- */

static int print_matrix(struct session *session, const struct graph *graph, struct err *err)
{
	struct out_column columns[MATRIX_MAX + 3] = {{"FROM \\ TO", true}, {"", false}};
	char headings[MATRIX_MAX][16];
	struct out_table *table;
	int ret;

	for (size_t i = 0; i < graph->count; i++) {
		snprintf(headings[i], sizeof(headings[i]), "%" PRIu32,
		         graph->components[i]->abi.id);
		columns[i + 2] = (struct out_column){headings[i], true};
	}
	columns[graph->count + 2] = (struct out_column){"ENDED", true};
	if (out_table_create(columns, graph->count + 3, session->colour, &table, err))
		return -1;
	for (size_t from = 0; from < graph->count; from++) {
		out_table_row(table);
		out_table_cell(table, 0, "%" PRIu32, graph->components[from]->abi.id);
		out_table_cell(table, 1, "%s", graph->components[from]->abi.name);
		for (size_t to = 0; to < graph->count; to++) {
			uint64_t words = graph_words(graph, from, to);

			if (words)
				out_table_cell(table, to + 2, "%" PRIu64, words);
			else
				out_table_cell(table, to + 2, from == to ? "" : ".");
		}
		out_table_cell(table, graph->count + 2, "%" PRIu64, graph->exited[from]);
		if (graph->exited[from])
			out_table_style(table, graph->count + 2, OUT_YELLOW);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static void add_edge(struct out_table *table, const struct reg_threadproc *from,
                     const struct reg_threadproc *to, uint64_t words)
{
	out_table_row(table);
	out_table_cell(table, 0, "%" PRIu32, from->abi.id);
	out_table_cell(table, 1, "%s", from->abi.name);
	if (to)
		out_table_cell(table, 2, "%" PRIu32, to->abi.id);
	out_table_cell(table, 3, "%s", to ? to->abi.name : "(ended)");
	out_table_cell(table, 4, "%" PRIu64, words);
}

static int print_edges(struct session *session, const struct graph *graph, struct err *err)
{
	static const struct out_column columns[] = {
		{"FROM", true}, {"", false}, {"TO", true}, {"", false}, {"WORDS", true}};
	struct out_table *table;
	int ret;

	if (out_table_create(columns, 5, session->colour, &table, err))
		return -1;
	for (size_t from = 0; from < graph->count; from++) {
		for (size_t to = 0; to < graph->count; to++) {
			if (graph_words(graph, from, to))
				add_edge(table, graph->components[from], graph->components[to],
				         graph_words(graph, from, to));
		}
		if (graph->exited[from])
			add_edge(table, graph->components[from], NULL, graph->exited[from]);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static int answer_text(struct session *session, const struct graph *graph, struct err *err)
{
	if (!graph->count) {
		fputs("no threadprocs live\n", session->out);
		return 0;
	}
	return graph->count <= MATRIX_MAX ? print_matrix(session, graph, err)
	                                  : print_edges(session, graph, err);
}

/* ---- The verb -------------------------------------------------------------------------- */

static int answer(struct session *session, const struct verb_args *args, const struct graph *graph,
                  struct err *err)
{
	const char *svg = args->options[SVG];

	if (svg && graph_svg(svg, session->snapshot->header.space, graph, err))
		return -1;
	if (args->options[DOT]) {
		graph_dot(session->out, graph);
		return 0;
	}
	if (session->json)
		return answer_json(session, graph, err);
	return svg ? 0 : answer_text(session, graph, err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct graph graph;
	int ret;

	if (args->options[DOT] && session->json)
		return err_set(err, ERR_USAGE, "graph --dot is not JSON");
	if (graph_read(session, args->options[LOW] ? GRAPH_LOW : 0, &graph, err))
		return -1;
	ret = answer(session, args, &graph, err);
	graph_deinit(&graph);
	return ret;
}

static const struct verb_option options[] = {
	[DOT] = {"dot", NULL, "as a graph for graphviz's dot", TAKES_NOTHING},
	[SVG] = {"svg", "FILE", "as a picture in FILE", TAKES_FILE},
	[LOW] = {"low", NULL, "count pointers to images outside of all slots too", TAKES_NOTHING},
	{0},
};

const struct verb verb_graph = {
	.name = "graph",
	.usage = "",
	.help = "pointers across the borders of components",
	.details =
		"How many aligned words of each component's memory hold an address of something\n"
		"mapped in each other one, or an address of one that has ended.\n"
		"The image of a position-dependent program lies where small integers point to:\n"
		"only with --low do words that lead there count.\n",
	.example = "graph --svg pointers.svg",
	.options = options,
	.needs_space = true,
	.run = run,
};
