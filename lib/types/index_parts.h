/*
 * index_parts.h - what the files that make and search an index share.
 */
#ifndef TPROC_TYPES_INDEX_PARTS_H
#define TPROC_TYPES_INDEX_PARTS_H

#include "lib/types/arena.h"
#include "lib/types/index.h"

struct debug_index {
	struct arena arena;
	struct index_entry *entries; /* in the order they were met until they are sorted */
	size_t count;
	size_t room;
	uint64_t *hashes; /* of each entry's name, ascending with the entries */
	/* indexes of entries, ascending by address */
	size_t *variables;
	size_t variable_count;
	size_t *functions;
	size_t function_count;
	size_t *by_die; /* ascending by the DIE's place in memory */
	size_t die_count;
};

/* Sorts what has been gathered. */
int debug_index_sort(struct debug_index *index, struct err *err);

#endif
