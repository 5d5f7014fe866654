/*
 * What names mean: threadprocs and types.
 */
#include "lib/types/eval_parts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct reg_threadproc *eval_owner(const struct eval *eval, uint64_t addr)
{
	struct owner owner = registry_owner(catalog_target(eval->catalog)->snapshot, addr);

	return owner.kind == OWNER_LIVE ? owner.tp : NULL;
}

int eval_base(const struct eval *eval, const char *name, const struct type **ret_type,
              struct err *err)
{
	*ret_type = catalog_base_type(eval->catalog, name);
	return *ret_type ? 0 : err_os(err, ENOMEM, "type %s", name);
}

/* ---- Threadprocs --------------------------------------------------------- */

static bool is_number(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
	}
	return len;
}

static bool is_meant(const struct reg_threadproc *tp, const char *word, size_t len)
{
	char id[16];

	if (!reg_threadproc_lives(tp))
		return false;
	if (!is_number(word, len))
		return strlen(tp->abi.name) == len && !strncmp(tp->abi.name, word, len);
	snprintf(id, sizeof(id), "%" PRIu32, tp->abi.id);
	return strlen(id) == len && !strncmp(id, word, len);
}

/* The living threadproc of that id or name: *ret_tp stays NULL when there is none. */
static int find_threadproc(const struct eval *eval, const char *word, size_t len,
                           const struct reg_threadproc **ret_tp, struct err *err)
{
	const struct snapshot *s = catalog_target(eval->catalog)->snapshot;
	const struct reg_threadproc *found = NULL;

	for (size_t i = 0; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];

		if (!is_meant(tp, word, len))
			continue;
		if (found)
			return err_set(err, ERR_USAGE,
			               "several threadprocs are called %.*s: say %" PRIu32
			               ":: or %" PRIu32 "::, by their ids",
			               (int)len, word, found->abi.id, tp->abi.id);
		found = tp;
	}
	*ret_tp = found;
	return 0;
}

int eval_take_apart(const struct eval *eval, const struct expr_name *name,
                    struct meaning *ret_meaning, struct err *err)
{
	struct meaning meaning = {.path = name->path};
	const char *scope = strstr(name->path, "::");
	size_t len = scope ? (size_t)(scope - name->path) : 0;

	if (name->quoted) {
		if (find_threadproc(eval, name->quoted, strlen(name->quoted), &meaning.tp, err))
			return -1;
		if (!meaning.tp)
			meaning.file = name->quoted;
	}
	/* 2::'main.c'::x is not to be had: a file's name tells enough */
	if (!meaning.tp && len) {
		if (find_threadproc(eval, name->path, len, &meaning.tp, err))
			return -1;
		if (meaning.tp)
			meaning.path = scope + 2;
		else if (is_number(name->path, len))
			return err_set(err, ERR_NOT_FOUND, "no threadproc has id %.*s", (int)len,
			               name->path);
	}
	*ret_meaning = meaning;
	return 0;
}

/* ---- Types --------------------------------------------------------------- */

static int find_named_type(const struct eval *eval, const struct expr_type *type,
                           const struct reg_threadproc *hint, struct found *ret_found,
                           struct err *err)
{
	const struct reg_threadproc *first;
	struct meaning meaning;
	struct err ignored;

	if (eval_take_apart(eval, &type->name, &meaning, err))
		return -1;
	if (meaning.tp)
		return catalog_find_type(eval->catalog, meaning.tp, type->tag, meaning.path,
		                         ret_found, err);
	first = hint ? hint : eval->tp;
	if (first &&
	    !catalog_find_type(eval->catalog, first, type->tag, meaning.path, ret_found,
	                       &ignored) &&
	    !ret_found->entry->declaration)
		return 0;
	return catalog_find_type(eval->catalog, NULL, type->tag, meaning.path, ret_found, err);
}

static const struct type *derive(const struct type *type, enum type_kind kind,
                                 unsigned int qualifiers, uint64_t count)
{
	type = kind == TYPE_ARRAY ? type_make_array(type, count) : type_make_pointer(type, kind);
	return type && qualifiers ? type_make_qualified(type, qualifiers) : type;
}

int eval_type(const struct eval *eval, const struct expr_type *type,
              const struct reg_threadproc *hint, const struct type **ret_type,
              const struct reg_threadproc **ret_tp, struct err *err)
{
	const struct type *made = NULL;
	const struct reg_threadproc *tp = hint;
	struct found found;

	if (type->is_base) {
		if (eval_base(eval, type->name.path, &made, err))
			return -1;
	} else {
		if (find_named_type(eval, type, hint, &found, err) ||
		    found_type(&found, &made, err))
			return -1;
		tp = found.tp;
	}
	if (type->qualifiers)
		made = type_make_qualified(made, type->qualifiers);
	for (size_t i = 0; i < type->derived_count && made; i++)
		made = derive(made, type->derived[i].kind, type->derived[i].qualifiers,
		              type->derived[i].count);
	if (!made)
		return err_os(err, ENOMEM, "type");
	*ret_type = made;
	*ret_tp = tp;
	return 0;
}

/* Whether a program has a variable of that name, which then is what is meant. */
static bool is_variable(const struct eval *eval, const struct meaning *meaning)
{
	struct object_query query = {CATALOG_PROGRAMS, ENTRY_VARIABLE, meaning->file,
	                             meaning->path};
	struct found found;
	size_t count = 0;
	struct err err;

	return !catalog_find_objects(eval->catalog, meaning->tp ? meaning->tp : eval->tp, &query,
	                             &found, 1, &count, &err) &&
	       count;
}

bool eval_name_is_type(void *context, enum type_kind tag, const struct expr_name *name)
{
	const struct eval *eval = context;
	struct expr_type type = {.tag = tag, .name = *name};
	struct meaning meaning;
	struct found found;
	struct err err;

	return !eval_take_apart(eval, name, &meaning, &err) && !is_variable(eval, &meaning) &&
	       !find_named_type(eval, &type, NULL, &found, &err);
}
