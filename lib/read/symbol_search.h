/*
 * symbol_search.h - symbols by name.
 */
#ifndef TPROC_READ_SYMBOL_SEARCH_H
#define TPROC_READ_SYMBOL_SEARCH_H

#include "lib/base/err.h"
#include "lib/read/symbols.h"

struct symbol_pattern;

/*
 * "malloc" means that name, and "std::sort" every function of that name, whatever its arguments;
 * with '*', '?' or '[' it is a pattern as in a shell; "/^mem(cpy|set)/" is an extended regular
 * expression that has to match somewhere.  Compared with the name in source form, escaped, and
 * with the one in the file.  ERR_USAGE when the expression is none.
 */
int symbol_pattern_create(const char *word, struct symbol_pattern **ret_pattern, struct err *err);
void symbol_pattern_destroy(struct symbol_pattern *pattern);

/* Symbols of one file, ascending by address; thread-local ones come last. */
struct symbol_matches {
	uint32_t *list; /* indexes */
	uint32_t count;
};

/*
 * Which symbols match; the caller frees ret_matches->list.  stopped is asked now and then and may
 * be NULL; if it ever says true, what was found until then is returned.
 */
int symbol_search(const struct symbols *symbols, const struct symbol_pattern *pattern,
                  bool (*stopped)(void *context), void *context, struct symbol_matches *ret_matches,
                  struct err *err);

/* "func", "object", "tls", "ifunc", "label" (no type), or "other"; "global", "weak", "local". */
const char *symbol_type_name(const struct symbol *symbol);
const char *symbol_bind_name(const struct symbol *symbol);

#endif
