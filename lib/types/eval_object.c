/*
 * What names mean: variables, functions and enumerators.
 */
#include "lib/types/eval_parts.h"

#include "lib/read/component.h"
#include "lib/types/die.h"

#include <dwarf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CANDIDATES_MAX 8
#define OBJECTS (ENTRY_VARIABLE | ENTRY_FUNCTION | ENTRY_ENUMERATOR)

static int constant_value(const struct found *found, const struct type *type,
                          struct value *ret_value, struct err *err)
{
	Dwarf_Die die = found->entry->die;
	Dwarf_Attribute attr;
	Dwarf_Block block;
	uint64_t integer;
	int64_t number;

	if (die_unsigned(&die, DW_AT_const_value, &integer) ||
	    (die_signed(&die, DW_AT_const_value, &number) && (integer = (uint64_t)number, true))) {
		*ret_value = value_of_integer(type, integer);
		return 0;
	}
	if (!dwarf_attr(&die, DW_AT_const_value, &attr) || dwarf_formblock(&attr, &block) ||
	    block.length > VALUE_BYTES_MAX)
		return err_set(err, ERR_NOT_FOUND, "%s has no place in memory", found->entry->name);
	*ret_value = value_of_integer(type, 0);
	memcpy(ret_value->bytes, block.data, block.length);
	return 0;
}

/* A thread-local variable: in the block that the thread has for the variable's module. */
static int thread_value(const struct eval *eval, const struct found *found, const struct type *type,
                        struct value *ret_value, struct err *err)
{
	const struct tls_block *block = NULL;
	const struct tls *tls;
	size_t count = 0;

	if (component_tls(catalog_target(eval->catalog), found->tp, &tls, err))
		return -1;
	for (size_t i = 0; i < tls->count; i++) {
		const struct tls_block *at = &tls->list[i];

		if (at->module != found->module || (eval->tid && at->tid != eval->tid) ||
		    found->entry->addr >= at->hi - at->lo)
			continue;
		block = at;
		count++;
	}
	if (!count)
		return err_set(err, ERR_NOT_FOUND, "%s is thread-local, and %s has one",
		               found->entry->name, eval->tid ? "not every thread" : "no thread");
	if (count > 1) {
		if (eval->ret_threaded)
			*eval->ret_threaded = found->tp;
		return err_set(err, ERR_USAGE, "%s is thread-local: %zu threads have one each",
		               found->entry->name, count);
	}
	*ret_value = value_at(type, found->tp, block->lo + found->entry->addr);
	return 0;
}

static int object_value(const struct eval *eval, const struct found *found, struct value *ret_value,
                        struct err *err)
{
	const struct type *type;

	if (found_type(found, &type, err))
		return -1;
	if (found->entry->kind == ENTRY_ENUMERATOR) {
		*ret_value = value_of_integer(type, found->entry->addr);
		ret_value->tp = found->tp;
		return 0;
	}
	switch (found->entry->place) {
	case PLACED_AT:
		*ret_value =
			value_at(type, found->tp, found->module->abi.bias + found->entry->addr);
		return 0;
	case PLACED_CONST:
		if (constant_value(found, type, ret_value, err))
			return -1;
		ret_value->tp = found->tp;
		return 0;
	case PLACED_TLS:
		return thread_value(eval, found, type, ret_value, err);
	case PLACED_NOWHERE:
		break;
	}
	return err_set(err, ERR_NOT_FOUND, "%s has no place in memory", found->entry->name);
}

struct candidates {
	struct found list[CANDIDATES_MAX];
	size_t count; /* may be more than the list holds */
};

/* Those of all threadprocs: the best of each. */
static int gather(const struct eval *eval, const struct object_query *query,
                  struct candidates *candidates, struct err *err)
{
	const struct snapshot *s = catalog_target(eval->catalog)->snapshot;

	for (size_t i = 0; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];
		struct found found;
		size_t count = 0;

		if (!reg_threadproc_lives(tp))
			continue;
		if (catalog_find_objects(eval->catalog, tp, query, &found, 1, &count, err))
			return -1;
		if (count && candidates->count < CANDIDATES_MAX)
			candidates->list[candidates->count] = found;
		candidates->count += count ? 1 : 0;
	}
	return 0;
}

/* Enumerators of one file are the same for all that run it. */
static bool is_one(const struct candidates *candidates)
{
	for (size_t i = 1; i < candidates->count && i < CANDIDATES_MAX; i++) {
		if (candidates->list[i].entry->kind != ENTRY_ENUMERATOR ||
		    candidates->list[i].debug != candidates->list[0].debug)
			return false;
	}
	return candidates->count <= CANDIDATES_MAX;
}

static int ambiguous(const struct candidates *candidates, const char *name, struct err *err)
{
	char list[256];
	size_t used = 0;

	for (size_t i = 0; i < candidates->count && i < CANDIDATES_MAX; i++) {
		int len = snprintf(list + used, sizeof(list) - used, "%s%" PRIu32 "::%s",
		                   i ? ", " : "", candidates->list[i].tp->abi.id, name);

		if (len < 0 || (size_t)len >= sizeof(list) - used)
			break;
		used += (size_t)len;
	}
	return err_set(err, ERR_USAGE, "%zu threadprocs have a %s: %.*s%s", candidates->count, name,
	               (int)used, list, candidates->count > CANDIDATES_MAX ? " ..." : "");
}

