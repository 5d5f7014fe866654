/*
 * catalog.h - the debugging information of every module of every threadproc, by name.
 */
#ifndef TPROC_TYPES_CATALOG_H
#define TPROC_TYPES_CATALOG_H

#include "lib/base/err.h"
#include "lib/read/target.h"
#include "lib/types/debug.h"
#include "lib/types/index.h"
#include "lib/types/type.h"

struct catalog;

/* Something that a name means, and where. */
struct found {
	const struct reg_threadproc *tp;
	const struct reg_module *module;
	struct debug *debug;
	const struct index_entry *entry;
};

/* All are borrowed; the catalog serves as long as the target's snapshot does. */
int catalog_create(const struct target *target, struct debug_cache *cache,
                   struct catalog **ret_catalog, struct err *err);
void catalog_destroy(struct catalog *catalog);

const struct target *catalog_target(const struct catalog *catalog);

/* Types without a file: int and so on. */
struct type_store *catalog_builtin(struct catalog *catalog);

/* The type of C's name for a number ("unsigned long"), NULL when it is none or memory is short. */
const struct type *catalog_base_type(struct catalog *catalog, const char *name);

/* Of one module.  ERR_NOT_FOUND when it has none. */
int catalog_debug(struct catalog *catalog, const struct reg_module *module,
                  struct debug **ret_debug, struct err *err);

enum catalog_modules { CATALOG_PROGRAMS, CATALOG_ALL };

/* Called with each module that has debugging information.  What is not 0 ends the walk. */
typedef int catalog_visitor(void *context, const struct found *module, struct err *err);

/*
 * Visits the modules of tp, or with NULL those of all that live, each file once: programs
 * first, which are what one asks about.  Failures of single files are passed over.
 */
int catalog_each(struct catalog *catalog, const struct reg_threadproc *tp,
                 enum catalog_modules which, catalog_visitor *visit, void *context,
                 struct err *err);

/*
 * The definition of a type in tp's modules, or with NULL in anybody's.  A declaration is
 * taken when there is no definition.  tag: TYPE_STRUCT for "struct NAME" and "class NAME",
 * TYPE_UNION, TYPE_ENUM, or TYPE_VOID for any.  ERR_NOT_FOUND when nobody has it.
 */
int catalog_find_type(struct catalog *catalog, const struct reg_threadproc *tp, enum type_kind tag,
                      const char *name, struct found *ret_found, struct err *err);

/* A type that is only declared: its definition in the same file, in tp's, in anybody's; else
 * itself. */
const struct type *catalog_define(struct catalog *catalog, const struct reg_threadproc *tp,
                                  const struct type *type);

struct object_query {
	enum catalog_modules which;
	unsigned int kinds; /* ENTRY_ bits */
	const char
		*file; /* in units of that source file ("main.c", or with directories); NULL: any */
	const char *name;
};

/*
 * What has that name in tp's modules and a place or a value.  *ret_count is how many there are, of
 * which the first max are in found: those of the program come first, and of each module those
 * that every file can refer to.
 */
int catalog_find_objects(struct catalog *catalog, const struct reg_threadproc *tp,
                         const struct object_query *query, struct found *found, size_t max,
                         size_t *ret_count, struct err *err);

/* Whether a type is what "struct", "union" or "enum" before its name asks for (tag, as above). */
bool entry_has_tag(const struct index_entry *entry, enum type_kind tag);

/* The type of what was found; an enumerator's is its enum. */
int found_type(const struct found *found, const struct type **ret_type, struct err *err);

#endif
