#include "loader/server/slots.h"

#include "loader/quarantine.h"

#include <inttypes.h>
#include <stdbool.h>

void slots_init(struct slots *slots, struct tp_granule *granules, struct tp_fixed *fixed,
                uint32_t quarantine)
{
	*slots = (struct slots){
		.granules = granules,
		.fixed = fixed,
		.next = TP_FIRST_GRANULE,
		.quarantine = quarantine,
	};
}

/* Nobody's, and rested. */
static bool is_free(const struct slots *slots, uint32_t g)
{
	switch (slots->granules[g].state) {
	case TP_GRANULE_LIVE:
		return false;
	case TP_GRANULE_QUARANTINE:
		return slots->given_up >= slots->rests_until[g];
	default:
		return true;
	}
}

/* The first of count granules in a row, all of them free, in [from, to); 0: none. */
static uint32_t find_row(const struct slots *slots, uint32_t from, uint32_t to, uint32_t count)
{
	uint32_t row = 0;

	for (uint32_t g = from; g < to; g++) {
		row = is_free(slots, g) ? row + 1 : 0;
		if (row == count)
			return g - count + 1;
	}
	return 0;
}

static int refuse(const struct slots *slots, uint32_t count, struct err *err)
{
	const uint64_t gib = TP_GRANULE_SIZE >> 30;
	char size[QUARANTINE_TEXT];
	uint32_t resting = 0;

	for (uint32_t g = TP_FIRST_GRANULE; g < TP_LAST_GRANULE; g++)
		resting += slots->granules[g].state == TP_GRANULE_QUARANTINE && !is_free(slots, g);
	if (!resting)
		return err_set(err, ERR_LIMIT,
		               "the space has no %" PRIu64 " GiB of addresses left in a row",
		               count * gib);
	quarantine_text(slots->quarantine, size);
	return err_set(err, ERR_LIMIT,
	               "the space has no %" PRIu64 " GiB of addresses left in a row: %" PRIu64
	               " GiB rest in quarantine (--quarantine=%s)",
	               count * gib, resting * gib, size);
}

int slots_claim(struct slots *slots, uint32_t count, uint16_t owner, uint32_t generation,
		struct tp_run *ret_run, struct err *err)
{
	uint32_t first = 0;

	if (count && count <= TP_LAST_GRANULE - TP_FIRST_GRANULE) {
		first = find_row(slots, slots->next, TP_LAST_GRANULE, count);
		if (!first)
			first = find_row(slots, TP_FIRST_GRANULE, TP_LAST_GRANULE, count);
	}
	if (!first)
		return refuse(slots, count, err);
	for (uint32_t g = first; g < first + count; g++)
		slots->granules[g] = (struct tp_granule){
			.state = TP_GRANULE_LIVE, .owner = owner, .generation = generation
		};
	slots->next = first + count < TP_LAST_GRANULE ? first + count : TP_FIRST_GRANULE;
	*ret_run = (struct tp_run){ .first = first, .count = count };
	return 0;
}

void slots_quarantine(struct slots *slots, struct tp_run run)
{
	for (uint32_t g = run.first; g < run.first + run.count; g++) {
		slots->granules[g].state = TP_GRANULE_QUARANTINE;
		slots->rests_until[g] = ++slots->given_up + slots->quarantine;
		if (slots->quarantine == QUARANTINE_FOREVER)
			slots->rests_until[g] = UINT64_MAX;
	}
}

void slots_unclaim(struct slots *slots, struct tp_run run)
{
	for (uint32_t g = run.first; g < run.first + run.count; g++)
		slots->granules[g] = (struct tp_granule){ .state = TP_GRANULE_FREE };
}

int slots_claim_fixed(struct slots *slots, uint64_t lo, uint64_t hi, uint32_t owner,
		      uint32_t generation, uint32_t *ret_taken, struct err *err)
{
	struct tp_fixed *entry = NULL;

	if (lo < TP_RESERVED_HI && hi > TP_RESERVED_LO) {
		*ret_taken = 0;
		return err_set(err, ERR_LIMIT, "the range is the toolkit's own");
	}
	for (uint32_t i = 0; i < TP_FIXED; i++) {
		struct tp_fixed *f = &slots->fixed[i];

		if (f->lo == f->hi) {
			if (!entry)
				entry = f;
		} else if (lo < f->hi && hi > f->lo) {
			*ret_taken = f->owner;
			return err_set(err, ERR_LIMIT, "the range is taken");
		}
	}
	/* What lies in the slots' part of the address space could hit any of them. */
	if (hi > (uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT || !entry) {
		*ret_taken = 0;
		return err_set(err, ERR_LIMIT, "the range lies where slots do");
	}
	*entry = (struct tp_fixed){
		.lo = lo, .hi = hi, .owner = owner, .generation = generation
	};
	return 0;
}

void slots_release_fixed(struct slots *slots, uint32_t owner, uint32_t generation)
{
	for (uint32_t i = 0; i < TP_FIXED; i++)
		if (slots->fixed[i].owner == owner && slots->fixed[i].generation == generation)
			slots->fixed[i] = (struct tp_fixed){ 0 };
}
