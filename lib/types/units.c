#include "lib/types/units.h"

#include <errno.h>
#include <stdlib.h>

/* More stretches of code than this are not kept. */
#define RANGES_MAX (1u << 24)

struct unit_range {
	uint64_t lo;
	uint64_t hi;
	Dwarf_Die unit;
};

struct debug_units {
	struct unit_range *ranges; /* ascending by lo */
	size_t count;
	size_t room;
};

static int add(struct debug_units *units, const struct unit_range *range, struct err *err)
{
	size_t room = units->room ? units->room * 2 : 64;
	struct unit_range *grown;

	if (units->count == units->room) {
		grown = room > RANGES_MAX ? NULL
		                          : reallocarray(units->ranges, room, sizeof(*grown));
		if (!grown)
			return err_os(err, ENOMEM, "units of debugging information");
		units->ranges = grown;
		units->room = room;
	}
	units->ranges[units->count++] = *range;
	return 0;
}

static int add_unit(struct debug_units *units, Dwarf_Die *unit, struct err *err)
{
	struct unit_range range = {.unit = *unit};
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(unit, at, &base, &lo, &hi)) > 0) {
		range.lo = lo;
		range.hi = hi;
		if (lo < hi && add(units, &range, err))
			return -1;
	}
	return 0;
}

static int by_lo(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

int debug_units_create(struct debug *debug, struct debug_units **ret_units, struct err *err)
{
	struct debug_units *units = calloc(1, sizeof(*units));
	Dwarf *dwarf = debug_dwarf(debug);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;

	if (!units)
		return err_os(err, ENOMEM, "units of debugging information");
	while (!dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL)) {
		if (add_unit(units, &unit, err)) {
			debug_units_destroy(units);
			return -1;
		}
	}
	if (units->count)
		qsort(units->ranges, units->count, sizeof(*units->ranges), by_lo);
	*ret_units = units;
	return 0;
}

void debug_units_destroy(struct debug_units *units)
{
	if (!units)
		return;
	free(units->ranges);
	free(units);
}

bool debug_units_at(const struct debug_units *units, uint64_t vaddr, Dwarf_Die *ret_unit)
{
	size_t lo = 0, hi = units->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (units->ranges[mid].lo <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || vaddr >= units->ranges[lo - 1].hi)
		return false;
	*ret_unit = units->ranges[lo - 1].unit;
	return true;
}
