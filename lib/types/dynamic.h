/*
 * dynamic.h - what an object with virtual functions really is.
 */
#ifndef TPROC_TYPES_DYNAMIC_H
#define TPROC_TYPES_DYNAMIC_H

#include "lib/types/catalog.h"
#include "lib/types/value.h"

/* The whole object that this one is a base class of, by its virtual functions.  False: itself. */
bool dynamic_value(struct catalog *catalog, const struct value *value, struct value *ret_value);

#endif
