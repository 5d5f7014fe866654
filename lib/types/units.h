/*
 * units.h - which unit of debugging information some code is of.
 *
 * Cheap to make: only the head of each unit is looked at.
 */
#ifndef TPROC_TYPES_UNITS_H
#define TPROC_TYPES_UNITS_H

#include "lib/base/err.h"
#include "lib/types/debug.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct debug_units;

int debug_units_create(struct debug *debug, struct debug_units **ret_units, struct err *err);
void debug_units_destroy(struct debug_units *units);

/* The unit whose code covers an address of the file. */
bool debug_units_at(const struct debug_units *units, uint64_t vaddr, Dwarf_Die *ret_unit);

#endif
