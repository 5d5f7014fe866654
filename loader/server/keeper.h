/*
 * keeper.h - reports of crashes that nobody looked at.
 *
 * A crash whose launcher wants to see a report is looked at while it stands there (crash.h).  Of every
 * other one the record in the registry is all there is, and that goes with the space: so the server
 * has tpinspect make a report of the record, and keep it where users find it.  It knows nothing of
 * reports itself.
 *
 * Nobody waits for that: the launcher has been told of the end by then, tpinspect runs one at a
 * time, some 10 ms each, and programs that crash as a habit get some reports only.
 */
#ifndef TPROC_SERVER_KEEPER_H
#define TPROC_SERVER_KEEPER_H

#include "loader/server/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* So many at once; after that, one more each so often. */
#define KEEPER_BURST 10u
#define KEEPER_EVERY_MS 10000u

struct keeper {
	struct loop *loop;
	const char *space; /* borrowed */
	void (*idle)(struct keeper *keeper);
	struct loop_source looker; /* the pidfd of tpinspect; -1: it does not run */
	struct loop_timer patience;
	uint32_t waiting[KEEPER_BURST]; /* ids, the first one first */
	unsigned count;
	unsigned spent;      /* of KEEPER_BURST */
	uint64_t refill_ns;  /* since when time counts for the next one */
	bool told;           /* that some are left out */
};

/* idle is called when nothing is left to be done; it may end the server. */
void keeper_init(struct keeper *keeper, struct loop *loop, const char *space,
		 void (*idle)(struct keeper *keeper));

/* The threadproc with that id has crashed, and nobody looked. */
void keeper_note(struct keeper *keeper, uint32_t id);

/* The space is about to end: the one that is being made gets a moment to be finished. */
void keeper_hurry(struct keeper *keeper);

/* Whether a report is being made. */
bool keeper_busy(const struct keeper *keeper);

#endif
