#include "lib/types/index_parts.h"

#include "lib/base/cleanup.h"
#include "lib/types/die.h"
#include "lib/types/name.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many scopes a name is made of. */
#define SCOPES_MAX DIE_DEPTH_MAX

/* ---- Names --------------------------------------------------------------- */

/* The closest scope of that name, with nothing but transparent ones before it. */
static const struct scope *closest(const struct scope *scope, const char *name, size_t len)
{
	for (; scope; scope = scope->outer) {
		if (names_equal(scope->name, strlen(scope->name), name, len))
			return scope;
		if (!scope->transparent)
			return NULL;
	}
	return NULL;
}

static const struct scope *skip_transparent(const struct scope *scope)
{
	while (scope && scope->transparent)
		scope = scope->outer;
	return scope;
}

/* Whether what an entry is in fits "outer::inner"; rooted: and nothing is around that. */
static bool scopes_fit(const struct scope *scope, const char *path, size_t len, bool rooted)
{
	while (len) {
		size_t begin = name_last_part(path, len);

		scope = closest(scope, path + begin, len - begin);
		if (!scope)
			return false;
		scope = scope->outer;
		len = begin >= 2 ? begin - 2 : 0;
	}
	return !rooted || !skip_transparent(scope);
}

void index_entry_name(const struct index_entry *entry, char *dst, size_t size)
{
	const struct scope *chain[SCOPES_MAX];
	size_t depth = 0, used = 0;

	if (!size)
		return;
	for (const struct scope *s = entry->scope; s && depth < SCOPES_MAX; s = s->outer)
		chain[depth++] = s;
	dst[0] = '\0';
	while (depth && used < size) {
		const struct scope *s = chain[--depth];

		used += (size_t)snprintf(dst + used, size - used, "%s::", s->name);
	}
	if (used < size)
		snprintf(dst + used, size - used, "%s", entry->name);
}

const char *index_entry_file(struct debug *debug, const struct index_entry *entry)
{
	Dwarf_Die die = entry->die, unit;
	const char *name = NULL;

	if (dwarf_diecu(&die, &unit, NULL, NULL))
		name = die_name(debug, &unit);
	return name ? name : "";
}

/* ---- Sorting ------------------------------------------------------------- */

struct key {
	uint64_t key;
	size_t at;
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static uint64_t hash_of(const struct index_entry *entry)
{
	return name_hash(entry->name, strlen(entry->name));
}

/* Puts the entries into the order of their hashes. */
static int sort_by_name(struct debug_index *index, struct key *keys)
{
	struct index_entry *sorted;

	for (size_t i = 0; i < index->count; i++)
		keys[i] = (struct key){hash_of(&index->entries[i]), i};
	qsort(keys, index->count, sizeof(*keys), by_key);
	index->hashes = arena_array(&index->arena, index->count, sizeof(*index->hashes));
	sorted = calloc(index->count, sizeof(*sorted));
	if (!index->hashes || !sorted) {
		free(sorted);
		return -1;
	}
	for (size_t i = 0; i < index->count; i++) {
		sorted[i] = index->entries[keys[i].at];
		index->hashes[i] = keys[i].key;
	}
	free(index->entries);
	index->entries = sorted;
	index->room = index->count;
	return 0;
}

static int keep_order(struct debug_index *index, struct key *keys, size_t count, size_t **ret_order)
{
	size_t *order = arena_array(&index->arena, count, sizeof(*order));

	if (!order)
		return -1;
	qsort(keys, count, sizeof(*keys), by_key);
	for (size_t i = 0; i < count; i++)
		order[i] = keys[i].at;
	*ret_order = order;
	return 0;
}

static int sort_placed(struct debug_index *index, enum entry_kind kind, struct key *keys,
                       size_t **ret_order, size_t *ret_count)
{
	size_t count = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct index_entry *entry = &index->entries[i];

		if (entry->kind == kind && entry->place == PLACED_AT)
			keys[count++] = (struct key){entry->addr, i};
	}
	*ret_count = count;
	return keep_order(index, keys, count, ret_order);
}

static int sort_by_die(struct debug_index *index, struct key *keys)
{
	size_t count = 0;

	for (size_t i = 0; i < index->count; i++) {
		if (index->entries[i].kind != ENTRY_ENUMERATOR)
			keys[count++] = (struct key){(uintptr_t)index->entries[i].die.addr, i};
	}
	index->die_count = count;
	return keep_order(index, keys, count, &index->by_die);
}

