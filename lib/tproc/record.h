/*
 * record.h - inside libtproc: consistent copies of what the server is writing.
 */
#ifndef TPROC_LIB_RECORD_H
#define TPROC_LIB_RECORD_H

#include "lib/tproc/space.h"

/* How often anything is read again before the answer is TPROC_BUSY: some 20 ms in all. */
#define TPROCI_TRIES 300

/* Passes the time between two tries; *seq was seen to be seen. */
void tproci_pause(const uint32_t *seq, uint32_t seen, int tries);

/*
 * Copies the first size bytes (a multiple of 8) of the record at src, whose sequence
 * counter is its first word, to dst, such that no write by the server fell in between.
 * TPROC_BUSY when the server did not come to an end in all tries: it may have died.
 */
int tproci_copy(const void *src, void *dst, size_t size);

/* The part of a record that says who it is. */
struct tproci_identity {
	uint32_t generation;
	uint32_t id;
	uint32_t state;
};

/* What tproci_identity does when the record is being written. */
int tproci_identity_slowly(uint32_t index, struct tproci_identity *ret_identity);

/*
 * Reads who the record at index is.  TPROC_NOT_FOUND when there is no such record,
 * TPROC_BUSY.
 */
static inline int tproci_identity(uint32_t index, struct tproci_identity *ret_identity)
{
	const struct tp_threadproc *record = &tproci_space.threadprocs[index];
	struct tproci_identity identity;
	uint32_t seq;

	if (!index || index >= tproci_space.registry->threadprocs.count)
		return TPROC_NOT_FOUND;
	seq = __atomic_load_n(&record->seq, __ATOMIC_ACQUIRE);
	identity.generation = __atomic_load_n(&record->generation, __ATOMIC_RELAXED);
	identity.id = __atomic_load_n(&record->id, __ATOMIC_RELAXED);
	identity.state = __atomic_load_n(&record->state, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if ((seq & 1) || __atomic_load_n(&record->seq, __ATOMIC_RELAXED) != seq)
		return tproci_identity_slowly(index, ret_identity);
	*ret_identity = identity;
	return TPROC_OK;
}

/* min(high, count): where a walk over a table ends. */
static inline uint32_t tproci_table_end(const uint32_t *high, const struct tp_table *table)
{
	uint32_t end = __atomic_load_n(high, __ATOMIC_ACQUIRE);

	return end < table->count ? end : table->count;
}

#endif
