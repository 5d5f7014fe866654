/*
 * die.h - entries of debugging information, read with care.
 *
 * libdw checks most of what it reads.  What it leaves to its callers is seen to here: that
 * strings end, that siblings come later in the file than each other, that chains of
 * references are finite.  Whoever reads debugging information goes through these.
 */
#ifndef TPROC_TYPES_DIE_H
#define TPROC_TYPES_DIE_H

#include "lib/types/debug.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* How deep entries are followed into each other. */
#define DIE_DEPTH_MAX 128

/*
 * The first child, and what comes after a child.  False at the end, and where it is unsound:
 *
 *	for (bool more = die_child(parent, &die); more; more = die_next(&die, &die))
 */
bool die_child(Dwarf_Die *die, Dwarf_Die *ret_child);
bool die_next(Dwarf_Die *die, Dwarf_Die *ret_next);

/*
 * Attributes of the entry itself, or of what it is a concrete instance or a definition
 * of.  False, and untouched results, when there is none of that kind.
 */
bool die_unsigned(Dwarf_Die *die, unsigned int name, uint64_t *ret_value);
bool die_signed(Dwarf_Die *die, unsigned int name, int64_t *ret_value);
bool die_flag(Dwarf_Die *die, unsigned int name);
bool die_reference(Dwarf_Die *die, unsigned int name, Dwarf_Die *ret_die);

/* Attributes of the entry alone. */
bool die_own_flag(Dwarf_Die *die, unsigned int name);

/* A string, which is the debugging information's; NULL when there is none.  Raw. */
const char *die_string(struct debug *debug, Dwarf_Die *die, unsigned int name);
const char *die_name(struct debug *debug, Dwarf_Die *die);

#endif
