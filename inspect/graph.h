/*
 * graph.h - how often each component points to each other one.
 */
#ifndef TPROC_INSPECT_GRAPH_H
#define TPROC_INSPECT_GRAPH_H

#include "inspect/session.h"

#include "lib/read/refs.h"

/*
 * Components that live, ascending by id, and the words that cross a border between two of them:
 * words[from * count + to].  exited[from] are those that lead to memory of ones that ended.
 */
struct graph {
	const struct reg_threadproc **components;
	size_t count;
	uint64_t *words;
	uint64_t *exited;
	struct ref *first; /* of each of words, the lowest one; NULL unless wanted */
	uint64_t bytes;    /* that were gone through */
};

static inline uint64_t graph_words(const struct graph *graph, size_t from, size_t to)
{
	return graph->words[from * graph->count + to];
}

/*
 * graph_scan.c: shows how far it has come.  GRAPH_LOW: words that lead to images outside of all
 * slots count as well, whose addresses look like small integers.  To be released.
 */
enum graph_wants { GRAPH_LOW = 1, GRAPH_FIRST = 2 };
int graph_read(struct session *session, unsigned wants, struct graph *ret_graph, struct err *err);
void graph_deinit(struct graph *graph);

/* The largest number of words of any two, at least 1. */
uint64_t graph_most_words(const struct graph *graph);

/* graph_picture.c: text for graphviz, and a matrix of coloured cells. */
void graph_dot(FILE *out, const struct graph *graph);
int graph_svg(const char *path, const char *space, const struct graph *graph, struct err *err);

/* The same within a page of HTML (svg_inline), with its style. */
int graph_matrix_inline(FILE *out, const struct graph *graph, struct err *err);
extern const char graph_matrix_style[];

/* graph_wheel.c: components around a circle, and arrows between them; for not too many. */
#define GRAPH_WHEEL_MAX 24u
int graph_wheel_inline(FILE *out, const struct graph *graph, struct err *err);
extern const char graph_wheel_style[];

#endif
