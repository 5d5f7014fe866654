/*
 * source.h - where in the source things are.
 */
#ifndef TPROC_TYPES_SOURCE_H
#define TPROC_TYPES_SOURCE_H

#include "lib/types/debug.h"
#include "lib/types/index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_place {
	const char *file; /* the debugging information's; raw */
	unsigned int line;
	unsigned int column; /* 0: not said */
};

/* One of the functions that an address is in: one that was inlined, or the one around all. */
struct source_frame {
	const char *function;      /* NULL: not said; raw */
	struct source_place place; /* where in it; file NULL: not known */
	bool is_inlined;
};

#define SOURCE_FRAMES_MAX 64

/* Where an entry is declared. */
bool source_declared(struct debug *debug, const struct index_entry *entry,
                     struct source_place *ret_place);

/*
 * The functions at an address of the file, the innermost first, and where in each.  Returns how
 * many there are; 0 when there is no debugging information for it.
 */
size_t source_at(struct debug *debug, uint64_t vaddr,
                 struct source_frame frames[SOURCE_FRAMES_MAX]);

#endif
