/*
 * layout.h - how a record lies in memory: its members, and the holes between them.
 */
#ifndef TPROC_TYPES_LAYOUT_H
#define TPROC_TYPES_LAYOUT_H

#include "lib/base/err.h"
#include "lib/types/catalog.h"
#include "lib/types/type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layout_kind {
	LAYOUT_MEMBER,
	LAYOUT_BASE,
	LAYOUT_VIRTUAL_BASE, /* where it lies depends on the object: offset is not set */
	LAYOUT_HOLE,
	LAYOUT_PADDING, /* at the end */
};

struct layout_row {
	enum layout_kind kind;
	const struct member *member; /* NULL for what is none */
	uint64_t bit;                /* from the beginning of the record */
	uint64_t bits;               /* 0: its size is not known */
};

struct layout {
	struct layout_row *rows; /* in the order of the source, holes where they are */
	size_t count;
	uint64_t size;      /* bytes; 0 with an incomplete type */
	uint64_t hole_bits; /* holes and padding together */
	size_t hole_count;
	uint64_t padding_bits;
};

/* type is a record.  ERR_NOT_FOUND when only its declaration is known. */
int layout_of(struct catalog *catalog, const struct reg_threadproc *tp, const struct type *type,
              struct layout *ret_layout, struct err *err);
void layout_deinit(struct layout *layout);

#endif
