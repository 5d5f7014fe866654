/*
 * registry.h - the one writer of the registry (tproc/abi.h).
 *
 * The memfd is mapped for writing here and then sealed against any other writer
 * (F_SEAL_FUTURE_WRITE), so its content is the server's alone and may be read back.
 */
#ifndef TPROC_SERVER_REGISTRY_H
#define TPROC_SERVER_REGISTRY_H

#include "lib/base/err.h"
#include "loader/server/heap.h"
#include "tproc/abi.h"

struct registry {
	int fd;
	struct tp_registry *map;
	struct tp_granule *granules;
	struct tp_fixed *fixed;
	struct tp_threadproc *threadprocs;
	struct tp_image *images;
	struct tp_name *names;
	struct tp_cpuid *cpuids;
	struct heap heap;
	uint32_t next_threadproc; /* where the search for a record begins */
};

int registry_create(struct registry *registry, const char *space, struct err *err);
void registry_destroy(struct registry *registry);

/* Brackets around every change: readers retry while the counters are odd or have moved. */
void registry_begin(struct registry *registry);
void registry_end(struct registry *registry);
void registry_seq_begin(uint32_t *seq);
void registry_seq_end(uint32_t *seq);

/*
 * A record for a new threadproc: its index, or 0 when all are in use.  What an earlier
 * threadproc left in it is cleared, refs freed, generation counted on.  The longest dead
 * is taken last.
 */
uint32_t registry_new_threadproc(struct registry *registry);

/* CLOCK_REALTIME in nanoseconds. */
uint64_t registry_now_ns(void);

#endif
