/*
 * locate.h - what debugging information says of an address: source lines, variables.
 */
#ifndef TPROC_TYPES_LOCATE_H
#define TPROC_TYPES_LOCATE_H

#include "lib/read/identify.h"
#include "lib/types/catalog.h"

/*
 * Adds to what identify() found: source lines of code, and which part of which variable data is.
 * Where there is no debugging information, nothing.
 */
void locate(struct catalog *catalog, struct identity *id);

/*
 * "table[3].name+2": what lies `offset` bytes into a variable of that name and type.  Cut to
 * size, raw.  False when the offset is outside of it.
 */
bool locate_part(struct catalog *catalog, const struct reg_threadproc *tp, const char *name,
                 const struct type *type, uint64_t offset, char *dst, size_t size);

#endif
