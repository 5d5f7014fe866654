/*
 * scan.h - going through all of a space's memory, fast: what is mapped, can be read and holds
 * something, block by block; and words in blocks that point somewhere.
 */
#ifndef TPROC_READ_SCAN_H
#define TPROC_READ_SCAN_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory without holes, of one owner. */
struct scan_piece {
	uint64_t lo;
	uint64_t hi;
	struct owner owner;
};

struct scan_plan {
	struct scan_piece *pieces; /* ascending */
	size_t count;
	uint64_t bytes;
};

/* What of it is wanted. */
struct scan_filter {
	int prot;     /* PROT_ bits that a mapping has to have, all of them */
	bool written; /* no code, and not what is as it is in a file and cannot be written */
	bool files;   /* of files also what nobody read yet, and what a core file left to them */
};

/*
 * What of [lo, hi) there is to read.  Pages that nobody touched are left out where that is known.
 * ERR_NOT_FOUND when no process of the space can be looked at.  To be released.
 */
int scan_plan_read(const struct target *target, uint64_t lo, uint64_t hi,
                   const struct scan_filter *filter, struct scan_plan *ret_plan, struct err *err);

/* The same for all that a threadproc has, its slot and its image outside of it. */
int scan_plan_of(const struct target *target, const struct reg_threadproc *tp,
                 const struct scan_filter *filter, struct scan_plan *ret_plan, struct err *err);
void scan_plan_deinit(struct scan_plan *plan);

/* Bytes of a block at most, those that are repeated not counted. */
#define SCAN_BLOCK (UINT64_C(1) << 20)

/* A block of a piece: len bytes that were at addr.  What is not 0 ends the scan. */
typedef int scan_visitor(void *context, const struct scan_piece *piece, uint64_t addr,
                         const uint8_t *bytes, size_t len, struct err *err);

/*
 * Visits the blocks of a plan in ascending order.  A block that follows another without a hole
 * begins with its last `overlap` bytes again, so that nothing of that length plus one is cut.  What
 * cannot be read any more is left out.  Returns 0, what the visitor returned, or -1.
 */
int scan_run(struct mem *mem, const struct scan_plan *plan, size_t overlap, scan_visitor *visit,
             void *context, struct err *err);

/*
 * Indexes of the words that lie in [lo, lo + len) and not in [not_lo, not_lo + not_len), ascending
 * into hits, which has room for `room` (at least 64).  Returns how many; *ret_next is the index to
 * go on from, count when all were looked at.
 */
size_t scan_words(const uint64_t *words, size_t count, uint64_t lo, uint64_t len, uint64_t not_lo,
                  uint64_t not_len, uint32_t *hits, size_t room, size_t *ret_next);

#endif
