/*
 * One walk over every unit.  It descends into what can hold names that have a place or are
 * types: namespaces, classes, functions and their blocks.
 */
#include "lib/types/die.h"
#include "lib/types/index_parts.h"
#include "lib/types/location.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>
#include <uthash.h>

#define ENTRIES_MAX (UINT64_C(1) << 26)
#define ANONYMOUS "(anonymous)"
#define ANONYMOUS_NAMESPACE "(anonymous namespace)"

/* Where a declaration stands, for the definition that refers to it. */
struct declared {
	const void *addr;
	const struct scope *scope;
	UT_hash_handle hh;
};

/* What is defined before its declaration was met: to be settled at the end of the unit. */
struct pending {
	struct pending *next;
	const void *origin;
	struct scope *scope; /* whose outer is to be set; NULL: the entry's scope is */
	size_t entry;
};

struct level {
	Dwarf_Die die;
	const struct scope *scope; /* that die is in */
};

struct walk {
	struct debug *debug;
	struct debug_index *index;
	struct declared *declared; /* of the unit being walked */
	struct pending *pending;   /* likewise */
	struct arena scratch;
	struct level levels[DIE_DEPTH_MAX];
	size_t depth;
	struct err *err;
};

static int no_memory(struct walk *w)
{
	return err_os(w->err, ENOMEM, "index of debugging information");
}

/* ---- Entries ------------------------------------------------------------- */

static int add_entry(struct walk *w, const struct index_entry *entry)
{
	struct debug_index *index = w->index;

	if (index->count == index->room) {
		size_t room = index->room ? index->room * 2 : 1024;
		struct index_entry *grown;

		grown = room > ENTRIES_MAX ? NULL
		                           : reallocarray(index->entries, room, sizeof(*grown));
		if (!grown)
			return no_memory(w);
		index->entries = grown;
		index->room = room;
	}
	index->entries[index->count++] = *entry;
	return 0;
}

static int add_declared(struct walk *w, const Dwarf_Die *die, const struct scope *scope)
{
	struct declared *declared = arena_alloc(&w->scratch, sizeof(*declared));

	if (!declared)
		return no_memory(w);
	declared->addr = die->addr;
	declared->scope = scope;
	HASH_ADD_PTR(w->declared, addr, declared);
	return 0;
}

static const struct declared *find_declared(struct walk *w, const void *addr)
{
	struct declared *declared;

	HASH_FIND_PTR(w->declared, &addr, declared);
	return declared;
}

/*
 * What the name of a definition is in: what its declaration is in.  When that is still to come,
 * *ret_origin is where it will be.
 */
static const struct scope *scope_of(struct walk *w, Dwarf_Die *die, const struct scope *scope,
                                    const void **ret_origin)
{
	const struct declared *declared;
	Dwarf_Attribute attr;
	Dwarf_Die origin;

	*ret_origin = NULL;
	if (!dwarf_attr(die, DW_AT_specification, &attr) || !dwarf_formref_die(&attr, &origin))
		return scope;
	declared = find_declared(w, origin.addr);
	if (declared)
		return declared->scope;
	*ret_origin = origin.addr;
	return scope;
}

static int add_pending(struct walk *w, const void *origin, struct scope *scope, size_t entry)
{
	struct pending *pending;

	if (!origin)
		return 0;
	pending = arena_alloc(&w->scratch, sizeof(*pending));
	if (!pending)
		return no_memory(w);
	*pending = (struct pending){w->pending, origin, scope, entry};
	w->pending = pending;
	return 0;
}

static void settle(struct walk *w)
{
	for (struct pending *p = w->pending; p; p = p->next) {
		const struct declared *declared = find_declared(w, p->origin);

		if (!declared)
			continue;
		if (!p->scope)
			w->index->entries[p->entry].scope = declared->scope;
		else if (declared->scope != p->scope)
			p->scope->outer = declared->scope;
	}
	w->pending = NULL;
}

