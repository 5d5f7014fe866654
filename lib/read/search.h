/*
 * search.h - where a pattern is in memory.
 */
#ifndef TPROC_READ_SEARCH_H
#define TPROC_READ_SEARCH_H

#include "lib/base/err.h"
#include "lib/read/pattern.h"
#include "lib/read/scan.h"

struct search_visitor {
	/*
	 * A place, in ascending order; bytes are the len that match, and more up to `has`.  What is
	 * not 0 ends the search.
	 */
	int (*found)(void *context, const struct scan_piece *piece, uint64_t addr,
	             const uint8_t *bytes, size_t len, size_t has, struct err *err);
	/* After each block of so many bytes; may be NULL. */
	int (*step)(void *context, uint64_t bytes, struct err *err);
	void *context;
};

/*
 * Goes through the memory of the plan.  Places may overlap, but those of a regular expression
 * do not.  align: only addresses that are multiples of it.  Returns 0, what a visitor returned, or
 * -1.
 */
int search_each(struct mem *mem, const struct scan_plan *plan, struct pattern *pattern,
                unsigned align, const struct search_visitor *visitor, struct err *err);

#endif
