/*
 * A bar for each owner: its mappings in the order of their addresses.  Slots are terabytes apart
 * and mappings differ by a factor of a million, so that widths go by logarithm and gaps are all
 * alike; the tooltips have the numbers.
 */
#include "inspect/map.h"

#include "inspect/show.h"
#include "inspect/svg.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MARGIN 16.0
#define TITLE 34.0
#define LABELS 150.0
#define BAR 22.0
#define ROW 34.0
#define UNIT 5.0 /* a mapping's width for each doubling from a page on */
#define GAP 4.0  /* between mappings that do not touch */
#define TOTALS 210.0
#define LEGEND 30.0

const char map_style[] =
	".program { fill: #0969da; } .library { fill: #54aeff; } .heap { fill: #1a7f37; }\n"
	".stack { fill: #bf8700; } .file { fill: #8250df; } .anonymous { fill: #4ac26b; }\n"
	".tproc { fill: #cf222e; } .kernel { fill: #ffa198; } .reserved { fill: #d1d9e0; }\n"
	".of { fill-opacity: 0.3; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	".program { fill: #1f6feb; } .library { fill: #79c0ff; } .heap { fill: #2ea043; }\n"
	".stack { fill: #d29922; } .file { fill: #a371f7; } .anonymous { fill: #56d364; }\n"
	".tproc { fill: #f85149; } .kernel { fill: #ffc1ba; } .reserved { fill: #3d444d; }\n"
	"}\n";

static double area_width(const struct area *area)
{
	double pages = (double)(area->hi - area->lo) / 4096;

	return UNIT * (1 + log2(pages < 1 ? 1 : pages));
}

static double group_width(const struct map_group *group)
{
	double width = 0;

	for (size_t i = 0; i < group->count; i++) {
		if (i && group->areas[i]->lo != group->areas[i - 1]->hi)
			width += GAP;
		width += area_width(group->areas[i]);
	}
	return width;
}

static void put_tooltip(struct svg *svg, const struct area *area, bool has_pages)
{
	char size[SHOW_TEXT_SIZE], resident[SHOW_TEXT_SIZE], dirty[SHOW_TEXT_SIZE], perms[5];
	struct mapping m = {.prot = area->prot, .shared = area->shared};
	char thread[32] = "", pages[2 * SHOW_TEXT_SIZE + 32] = "";

	if (area->tid)
		snprintf(thread, sizeof(thread), " of thread %d", (int)area->tid);
	if (has_pages)
		snprintf(pages, sizeof(pages), ", %s resident, %s of it dirty",
		         show_bytes(area->usage.resident, resident),
		         show_bytes(area->usage.dirty, dirty));
	svg_group(svg, "%s%s, %s, 0x%" PRIx64 "-0x%" PRIx64 ", %s%s%s%s",
	          map_kind_name(map_kind_of(area)), thread, mapping_perms(&m, perms), area->lo,
	          area->hi, show_bytes(area->hi - area->lo, size), pages, area->path ? ", " : "",
	          area->path ? area->path : "");
}

/* Pale for what is mapped, full from below for the part that is in memory. */
static void put_area(struct svg *svg, double x, double y, const struct area *area, bool has_pages)
{
	double part = has_pages ? (double)area->usage.resident / (double)(area->hi - area->lo) : 0;
	enum map_kind kind = map_kind_of(area);
	double width = area_width(area), height = BAR * (part > 1 ? 1 : part);
	char class[64];

	/* a little is not nothing */
	if (height > 0 && height < 2)
		height = 2;
	put_tooltip(svg, area, has_pages);
	snprintf(class, sizeof(class), "cell of %s", map_kind_name(kind));
	svg_rect(svg, x, y, width, BAR, class, 1);
	if (height > 0)
		svg_rect(svg, x, y + BAR - height, width, height, map_kind_name(kind), 1);
	svg_group_end(svg);
}

static void put_group(struct svg *svg, double y, double right, const struct map_group *group,
                      bool has_pages)
{
	char name[TP_NAME_SIZE + 16], mapped[SHOW_TEXT_SIZE], resident[SHOW_TEXT_SIZE];
	double x = MARGIN + LABELS;

	svg_text(svg, x - 10, y + BAR / 2 + 4, SVG_END, 0, "", "%.22s",
	         map_group_name(group, name));
	for (size_t i = 0; i < group->count; i++) {
		if (i && group->areas[i]->lo != group->areas[i - 1]->hi)
			x += GAP;
		put_area(svg, x, y, group->areas[i], has_pages);
		x += area_width(group->areas[i]);
	}
	show_bytes(group->total.mapped, mapped);
	if (has_pages)
		svg_text(svg, right, y + BAR / 2 + 4, SVG_START, 0, "dim", "%s mapped, %s resident",
		         mapped, show_bytes(group->total.resident, resident));
	else
		svg_text(svg, right, y + BAR / 2 + 4, SVG_START, 0, "dim", "%s mapped", mapped);
}

static void put_legend(struct svg *svg, double y)
{
	double x = MARGIN + LABELS;

	for (unsigned kind = 0; kind < MAP_KINDS; kind++) {
		const char *name = map_kind_name(kind);

		svg_rect(svg, x, y, 12, 12, name, 1);
		svg_text(svg, x + 17, y + 10, SVG_START, 0, "dim", "%s", name);
		x += 34 + 7.0 * (double)strlen(name);
	}
}

/* Where the totals begin, right of all bars. */
static double right_of_bars(const struct map *map)
{
	double widest = 600;

	for (size_t i = 0; i < map->count; i++)
		widest = fmax(widest, group_width(&map->groups[i]));
	return MARGIN + LABELS + widest + 12;
}

static double picture_height(const struct map *map)
{
	return 3 * MARGIN + TITLE + LEGEND + (double)map->count * ROW;
}

static void put_all(struct svg *svg, const char *title, const struct map *map)
{
	double y = MARGIN + TITLE + LEGEND, right = right_of_bars(map);

	svg_text(svg, MARGIN, MARGIN + 14, SVG_START, 0, "title", "%s", title);
	put_legend(svg, MARGIN + TITLE - 8);
	for (size_t i = 0; i < map->count; i++) {
		put_group(svg, y, right, &map->groups[i], map->areas.has_pages);
		y += ROW;
	}
	svg_text(svg, MARGIN, y + MARGIN, SVG_START, 0, "dim",
	         "Mappings in the order of their addresses, widths by logarithm; full colour: the "
	         "part in memory.");
}

int map_svg(const char *path, const char *space, const struct map *map, struct err *err)
{
	char title[TP_NAME_SIZE + 32];
	struct svg *svg;

	snprintf(title, sizeof(title), "Address map of space %s", space);
	if (svg_open(path, right_of_bars(map) + TOTALS + MARGIN, picture_height(map), "Address map",
	             map_style, &svg, err))
		return -1;
	put_all(svg, title, map);
	return svg_close(svg, err);
}

int map_inline(FILE *out, const struct map *map, struct err *err)
{
	struct svg *svg;

	if (svg_inline(out, right_of_bars(map) + TOTALS + MARGIN, picture_height(map),
	               "Address map", &svg, err))
		return -1;
	put_all(svg, "A bar for each component", map);
	return svg_close(svg, err);
}
