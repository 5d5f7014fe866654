/*
 * slots.h - who gets which addresses.
 *
 * Works on the granule table and the table of fixed images of the registry (or, in tests,
 * on plain arrays): they are the allocator's own state as well as what is published, and
 * nobody but the server can write them.  Granules are handed out round robin, so one that was
 * given up rests for as long as can be: a stale pointer faults and can be named.  How long it
 * rests at least can be chosen: until so many others were given up after it, or for ever.
 */
#ifndef TPROC_SERVER_SLOTS_H
#define TPROC_SERVER_SLOTS_H

#include "lib/base/err.h"
#include "tproc/abi.h"

struct slots {
	struct tp_granule *granules; /* TP_GRANULES, borrowed */
	struct tp_fixed *fixed;	     /* TP_FIXED, borrowed */
	uint32_t next;		     /* where the next search begins */
	uint32_t quarantine;         /* granules, QUARANTINE_FOREVER */
	uint64_t given_up;           /* counts those that were */
	uint64_t rests_until[TP_GRANULES]; /* given_up from which on it may be claimed again */
};

/* quarantine is how many granules rest at least (loader/quarantine.h). */
void slots_init(struct slots *slots, struct tp_granule *granules, struct tp_fixed *fixed,
                uint32_t quarantine);

/*
 * Claims count granules in a row for the record.  ERR_LIMIT when there is no such row, among those
 * that have rested for long enough.
 */
int slots_claim(struct slots *slots, uint32_t count, uint16_t owner, uint32_t generation,
		struct tp_run *ret_run, struct err *err);

/* Puts the run into quarantine.  It still names its owner, until it is claimed again. */
void slots_quarantine(struct slots *slots, struct tp_run run);

/* Gives back a run in which nothing was ever mapped. */
void slots_unclaim(struct slots *slots, struct tp_run run);

/*
 * Claims [lo, hi) for a position-dependent image.  When something has it already:
 * ERR_LIMIT, and *ret_taken is the index of the owner's record, 0 for the toolkit itself.
 */
int slots_claim_fixed(struct slots *slots, uint64_t lo, uint64_t hi, uint32_t owner,
		      uint32_t generation, uint32_t *ret_taken, struct err *err);
void slots_release_fixed(struct slots *slots, uint32_t owner, uint32_t generation);

#endif