static bool is_external(const struct found *found)
{
	Dwarf_Die die = found->entry->die;

	return die_flag(&die, DW_AT_external);
}

/* Several of one threadproc: what every file can refer to is meant, else a file has to be said. */
static int choose(const struct found *found, size_t count, const char *name, struct err *err)
{
	if (count < 2 || is_external(&found[0]) || found[0].module != found[1].module)
		return 0;
	return err_set(err, ERR_USAGE, "there are %zu of %s: '%s'::%s, '%s'::%s%s", count, name,
	               index_entry_file(found[0].debug, found[0].entry), name,
	               index_entry_file(found[1].debug, found[1].entry), name,
	               count > 2 ? " ..." : "");
}

static int find_in(const struct eval *eval, const struct reg_threadproc *tp,
                   const struct object_query *query, struct found *ret_found, bool *ret_is,
                   struct err *err)
{
	struct found found[2];
	size_t count = 0;

	*ret_is = false;
	if (catalog_find_objects(eval->catalog, tp, query, found, 2, &count, err))
		return -1;
	if (!count)
		return 0;
	if (choose(found, count, query->name, err))
		return -1;
	*ret_found = found[0];
	*ret_is = true;
	return 0;
}

/* Why a threadproc's program has no debugging information; false when it has. */
static bool lacks_debug(const struct eval *eval, const struct reg_threadproc *tp,
                        struct err *ret_why)
{
	struct debug *debug;

	for (size_t i = 0; i < tp->module_count; i++) {
		if (tp->modules[i].abi.kind == TP_MODULE_PROGRAM)
			return catalog_debug(eval->catalog, &tp->modules[i], &debug, ret_why);
	}
	return false;
}

static int not_found(const struct eval *eval, const struct reg_threadproc *tp, const char *name,
                     struct err *err)
{
	struct err why;

	if (lacks_debug(eval, tp, &why))
		return err_set(err, ERR_NOT_FOUND, "%s (%" PRIu32 "): %s", tp->abi.name, tp->abi.id,
		               why.text);
	return err_set(err, ERR_NOT_FOUND,
	               "nothing called %s is in the debugging information of %s", name,
	               tp->abi.name);
}

/* One program is told of, if it has none. */
static int found_nowhere(const struct eval *eval, const char *name, struct err *err)
{
	const struct snapshot *s = catalog_target(eval->catalog)->snapshot;

	for (size_t i = 0; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];
		struct err why;

		if (reg_threadproc_lives(tp) && lacks_debug(eval, tp, &why))
			return err_set(err, ERR_NOT_FOUND,
			               "nothing called %s is in anybody's debugging information; "
			               "%s (%" PRIu32 "): %s",
			               name, tp->abi.name, tp->abi.id, why.text);
	}
	return err_set(err, ERR_NOT_FOUND,
	               "nothing called %s is in anybody's debugging information", name);
}

/* In whoever has it; programs' names hide those within libraries. */
static int find_anywhere(const struct eval *eval, struct object_query *query,
                         struct value *ret_value, struct err *err)
{
	struct candidates candidates = {.count = 0};
	struct found found;
	bool is_found = false;

	query->which = CATALOG_PROGRAMS;
	if (gather(eval, query, &candidates, err))
		return -1;
	if (!candidates.count) {
		query->which = CATALOG_ALL;
		if (gather(eval, query, &candidates, err))
			return -1;
	}
	if (!candidates.count)
		return found_nowhere(eval, query->name, err);
	if (!is_one(&candidates))
		return ambiguous(&candidates, query->name, err);
	if (find_in(eval, candidates.list[0].tp, query, &found, &is_found, err))
		return -1;
	return object_value(eval, is_found ? &found : &candidates.list[0], ret_value, err);
}

int eval_name(const struct eval *eval, const struct expr_name *name, struct value *ret_value,
              struct err *err)
{
	struct object_query query = {CATALOG_ALL, OBJECTS, NULL, NULL};
	const struct reg_threadproc *tp;
	struct meaning meaning;
	struct found found;
	bool is_found = false;

	if (eval_take_apart(eval, name, &meaning, err))
		return -1;
	query.file = meaning.file;
	query.name = meaning.path;
	tp = meaning.tp ? meaning.tp : eval->tp;
	if (tp && find_in(eval, tp, &query, &found, &is_found, err))
		return -1;
	if (is_found)
		return object_value(eval, &found, ret_value, err);
	if (meaning.tp)
		return not_found(eval, meaning.tp, meaning.path, err);
	return find_anywhere(eval, &query, ret_value, err);
}

int eval_named_pointer(const struct eval *eval, const char *name, struct value *ret_value,
                       struct err *err)
{
	const struct snapshot *s = catalog_target(eval->catalog)->snapshot;
	const struct type *pointer;

	for (size_t i = 0; i < s->name_count; i++) {
		if (strcmp(s->names[i].abi.name, name) != 0)
			continue;
		pointer = type_make_pointer(type_store_void(catalog_builtin(eval->catalog)),
		                            TYPE_POINTER);
		if (!pointer)
			return err_os(err, ENOMEM, "pointer");
		*ret_value = value_of_integer(pointer, s->names[i].abi.addr);
		ret_value->tp = eval_owner(eval, s->names[i].abi.addr);
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "no pointer is named %s", name);
}
