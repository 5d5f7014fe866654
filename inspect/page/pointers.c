/* Who points into whom: a picture, and a table with an example of each. */
#include "inspect/page/parts.h"

#include "inspect/graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* A matrix of more components than that is no picture any more. */
#define MATRIX_MAX 128u

struct edge {
	size_t from;
	size_t to; /* SIZE_MAX: those that ended */
	uint64_t words;
};

static int more_words_first(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return (x->words < y->words) - (x->words > y->words);
}

/* The caller frees it; NULL when memory is short. */
static struct edge *edges_of(const struct graph *graph, size_t *ret_count)
{
	size_t count = 0, most = graph->count * (graph->count + 1) + 1;
	struct edge *edges = calloc(most, sizeof(*edges));

	for (size_t from = 0; edges && from < graph->count; from++) {
		for (size_t to = 0; to < graph->count; to++) {
			if (graph_words(graph, from, to))
				edges[count++] =
					(struct edge){from, to, graph_words(graph, from, to)};
		}
		if (graph->exited[from])
			edges[count++] = (struct edge){from, SIZE_MAX, graph->exited[from]};
	}
	if (count)
		qsort(edges, count, sizeof(*edges), more_words_first);
	*ret_count = count;
	return edges;
}

static void write_edge(const struct page *page, struct html_table *table, const struct graph *graph,
                       const struct edge *edge)
{
	const bool lives = edge->to != SIZE_MAX;

	if (!html_row(table, 0))
		return;
	html_cell_who(table, graph->components[edge->from], "");
	html_cell_who(table, lives ? graph->components[edge->to] : NULL, "ended components");
	html_cell_number(table, edge->words, "%" PRIu64, edge->words);
	if (lives) {
		const struct ref *ref = &graph->first[edge->from * graph->count + edge->to];

		page_address_cell(page, table, ref->at);
		page_address_cell(page, table, ref->value);
	} else {
		html_cell(table, "%s", "");
		html_cell(table, "%s", "");
	}
}

static int write_table(const struct page *page, const struct graph *graph, struct err *err)
{
	static const struct out_column columns[] = {
		{"From", false},          {"To", false},           {"Words", true},
		{"The first one", false}, {"It points to", false},
	};
	struct html_table table;
	size_t count;
	struct edge *edges = edges_of(graph, &count);

	if (!edges)
		return err_os(err, ENOMEM, "pointers");
	html_table_begin(&table, page->out,
	                 "Aligned words that hold an address of another component", columns,
	                 sizeof(columns) / sizeof(columns[0]), PAGE_ROWS_MAX);
	for (size_t i = 0; i < count; i++)
		write_edge(page, &table, graph, &edges[i]);
	html_table_end(&table);
	free(edges);
	return 0;
}

static bool has_edges(const struct graph *graph)
{
	for (size_t i = 0; i < graph->count * graph->count; i++) {
		if (graph->words[i])
			return true;
	}
	for (size_t i = 0; i < graph->count; i++) {
		if (graph->exited[i])
			return true;
	}
	return false;
}

static int write_graph(const struct page *page, const struct graph *graph, struct err *err)
{
	int ret = 0;

	if (!has_edges(graph)) {
		html_paragraph(page->out, "dim", "No component points into another one.");
		return 0;
	}
	html_wide_begin(page->out, "Pointers between components");
	if (graph->count <= GRAPH_WHEEL_MAX)
		ret = graph_wheel_inline(page->out, graph, err);
	else if (graph->count <= MATRIX_MAX)
		ret = graph_matrix_inline(page->out, graph, err);
	html_wide_end(page->out);
	return ret ? -1 : write_table(page, graph, err);
}

int page_pointers(const struct page *page, struct err *err)
{
	struct graph graph;
	int ret;

	if (graph_read(page->session, GRAPH_FIRST, &graph, err))
		return page_cannot_tell(page, "Who points into whom", err);
	ret = write_graph(page, &graph, err);
	graph_deinit(&graph);
	return ret;
}
