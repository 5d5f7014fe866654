/*
 * index.h - what a file's debugging information says by name and by address.
 *
 * Made by walking every unit once: types, variables (those inside functions too, if they
 * have an address) and functions.
 */
#ifndef TPROC_TYPES_INDEX_H
#define TPROC_TYPES_INDEX_H

#include "lib/base/err.h"
#include "lib/types/debug.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum entry_kind {
	ENTRY_TYPE = 1,
	ENTRY_VARIABLE = 2,
	ENTRY_FUNCTION = 4,
	ENTRY_ENUMERATOR = 8, /* die is the enum; addr is the value */
};

/* What a name is in: a namespace, a class, a function. */
struct scope {
	const struct scope *outer; /* NULL: the file's own */
	const char *name;          /* "(anonymous namespace)", "(anonymous)" when it has none */
	bool transparent;          /* need not be written: anonymous and inline namespaces */
};

enum entry_place {
	PLACED_NOWHERE = 0,
	PLACED_AT,    /* addr is the file's own address */
	PLACED_TLS,   /* addr counts from the start of the file's thread-local storage */
	PLACED_CONST, /* the entry has DW_AT_const_value */
};

struct index_entry {
	enum entry_kind kind;
	enum entry_place place; /* variables; functions are PLACED_AT their entry point */
	bool declaration;       /* of a type that is defined elsewhere */
	const char *name;
	const struct scope *scope;
	uint64_t addr;
	uint64_t size; /* functions: up to what highpc says; variables: 0, ask the type */
	Dwarf_Die die;
};

/* progress may be NULL.  ERR_LIMIT when it gave up, or when there is more than can be right. */
int debug_index_create(struct debug *debug, debug_progress *progress, void *context,
                       struct debug_index **ret_index, struct err *err);
void debug_index_destroy(struct debug_index *index);

/*
 * Called with each entry found; exact: nothing is around what was named.  What is not 0 ends the
 * search and is returned.
 */
typedef int index_visitor(void *context, const struct index_entry *entry, bool exact);

/*
 * Visits the entries of these kinds (ENTRY_ bits) with that name: "name", or as much of
 * what it is in as is wanted, "outer::inner::name".  A leading "::" stands for the file's own
 * scope.  Exact ones come first.  Names are compared as name.h has it.
 */
int debug_index_find(const struct debug_index *index, unsigned int kinds, const char *name,
                     index_visitor *visit, void *context);

/* Visits all entries of these kinds. */
int debug_index_each(const struct debug_index *index, unsigned int kinds, index_visitor *visit,
                     void *context);

/* The entry of that DIE, NULL when it is not indexed. */
const struct index_entry *debug_index_of_die(const struct debug_index *index, const Dwarf_Die *die);

/* The variable or function that begins at or before an address and is closest; NULL: none. */
const struct index_entry *debug_index_at(const struct debug_index *index, enum entry_kind kind,
                                         uint64_t vaddr);

/* "outer::inner::name", cut to size, raw. */
void index_entry_name(const struct index_entry *entry, char *dst, size_t size);

/* The name of the source file that the entry's unit is made of; "" when not said.  Raw. */
const char *index_entry_file(struct debug *debug, const struct index_entry *entry);

/* How many entries there are. */
size_t debug_index_count(const struct debug_index *index);

#endif
