/* The address map: a bar for each owner, and the same as a table. */
#include "inspect/page/parts.h"

#include "inspect/map.h"

#include <inttypes.h>

/* Bars of more mappings make the page too heavy: 400 bytes each. */
#define AREAS_MAX 10000

static void bytes_cell(struct html_table *table, uint64_t bytes)
{
	char text[SHOW_TEXT_SIZE];

	html_cell_number(table, bytes, "%s", bytes ? show_bytes(bytes, text) : "");
}

static void write_totals(const struct page *page, const struct map *map)
{
	static const struct out_column columns[] = {
		{"Owner", false},  {"Mapped", true},    {"Resident", true}, {"Dirty", true},
		{"Program", true}, {"Library", true},   {"Heap", true},     {"Stack", true},
		{"File", true},    {"Anonymous", true}, {"Reserved", true},
	};
	const bool has_pages = map->areas.has_pages;
	struct html_table table;

	html_table_begin(&table, page->out,
	                 has_pages ? "Bytes; by use: what is resident"
	                           : "Bytes; by use: what is mapped",
	                 columns, sizeof(columns) / sizeof(columns[0]), PAGE_ROWS_MAX);
	for (size_t i = 0; i < map->count; i++) {
		const struct map_group *group = &map->groups[i];

		if (!html_row(&table, 0))
			continue;
		html_cell_who(&table, group->tp, group->toolkit ? "tproc" : "unowned");
		bytes_cell(&table, group->total.mapped);
		bytes_cell(&table, group->total.resident);
		bytes_cell(&table, group->total.dirty);
		for (unsigned kind = 0; kind < MAP_TOOLKIT; kind++)
			bytes_cell(&table, has_pages ? group->kinds[kind].resident
			                             : group->kinds[kind].mapped);
		bytes_cell(&table, group->total.reserved);
	}
	html_table_end(&table);
}

static int write_map(const struct page *page, const struct map *map, struct err *err)
{
	int ret;

	if (map->areas.count > AREAS_MAX) {
		html_paragraph(page->out, "note", "%zu mappings: too many for a picture.",
		               map->areas.count);
	} else {
		html_wide_begin(page->out, "Address map");
		ret = map_inline(page->out, map, err);
		html_wide_end(page->out);
		if (ret)
			return -1;
	}
	write_totals(page, map);
	return 0;
}

int page_memory(const struct page *page, struct err *err)
{
	struct map map;
	int ret;

	if (map_read(page->target, NULL, &map, err))
		return page_cannot_tell(page, "What memory is used for", err);
	ret = write_map(page, &map, err);
	map_deinit(&map);
	return ret;
}
