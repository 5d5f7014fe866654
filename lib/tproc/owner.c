/*
 * owner.c - whose address is it?
 *
 * This is the path that has to take nanoseconds.  One 8-byte load from the granule
 * table and a glance at the owner's record decide; no call, no loop unless the server
 * writes in that very moment.  Both carry a generation: only if they agree do they speak of
 * the same threadproc.
 */
#include "lib/tproc/record.h"

#include <string.h>

/* What was read does not fit together: the server is changing it. */
#define STALE 2

typedef uint64_t __attribute__((may_alias)) word;
_Static_assert(sizeof(struct tp_granule) == 8, "a granule is read with one load");

/* The id behind an owner's record; STALE when the record serves another threadproc. */
static int owner_id(uint32_t index, uint32_t generation, unsigned int *ret_id)
{
	struct tproci_identity identity;
	int result = tproci_identity(index, &identity);

	if (result != TPROC_OK)
		return result;
	if (identity.generation != generation)
		return STALE;
	*ret_id = identity.id;
	return TPROC_OK;
}

static struct tp_granule load_granule(uint64_t granule)
{
	struct tp_granule loaded;
	word bits;

	bits = __atomic_load_n((const word *)&tproci_space.granules[granule], __ATOMIC_ACQUIRE);
	memcpy(&loaded, &bits, sizeof(loaded));
	return loaded;
}

/*
 * A quarantined granule keeps its owner's number while the record is given to another:
 * then the owner's id is forgotten.
 */
static int owner_of_granule(struct tp_granule granule, unsigned int *ret_id)
{
	unsigned int id = 0;
	int result = owner_id(granule.owner, granule.generation, &id);

	if (granule.state == TP_GRANULE_QUARANTINE && (result == TPROC_OK || result == STALE))
		result = TPROC_EXITED;
	if (result >= 0 && result != STALE)
		*ret_id = id;
	return result;
}

static int fixed_covers(const struct tp_fixed *fixed, uint64_t address)
{
	return address >= __atomic_load_n(&fixed->lo, __ATOMIC_ACQUIRE) &&
	       address < __atomic_load_n(&fixed->hi, __ATOMIC_ACQUIRE);
}

/*
 * Looks among the images of position-dependent programs.  The bounds are looked at
 * again after the owner was read, since the entry may have passed to another.
 */
static int owner_of_fixed(uint64_t address, unsigned int *ret_id)
{
	uint32_t count = tproci_space.registry->fixed.count;
	uint32_t owner, generation, i;
	unsigned int id;
	int result;

	for (i = 0; i < count; i++) {
		const struct tp_fixed *fixed = &tproci_space.fixed[i];

		if (!fixed_covers(fixed, address))
			continue;
		owner = __atomic_load_n(&fixed->owner, __ATOMIC_ACQUIRE);
		generation = __atomic_load_n(&fixed->generation, __ATOMIC_ACQUIRE);
		result = owner_id(owner, generation, &id);
		if (result != TPROC_OK)
			return result;
		if (!fixed_covers(fixed, address))
			return STALE;
		*ret_id = id;
		return TPROC_OK;
	}
	return TPROC_NOT_FOUND;
}

static int owner_once(uint64_t address, unsigned int *ret_id)
{
	uint64_t number = address >> TP_GRANULE_SHIFT;
	struct tp_granule granule;

	if (number < TP_GRANULES) {
		granule = load_granule(number);
		if (granule.state != TP_GRANULE_FREE)
			return owner_of_granule(granule, ret_id);
	}
	return owner_of_fixed(address, ret_id);
}

int tproc_owner(const void *address, unsigned int *ret_id)
{
	int result = tproci_enter();
	const uint32_t *seq;
	uint32_t seen;
	int tries;

	if (result != TPROC_OK)
		return result;
	seq = &tproci_space.registry->seq;
	for (tries = 0; tries < TPROCI_TRIES; tries++) {
		seen = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		result = owner_once((uint64_t)(uintptr_t)address, ret_id);
		if (result != STALE)
			return result;
		tproci_pause(seq, seen, tries);
	}
	return TPROC_BUSY;
}
