#include "inspect/graph.h"

#include "inspect/svg.h"

#include "lib/base/out.h"

#include <inttypes.h>
#include <math.h>

/* ---- graphviz ---------------------------------------------------------------- */

/* Within quotes; what out_text leaves that is special there. */
static void put_quoted(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		char one[2] = {*p, '\0'};

		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		if ((unsigned char)*p < ' ')
			fputc(' ', out);
		else
			fputs(one, out);
	}
}

void graph_dot(FILE *out, const struct graph *graph)
{
	fputs("digraph pointers {\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
	      "\tedge [fontname=\"sans-serif\"];\n",
	      out);
	for (size_t i = 0; i < graph->count; i++) {
		const struct reg_threadproc *tp = graph->components[i];

		fprintf(out, "\tt%" PRIu32 " [label=\"", tp->abi.id);
		put_quoted(out, tp->abi.name);
		fprintf(out, " (%" PRIu32 ")\"];\n", tp->abi.id);
	}
	for (size_t from = 0; from < graph->count; from++) {
		for (size_t to = 0; to < graph->count; to++) {
			uint64_t words = graph_words(graph, from, to);

			if (words)
				fprintf(out,
				        "\tt%" PRIu32 " -> t%" PRIu32 " [label=\"%" PRIu64
				        "\", penwidth=%.1f];\n",
				        graph->components[from]->abi.id,
				        graph->components[to]->abi.id, words,
				        1 + log10((double)words));
		}
	}
	fputs("}\n", out);
}

/* ---- A matrix of cells ----------------------------------------------------------- */

#define CELL 26.0
#define LABELS 150.0 /* beside the rows, and above the columns */
#define MARGIN 16.0
#define TITLE 34.0
#define LEGEND 60.0
/* With more components, cells without a pointer are not drawn one by one: there are too many. */
#define CELLS_EACH_MAX 32u

const char graph_matrix_style[] = ".hot { fill: #0969da; } .gone { fill: #cf222e; }\n"
				  ".on { font-size: 9px; } .bright { fill: #ffffff; }\n"
				  "@media (prefers-color-scheme: dark) {\n"
				  ".hot { fill: #4493f8; } .gone { fill: #f85149; }\n"
				  "}\n";

uint64_t graph_most_words(const struct graph *graph)
{
	uint64_t most = 1;

	for (size_t i = 0; i < graph->count * graph->count; i++)
		most = graph->words[i] > most ? graph->words[i] : most;
	for (size_t i = 0; i < graph->count; i++)
		most = graph->exited[i] > most ? graph->exited[i] : most;
	return most;
}

/* Numbers of very different size: by their logarithm, and never invisible. */
static double strength(uint64_t words, uint64_t most)
{
	return 0.15 + 0.85 * log1p((double)words) / log1p((double)most);
}

static void short_number(char text[16], uint64_t words)
{
	static const char units[] = " kMGT";
	double value = (double)words;
	unsigned i = 0;

	while (value >= 1000 && units[i + 1]) {
		value /= 1000;
		i++;
	}
	if (i)
		snprintf(text, 16, value < 10 ? "%.1f%c" : "%.0f%c", value, units[i]);
	else
		snprintf(text, 16, "%.0f", value);
}

static void put_cell(struct svg *svg, double x, double y, uint64_t words, uint64_t most,
                     const char *class)
{
	char classes[32], number[16];

	if (!words) {
		svg_rect(svg, x, y, CELL, CELL, "cell empty", 1);
		return;
	}
	snprintf(classes, sizeof(classes), "cell %s", class);
	short_number(number, words);
	svg_rect(svg, x, y, CELL, CELL, "cell empty", 1);
	svg_rect(svg, x, y, CELL, CELL, classes, strength(words, most));
	svg_text(svg, x + CELL / 2, y + CELL / 2 + 3, SVG_MIDDLE, 0,
	         strength(words, most) > 0.6 ? "on bright" : "on", "%s", number);
}

