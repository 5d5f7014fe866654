#include "lib/types/layout.h"

#include <errno.h>
#include <stdlib.h>

static void add_row(struct layout *layout, struct layout_row row)
{
	layout->rows[layout->count++] = row;
}

/* What nothing lies in between the members before, which end at `end`, and this one. */
static void add_hole(struct layout *layout, uint64_t end, uint64_t bit, enum layout_kind kind)
{
	if (bit <= end)
		return;
	add_row(layout, (struct layout_row){.kind = kind, .bit = end, .bits = bit - end});
	layout->hole_bits += bit - end;
	layout->hole_count += kind == LAYOUT_HOLE;
	if (kind == LAYOUT_PADDING)
		layout->padding_bits = bit - end;
}

static uint64_t bits_of(struct catalog *catalog, const struct reg_threadproc *tp,
                        const struct member *member)
{
	const struct type *type = catalog_define(catalog, tp, type_strip(member->type));
	uint64_t size;

	if (member->bit_size)
		return member->bit_size;
	if (!type_size(type, &size) || size > UINT64_MAX / 8)
		return 0;
	/* an empty base class takes no room of its own */
	if (member->is_base && size == 1 && !type_get_parts(type)->member_count)
		return 0;
	return size * 8;
}

static void take_member(struct layout *layout, const struct member *member, uint64_t bits,
                        bool is_union, uint64_t *end)
{
	struct layout_row row = {
		.kind = member->is_base ? LAYOUT_BASE : LAYOUT_MEMBER,
		.member = member,
		.bits = bits,
	};

	if (member->is_virtual) {
		row.kind = LAYOUT_VIRTUAL_BASE;
		add_row(layout, row);
		return;
	}
	if (member->offset > UINT64_MAX / 16)
		return;
	row.bit = member->offset * 8 + member->bit_at;
	if (!is_union)
		add_hole(layout, *end, row.bit, LAYOUT_HOLE);
	add_row(layout, row);
	if (row.bit + bits > *end)
		*end = row.bit + bits;
}

int layout_of(struct catalog *catalog, const struct reg_threadproc *tp, const struct type *type,
              struct layout *ret_layout, struct err *err)
{
	const struct type_parts *parts;
	struct layout layout = {0};
	bool is_union, moves = false;
	uint64_t end = 0;

	type = catalog_define(catalog, tp, type_strip(type));
	parts = type_get_parts(type);
	if (type->declaration)
		return err_set(err, ERR_NOT_FOUND, "only its declaration is known");
	layout.size = type->size;
	/* each member may have a hole before it, and the last one padding behind */
	layout.rows = calloc(2 * parts->member_count + 1, sizeof(*layout.rows));
	if (!layout.rows)
		return err_os(err, ENOMEM, "layout");
	is_union = type->kind == TYPE_UNION;
	for (size_t i = 0; i < parts->member_count; i++) {
		const struct member *member = &parts->members[i];

		moves |= member->is_virtual;
		take_member(&layout, member, bits_of(catalog, tp, member), is_union, &end);
	}
	/* virtual base classes lie behind everything else */
	if (!moves && layout.size <= UINT64_MAX / 8 && parts->member_count)
		add_hole(&layout, end, layout.size * 8, LAYOUT_PADDING);
	*ret_layout = layout;
	return 0;
}

void layout_deinit(struct layout *layout)
{
	free(layout->rows);
	*layout = (struct layout){0};
}