/* With the scope that its name is in. */
static int add_scoped(struct walk *w, struct index_entry *entry, const struct scope *scope)
{
	const void *origin;

	entry->scope = scope_of(w, &entry->die, scope, &origin);
	return add_entry(w, entry) || add_pending(w, origin, NULL, w->index->count - 1) ? -1 : 0;
}

static int take_enumerators(struct walk *w, Dwarf_Die *die, const struct scope *scope)
{
	Dwarf_Die child;

	for (bool more = die_child(die, &child); more; more = die_next(&child, &child)) {
		struct index_entry entry = {
			.kind = ENTRY_ENUMERATOR,
			.place = PLACED_CONST,
			.name = die_name(w->debug, &child),
			.scope = scope,
			.die = *die,
		};
		int64_t value;

		if (dwarf_tag(&child) != DW_TAG_enumerator || !entry.name ||
		    !die_signed(&child, DW_AT_const_value, &value))
			continue;
		entry.addr = (uint64_t)value;
		if (add_entry(w, &entry))
			return -1;
	}
	return 0;
}

static int take_variable(struct walk *w, Dwarf_Die *die, const struct scope *scope, bool local)
{
	struct index_entry entry = {.kind = ENTRY_VARIABLE, .die = *die};

	entry.place = location_static(die, &entry.addr);
	if (die_own_flag(die, DW_AT_declaration)) {
		if (add_declared(w, die, scope))
			return -1;
		if (entry.place == PLACED_NOWHERE)
			return 0;
	}
	if (local && entry.place != PLACED_AT && entry.place != PLACED_TLS)
		return 0;
	entry.name = die_name(w->debug, die);
	if (!entry.name)
		return 0;
	return add_scoped(w, &entry, scope);
}

static int take_function(struct walk *w, Dwarf_Die *die, const struct scope *scope)
{
	struct index_entry entry = {
		.kind = ENTRY_FUNCTION,
		.place = PLACED_AT,
		.die = *die,
	};
	Dwarf_Addr lo, hi;

	/* most of these are declarations, abstract instances, or were inlined everywhere */
	if (dwarf_lowpc(die, &lo))
		return dwarf_hasattr(die, DW_AT_declaration) ? add_declared(w, die, scope) : 0;
	entry.name = die_name(w->debug, die);
	if (!entry.name)
		return 0;
	entry.addr = lo;
	if (!dwarf_highpc(die, &hi) && hi > lo)
		entry.size = hi - lo;
	return add_scoped(w, &entry, scope);
}

/* ---- Descent ------------------------------------------------------------- */

static bool is_type(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_typedef:
	case DW_TAG_base_type:
	case DW_TAG_template_alias:
		return true;
	default:
		return false;
	}
}

static bool has_inner_names(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		return true;
	default:
		return false;
	}
}

/* The scope that the children of die are in; NULL with failed set when memory is short. */
static const struct scope *inner_scope(struct walk *w, Dwarf_Die *die, int tag,
                                       const struct scope *scope, bool *ret_failed)
{
	const char *name = die_name(w->debug, die);
	const void *origin;
	struct scope *inner;

	if (tag == DW_TAG_lexical_block)
		return scope;
	inner = arena_alloc(&w->index->arena, sizeof(*inner));
	if (!inner) {
		*ret_failed = true;
		return NULL;
	}
	inner->outer = scope_of(w, die, scope, &origin);
	if (add_pending(w, origin, inner, 0)) {
		*ret_failed = true;
		return NULL;
	}
	inner->transparent =
		tag == DW_TAG_namespace && (!name || die_own_flag(die, DW_AT_export_symbols));
	inner->name = name ? name : tag == DW_TAG_namespace ? ANONYMOUS_NAMESPACE : ANONYMOUS;
	return inner;
}