static void put_row(struct svg *svg, const struct graph *graph, size_t from, uint64_t most)
{
	const struct reg_threadproc *tp = graph->components[from];
	double y = MARGIN + TITLE + LABELS + (double)from * CELL, left = MARGIN + LABELS;

	svg_text(svg, left - 8, y + CELL / 2 + 4, SVG_END, 0, "", "%.22s (%" PRIu32 ")",
	         tp->abi.name, tp->abi.id);
	if (graph->count > CELLS_EACH_MAX)
		svg_rect(svg, left, y, (double)graph->count * CELL, CELL, "cell empty", 1);
	for (size_t to = 0; to < graph->count; to++) {
		const struct reg_threadproc *other = graph->components[to];
		double x = left + (double)to * CELL;

		if (from == to) {
			svg_line(svg, x + 8, y + 8, x + CELL - 8, y + CELL - 8, "rule");
			continue;
		}
		if (!graph_words(graph, from, to) && graph->count > CELLS_EACH_MAX)
			continue;
		svg_group(svg, "%" PRIu64 " words of %s (%" PRIu32 ") point into %s (%" PRIu32 ")",
		          graph_words(graph, from, to), tp->abi.name, tp->abi.id, other->abi.name,
		          other->abi.id);
		put_cell(svg, x, y, graph_words(graph, from, to), most, "hot");
		svg_group_end(svg);
	}
	svg_group(svg,
	          "%" PRIu64 " words of %s (%" PRIu32 ") lead to memory of components that ended",
	          graph->exited[from], tp->abi.name, tp->abi.id);
	put_cell(svg, left + ((double)graph->count + 0.5) * CELL, y, graph->exited[from], most,
	         "gone");
	svg_group_end(svg);
}

static void put_heads(struct svg *svg, const struct graph *graph)
{
	double left = MARGIN + LABELS + CELL / 2 + 4, y = MARGIN + TITLE + LABELS - 8;

	for (size_t to = 0; to < graph->count; to++) {
		const struct reg_threadproc *tp = graph->components[to];

		svg_text(svg, left + (double)to * CELL, y, SVG_START, 60, "", "%.22s (%" PRIu32 ")",
		         tp->abi.name, tp->abi.id);
	}
	svg_text(svg, left + ((double)graph->count + 0.5) * CELL, y, SVG_START, 60, "dim", "ended");
}

/* What it takes around the cells. */
static double matrix_width(const struct graph *graph)
{
	return 2 * MARGIN + LABELS + ((double)graph->count + 1.5) * CELL + 90;
}

static double matrix_height(const struct graph *graph)
{
	return 2 * MARGIN + TITLE + LABELS + (double)graph->count * CELL + LEGEND;
}

static void put_matrix(struct svg *svg, const char *title, const struct graph *graph)
{
	double height = matrix_height(graph);
	uint64_t most = graph_most_words(graph);

	svg_text(svg, MARGIN, MARGIN + 14, SVG_START, 0, "title", "%s", title);
	put_heads(svg, graph);
	for (size_t from = 0; from < graph->count; from++)
		put_row(svg, graph, from, most);
	svg_text(svg, MARGIN, height - MARGIN - 20, SVG_START, 0, "dim",
	         "Row: words in this component's memory.");
	svg_text(svg, MARGIN, height - MARGIN - 4, SVG_START, 0, "dim",
	         "Column: whose memory they point into.");
}

int graph_svg(const char *path, const char *space, const struct graph *graph, struct err *err)
{
	char title[TP_NAME_SIZE + 32];
	struct svg *svg;

	snprintf(title, sizeof(title), "Pointers in space %s", space);
	if (svg_open(path, matrix_width(graph), matrix_height(graph), "Pointers between components",
	             graph_matrix_style, &svg, err))
		return -1;
	put_matrix(svg, title, graph);
	return svg_close(svg, err);
}

int graph_matrix_inline(FILE *out, const struct graph *graph, struct err *err)
{
	struct svg *svg;

	if (svg_inline(out, matrix_width(graph), matrix_height(graph),
	               "Pointers between components, as a matrix", &svg, err))
		return -1;
	put_matrix(svg, "Words that point from row to column", graph);
	return svg_close(svg, err);
}
