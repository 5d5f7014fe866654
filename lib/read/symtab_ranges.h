/*
 * symtab_ranges.h - symbols that overlap, made into ranges that do not.
 */
#ifndef TPROC_READ_SYMTAB_RANGES_H
#define TPROC_READ_SYMTAB_RANGES_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symtab_candidate {
	uint64_t value;
	uint64_t end; /* exclusive; equal to value for a label: a symbol without a size */
	/* A label counts up to here, the end of its section; its section begins at or below it. */
	uint64_t bound;
	uint32_t index; /* of the symbol */
	uint8_t rank;   /* by binding: the higher one is preferred, SYMTAB_RANK_LOCAL only alone */
};

enum { SYMTAB_RANK_LOCAL = 1, SYMTAB_RANK_WEAK, SYMTAB_RANK_GLOBAL };

struct symtab_range {
	uint64_t start;
	uint32_t owner; /* SYMTAB_NONE: nobody's */
};

/*
 * Decides for every address which candidate it belongs to, as elfutils does: of those with a
 * size that cover it the one that begins closest (then by rank, then the shorter, then the
 * first), locals only where nothing else covers; else the closest label below it that nothing
 * with a size lies above, within its section.
 *
 * The candidates are reordered.  The ranges ascend, neighbours differ in their owners, and the
 * last has none; the caller frees them.  Takes time and memory in proportion to n log n.
 */
int symtab_ranges(struct symtab_candidate *candidates, size_t count,
                  struct symtab_range **ret_ranges, size_t *ret_count, struct err *err);

#endif
