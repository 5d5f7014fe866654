/*
 * location.h - where DWARF says that things are.
 */
#ifndef TPROC_TYPES_LOCATION_H
#define TPROC_TYPES_LOCATION_H

#include "lib/base/err.h"
#include "lib/read/mem.h"
#include "lib/types/index.h"

#include <elfutils/libdw.h>

/* Where a variable is for as long as its file is mapped. */
enum entry_place location_static(Dwarf_Die *variable, uint64_t *ret_addr);

/*
 * Where a member or a base class begins in an object at addr: a constant distance, or (of
 * virtual base classes) what an expression over the object's memory says.  mem may be NULL:
 * then such an expression is ERR_NOT_FOUND.
 */
int location_member(Dwarf_Die *member, struct mem *mem, uint64_t addr, uint64_t *ret_addr,
                    struct err *err);

#endif