int debug_index_sort(struct debug_index *index, struct err *err)
{
	AUTO_FREE struct key *keys = calloc(index->count + 1, sizeof(*keys));

	if (!keys || sort_by_name(index, keys) ||
	    sort_placed(index, ENTRY_VARIABLE, keys, &index->variables, &index->variable_count) ||
	    sort_placed(index, ENTRY_FUNCTION, keys, &index->functions, &index->function_count) ||
	    sort_by_die(index, keys))
		return err_os(err, ENOMEM, "index of debugging information");
	return 0;
}

void debug_index_destroy(struct debug_index *index)
{
	if (!index)
		return;
	free(index->entries);
	arena_deinit(&index->arena);
	free(index);
}

/* ---- Search -------------------------------------------------------------- */

static size_t first_of_hash(const struct debug_index *index, uint64_t hash)
{
	size_t lo = 0, hi = index->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (index->hashes[mid] < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A name taken apart. */
struct wanted {
	const char *path; /* what it is in */
	size_t path_len;
	const char *name;
	size_t name_len;
	bool is_template; /* arguments may be left out */
};

static bool is_named(const struct index_entry *entry, const struct wanted *wanted)
{
	size_t len = strlen(entry->name), until = strcspn(entry->name, "<");

	if (!wanted->is_template)
		return names_equal(entry->name, len, wanted->name, wanted->name_len);
	return until < len && until < wanted->name_len &&
	       !strncmp(entry->name, wanted->name, until + 1) &&
	       names_fit(wanted->name, wanted->name_len, entry->name, len);
}

/* exact: and nothing is around it; else: something is. */
static bool is_meant(const struct index_entry *entry, unsigned int kinds,
                     const struct wanted *wanted, bool exact)
{
	return (entry->kind & kinds) && is_named(entry, wanted) &&
	       scopes_fit(entry->scope, wanted->path, wanted->path_len, true) == exact &&
	       (exact || scopes_fit(entry->scope, wanted->path, wanted->path_len, false));
}

int debug_index_find(const struct debug_index *index, unsigned int kinds, const char *name,
                     index_visitor *visit, void *context)
{
	size_t len = strlen(name), begin;
	bool rooted = !strncmp(name, "::", 2);
	struct wanted wanted;
	uint64_t hash;
	int ret = 0;

	if (rooted) {
		name += 2;
		len -= 2;
	}
	begin = name_last_part(name, len);
	wanted = (struct wanted){
		.path = name,
		.path_len = begin >= 2 ? begin - 2 : 0,
		.name = name + begin,
		.name_len = len - begin,
	};
	hash = name_hash(name + begin, len - begin);
	for (size_t i = first_of_hash(index, hash);
	     i < index->count && index->hashes[i] == hash && !ret; i++) {
		if (is_meant(&index->entries[i], kinds, &wanted, true))
			ret = visit(context, &index->entries[i], true);
	}
	for (size_t i = first_of_hash(index, hash);
	     !rooted && i < index->count && index->hashes[i] == hash && !ret; i++) {
		if (is_meant(&index->entries[i], kinds, &wanted, false))
			ret = visit(context, &index->entries[i], false);
	}
	/* template arguments that have defaults may be left out: looked for one by one */
	wanted.is_template = len && name[len - 1] == '>';
	for (size_t i = 0; wanted.is_template && i < index->count && !ret; i++) {
		if (index->hashes[i] != hash &&
		    (is_meant(&index->entries[i], kinds, &wanted, true) ||
		     (!rooted && is_meant(&index->entries[i], kinds, &wanted, false))))
			ret = visit(context, &index->entries[i], false);
	}
	return ret;
}

int debug_index_each(const struct debug_index *index, unsigned int kinds, index_visitor *visit,
                     void *context)
{
	int ret = 0;

	for (size_t i = 0; i < index->count && !ret; i++) {
		if (index->entries[i].kind & kinds)
			ret = visit(context, &index->entries[i], true);
	}
	return ret;
}

size_t debug_index_count(const struct debug_index *index)
{
	return index->count;
}

const struct index_entry *debug_index_of_die(const struct debug_index *index, const Dwarf_Die *die)
{
	size_t lo = 0, hi = index->die_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct index_entry *entry = &index->entries[index->by_die[mid]];

		if (entry->die.addr == die->addr)
			return entry;
		if ((uintptr_t)entry->die.addr < (uintptr_t)die->addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct index_entry *debug_index_at(const struct debug_index *index, enum entry_kind kind,
                                         uint64_t vaddr)
{
	const size_t *order = kind == ENTRY_FUNCTION ? index->functions : index->variables;
	size_t lo = 0;
	size_t hi = kind == ENTRY_FUNCTION ? index->function_count : index->variable_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (index->entries[order[mid]].addr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &index->entries[order[lo - 1]] : NULL;
}
