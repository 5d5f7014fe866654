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

#include <stdbool.h>

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
	bool changed; /* and nobody was told */
	uint32_t fresh_threadproc; /* no record from here on was ever used */
	uint32_t dead_first;	   /* ring of retired records, the longest dead first */
	uint32_t dead_count;
	uint32_t tombstones; /* so many of the dead are kept, as far as there is room */
	uint16_t dead[TP_THREADPROCS];
};

/* How many of the dead are kept, unless more of them are in quarantine. */
#define REGISTRY_TOMBSTONES 256

int registry_create(struct registry *registry, const char *space, struct err *err);

/* So many granules rest in quarantine: whoever they belonged to is to stay on record. */
void registry_set_quarantine(struct registry *registry, uint32_t granules);

void registry_destroy(struct registry *registry);

/* Brackets around every change: readers retry while the counters are odd or have moved. */
void registry_begin(struct registry *registry);
void registry_end(struct registry *registry);

/* Wakes those who wait for a change, if there was one since the last time. */
void registry_tell(struct registry *registry);
void registry_seq_begin(uint32_t *seq);
void registry_seq_end(uint32_t *seq);

/*
 * A record for a new threadproc: its index, or 0 when all are in use.  Beyond as many of the dead
 * as are to be kept, so that memory does not grow with the number of launches, the longest dead
 * makes room: what it left is cleared, its refs are freed, the generation counts on.
 */
uint32_t registry_new_threadproc(struct registry *registry);

/*
 * The longest dead one that has a crash on record loses it, to make room for another.  False when
 * there is none.
 */
bool registry_drop_crash(struct registry *registry);

/* The threadproc is gone; its record stays readable until it is handed out again. */
void registry_retire_threadproc(struct registry *registry, uint32_t index);

/* Frees the record's list of modules and clears it; inside the record's brackets. */
void registry_free_modules(struct registry *registry, struct tp_threadproc *record);

/* CLOCK_REALTIME in nanoseconds. */
uint64_t registry_now_ns(void);

#endif