static int take_type(struct walk *w, Dwarf_Die *die, int tag, const struct scope *scope)
{
	struct index_entry entry = {
		.kind = ENTRY_TYPE,
		.name = die_name(w->debug, die),
		.scope = scope,
		.die = *die,
	};
	bool failed = false;

	entry.declaration = die_own_flag(die, DW_AT_declaration);
	if (entry.declaration && add_declared(w, die, scope))
		return -1;
	if (entry.name && add_scoped(w, &entry, scope))
		return -1;
	if (tag != DW_TAG_enumeration_type)
		return 0;
	if (die_own_flag(die, DW_AT_enum_class))
		scope = inner_scope(w, die, tag, scope, &failed);
	return failed ? no_memory(w) : take_enumerators(w, die, scope);
}

static bool within_function(const struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++) {
		Dwarf_Die die = w->levels[i].die;

		if (dwarf_tag(&die) == DW_TAG_subprogram)
			return true;
	}
	return false;
}

static int take(struct walk *w, Dwarf_Die *die, int tag, const struct scope *scope)
{
	if (is_type(tag))
		return take_type(w, die, tag, scope);
	if (tag == DW_TAG_variable || (tag == DW_TAG_member && dwarf_hasattr(die, DW_AT_external)))
		return take_variable(w, die, scope, within_function(w));
	if (tag == DW_TAG_subprogram)
		return take_function(w, die, scope);
	return 0;
}

/* One step of the walk: below the top of the levels, else beside it, else further up. */
static int advance(struct walk *w, bool *ret_more)
{
	struct level *top = &w->levels[w->depth - 1];
	int tag = dwarf_tag(&top->die);
	Dwarf_Die next;

	if (has_inner_names(tag) && w->depth < DIE_DEPTH_MAX && die_child(&top->die, &next)) {
		bool failed = false;
		const struct scope *inner = inner_scope(w, &top->die, tag, top->scope, &failed);

		if (failed)
			return no_memory(w);
		w->levels[w->depth++] = (struct level){next, inner};
		*ret_more = true;
		return 0;
	}
	for (; w->depth; w->depth--) {
		top = &w->levels[w->depth - 1];
		if (die_next(&top->die, &top->die)) {
			*ret_more = true;
			return 0;
		}
	}
	*ret_more = false;
	return 0;
}

static int walk_unit(struct walk *w, Dwarf_Die *unit)
{
	Dwarf_Die first;
	bool more = die_child(unit, &first);
	int ret = 0;

	w->levels[0] = (struct level){first, NULL};
	w->depth = 1;
	while (more && !ret) {
		struct level *top = &w->levels[w->depth - 1];

		ret = take(w, &top->die, dwarf_tag(&top->die), top->scope);
		if (!ret)
			ret = advance(w, &more);
	}
	settle(w);
	HASH_CLEAR(hh, w->declared);
	arena_deinit(&w->scratch);
	return ret;
}

/* ---- Units --------------------------------------------------------------- */

/* Units of one file; skeletons lead to units elsewhere. */
static int walk_units(struct walk *w, Dwarf *dwarf, debug_progress *progress, void *context)
{
	size_t total = debug_bytes_from(w->debug, dwarf, NULL);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, split;
	uint8_t type;

	while (!dwarf_get_units(dwarf, cu, &cu, NULL, &type, &unit, &split)) {
		Dwarf_Die *whole = type == DW_UT_skeleton && split.addr ? &split : &unit;

		if (walk_unit(w, whole))
			return -1;
		if (progress && progress(context, dwarf_dieoffset(&unit), total))
			return err_set(w->err, ERR_LIMIT, "interrupted");
	}
	return 0;
}

int debug_index_create(struct debug *debug, debug_progress *progress, void *context,
                       struct debug_index **ret_index, struct err *err)
{
	struct walk w = {.debug = debug, .err = err};
	Dwarf *dwarf = debug_dwarf(debug);
	Dwarf *alt = dwarf_getalt(dwarf);

	w.index = calloc(1, sizeof(*w.index));
	if (!w.index)
		return no_memory(&w);
	if (walk_units(&w, dwarf, progress, context) ||
	    (alt && walk_units(&w, alt, progress, context)) || debug_index_sort(w.index, err)) {
		debug_index_destroy(w.index);
		return -1;
	}
	*ret_index = w.index;
	return 0;
}
