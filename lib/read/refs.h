/*
 * refs.h - words in memory that point somewhere.
 */
#ifndef TPROC_READ_REFS_H
#define TPROC_READ_REFS_H

#include "lib/base/err.h"
#include "lib/read/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An aligned word that holds an address. */
struct ref {
	uint64_t at;
	uint64_t value;
};

struct refs_span {
	uint64_t lo;
	uint64_t hi;
};

struct refs_want {
	const struct refs_span *spans; /* where words have to point; disjoint */
	size_t span_count;
	/* Only words that point to another owner's memory than they lie in. */
	bool foreign;
	/* Where something is mapped, ascending and disjoint: only words that point there; NULL:
	 * any. */
	const struct refs_span *mapped;
	size_t mapped_count;
};

/* What is called while memory is gone through; context goes to both. */
struct refs_visitor {
	/* A word; those of one block come span by span.  What is not 0 ends the scan. */
	int (*ref)(void *context, const struct scan_piece *piece, const struct ref *ref,
	           struct err *err);
	/* After each block of so many bytes; NULL: nothing. */
	int (*step)(void *context, uint64_t bytes, struct err *err);
	void *context;
};

/* Goes through the memory of the plan.  Returns 0, what a visitor returned, or -1. */
int refs_each(struct mem *mem, const struct scan_plan *plan, const struct refs_want *want,
              const struct refs_visitor *visitor, struct err *err);

/*
 * What a threadproc has: its slots, and its image outside of them.  At most TP_RUNS + 1 spans;
 * returns how many.
 */
size_t refs_spans_of(const struct reg_threadproc *tp, struct refs_span spans[TP_RUNS + 1]);

/* What is mapped in the spans, joined where it touches; the caller frees *ret_list. */
int refs_mapped(const struct target *target, const struct refs_span *spans, size_t span_count,
                struct refs_span **ret_list, size_t *ret_count, struct err *err);

/* Whether an address lies in one of them; they ascend and are disjoint. */
bool refs_is_mapped(const struct refs_span *list, size_t count, uint64_t addr);

#endif
