/*
 * Components around a circle, and an arrow from each to those that it points into.  Arrows bend
 * towards the middle, and there and back keep apart; widths go by logarithm.
 */
#include "inspect/graph.h"

#include "inspect/svg.h"

#include <inttypes.h>
#include <math.h>

#define NODE 17.0   /* radius of a component */
#define SIDE 170.0  /* for the names left and right */
#define ENDS 44.0   /* for those above and below */
#define AROUND 54.0 /* of the circle, for each component */
#define RADIUS_MIN 110.0
#define BEND 0.42  /* how far towards the middle an arrow goes */
#define APART 0.16 /* radians between where arrows leave and come */
#define HEAD 9.0
#define WIDTH_MAX 7.0

const char graph_wheel_style[] =
	".node { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.5; }\n"
	".node.lost { fill: #ffebe9; stroke: #cf222e; stroke-dasharray: 4 3; }\n"
	".edge path { fill: none; stroke: #0969da; stroke-opacity: 0.55; }\n"
	".edge .head { fill: #0969da; stroke: none; }\n"
	".edge.old path { stroke: #cf222e; } .edge.old .head { fill: #cf222e; }\n"
	".edge:hover path { stroke-opacity: 1; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	".node { fill: #121d2f; stroke: #4493f8; } .node.lost { fill: #2d1517; stroke: #f85149; }\n"
	".edge path { stroke: #4493f8; } .edge .head { fill: #4493f8; }\n"
	".edge.old path { stroke: #f85149; } .edge.old .head { fill: #f85149; }\n"
	"}\n";

struct wheel {
	struct svg *svg;
	const struct graph *graph;
	size_t count; /* of places on the circle: one more when pointers lead to ended components */
	double radius;
	struct svg_point middle;
	uint64_t most;
};

static uint64_t sum_of_exited(const struct graph *graph)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < graph->count; i++)
		sum += graph->exited[i];
	return sum;
}

static double angle_of(const struct wheel *wheel, size_t i)
{
	return 2 * M_PI * (double)i / (double)wheel->count - M_PI / 2;
}

static struct svg_point at(const struct wheel *wheel, double angle, double radius)
{
	return (struct svg_point){wheel->middle.x + radius * cos(angle),
	                          wheel->middle.y + radius * sin(angle)};
}

/* ---- Arrows -------------------------------------------------------------------------------- */

static double width_of(const struct wheel *wheel, uint64_t words)
{
	return 1 + (WIDTH_MAX - 1) * log1p((double)words) / log1p((double)wheel->most);
}

/* Its tip is at a point, which it comes to from another one. */
static void put_head(struct svg *svg, const struct svg_point *tip, const struct svg_point *from,
                     double size)
{
	double angle = atan2(tip->y - from->y, tip->x - from->x);
	struct svg_point corners[3] = {*tip, *tip, *tip};

	for (int side = -1; side <= 1; side += 2) {
		double turned = angle + M_PI + side * 0.42;

		corners[side < 0 ? 1 : 2].x += size * cos(turned);
		corners[side < 0 ? 1 : 2].y += size * sin(turned);
	}
	svg_triangle(svg, corners, "head");
}

static void put_arrow(const struct wheel *wheel, size_t from, size_t to, uint64_t words)
{
	double rim = wheel->radius - NODE - 2, width = width_of(wheel, words);
	double size = HEAD + width, a = angle_of(wheel, from), b = angle_of(wheel, to);
	double between = remainder(b - a, 2 * M_PI), half = a + between / 2;
	/* there and back differ by the side on which they leave */
	struct svg_point begin = at(wheel, a + APART * NODE / rim, rim);
	struct svg_point tip = at(wheel, b - APART * NODE / rim, rim);
	struct svg_point towards =
		at(wheel, half, wheel->radius * cos(between / 2) * (1 - BEND) + 12);
	double length = hypot(tip.x - towards.x, tip.y - towards.y);
	struct svg_point end = {tip.x + (towards.x - tip.x) * (size - 1) / length,
	                        tip.y + (towards.y - tip.y) * (size - 1) / length};

	svg_curve(wheel->svg, &begin, &towards, &end, width, "line");
	put_head(wheel->svg, &tip, &towards, size);
}

static void put_edges(const struct wheel *wheel, size_t from)
{
	const struct graph *graph = wheel->graph;
	const struct reg_threadproc *tp = graph->components[from];

	for (size_t to = 0; to < graph->count; to++) {
		const struct reg_threadproc *other = graph->components[to];
		uint64_t words = graph_words(graph, from, to);

		if (!words)
			continue;
		svg_group_class(wheel->svg, "edge",
		                "%" PRIu64 " word%s of %s (%" PRIu32 ") point into %s (%" PRIu32
		                ")",
		                words, words == 1 ? "" : "s", tp->abi.name, tp->abi.id,
		                other->abi.name, other->abi.id);
		put_arrow(wheel, from, to, words);
		svg_group_end(wheel->svg);
	}
	if (!graph->exited[from])
		return;
	svg_group_class(wheel->svg, "edge old",
	                "%" PRIu64 " word%s of %s (%" PRIu32 ") lead to components that ended",
	                graph->exited[from], graph->exited[from] == 1 ? "" : "s", tp->abi.name,
	                tp->abi.id);
	put_arrow(wheel, from, wheel->count - 1, graph->exited[from]);
	svg_group_end(wheel->svg);
}

/* ---- Components ---------------------------------------------------------------------------- */

static void put_name(const struct wheel *wheel, double angle, const char *name)
{
	struct svg_point place = at(wheel, angle, wheel->radius + NODE + 8);
	enum svg_anchor anchor = cos(angle) > 0.2    ? SVG_START
	                         : cos(angle) < -0.2 ? SVG_END
	                                             : SVG_MIDDLE;
	double down = sin(angle) > 0.2 ? 12 : sin(angle) < -0.2 ? -2 : 4;

	svg_text(wheel->svg, place.x, place.y + down, anchor, 0, "", "%.22s", name);
}

static void put_node(const struct wheel *wheel, size_t i)
{
	double angle = angle_of(wheel, i);
	struct svg_point place = at(wheel, angle, wheel->radius);
	bool lost = i == wheel->graph->count;

	svg_circle(wheel->svg, place.x, place.y, NODE, lost ? "node lost" : "node");
	if (!lost)
		svg_text(wheel->svg, place.x, place.y + 4, SVG_MIDDLE, 0, "", "%" PRIu32,
		         wheel->graph->components[i]->abi.id);
	put_name(wheel, angle, lost ? "ended components" : wheel->graph->components[i]->abi.name);
}

int graph_wheel_inline(FILE *out, const struct graph *graph, struct err *err)
{
	struct wheel wheel = {
		.graph = graph,
		.count = graph->count + (sum_of_exited(graph) ? 1 : 0),
		.most = graph_most_words(graph),
	};

	wheel.radius = fmax(RADIUS_MIN, AROUND * (double)wheel.count / (2 * M_PI));
	wheel.middle.x = wheel.radius + NODE + SIDE;
	wheel.middle.y = wheel.radius + NODE + ENDS;
	if (svg_inline(out, 2 * wheel.middle.x, 2 * wheel.middle.y, "Pointers between components",
	               &wheel.svg, err))
		return -1;
	for (size_t i = 0; i < graph->count; i++)
		put_edges(&wheel, i);
	for (size_t i = 0; i < wheel.count; i++)
		put_node(&wheel, i);
	return svg_close(wheel.svg, err);
}
