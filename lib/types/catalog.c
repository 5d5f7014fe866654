#include "lib/types/catalog.h"

#include "lib/types/die.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct catalog {
	const struct target *target;
	struct debug_cache *cache;
	struct type_store *builtin;
};

int catalog_create(const struct target *target, struct debug_cache *cache,
                   struct catalog **ret_catalog, struct err *err)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return err_os(err, ENOMEM, "catalog of types");
	catalog->target = target;
	catalog->cache = cache;
	if (type_store_create(NULL, &catalog->builtin, err)) {
		free(catalog);
		return -1;
	}
	*ret_catalog = catalog;
	return 0;
}

void catalog_destroy(struct catalog *catalog)
{
	if (!catalog)
		return;
	type_store_destroy(catalog->builtin);
	free(catalog);
}

const struct target *catalog_target(const struct catalog *catalog)
{
	return catalog->target;
}

struct type_store *catalog_builtin(struct catalog *catalog)
{
	return catalog->builtin;
}

const struct type *catalog_base_type(struct catalog *catalog, const char *name)
{
	static const struct {
		const char *name;
		enum type_kind kind;
		uint64_t size;
		bool is_signed;
	} types[] = {
		{"bool", TYPE_BOOL, 1, false},
		{"char", TYPE_CHAR, 1, true},
		{"signed char", TYPE_CHAR, 1, true},
		{"unsigned char", TYPE_CHAR, 1, false},
		{"wchar_t", TYPE_CHAR, 4, true},
		{"char8_t", TYPE_CHAR, 1, false},
		{"char16_t", TYPE_CHAR, 2, false},
		{"char32_t", TYPE_CHAR, 4, false},
		{"short", TYPE_INT, 2, true},
		{"unsigned short", TYPE_INT, 2, false},
		{"int", TYPE_INT, 4, true},
		{"unsigned int", TYPE_INT, 4, false},
		{"long", TYPE_INT, 8, true},
		{"unsigned long", TYPE_INT, 8, false},
		{"long long", TYPE_INT, 8, true},
		{"unsigned long long", TYPE_INT, 8, false},
		{"__int128", TYPE_INT, 16, true},
		{"unsigned __int128", TYPE_INT, 16, false},
		{"float", TYPE_FLOAT, 4, true},
		{"double", TYPE_FLOAT, 8, true},
		{"long double", TYPE_FLOAT, 16, true},
	};

	if (!strcmp(name, "void"))
		return type_store_void(catalog->builtin);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(types[i].name, name))
			return type_make_base(catalog->builtin, types[i].kind, types[i].name,
			                      types[i].size, types[i].is_signed);
	}
	return NULL;
}

/* ---- Modules ------------------------------------------------------------- */

int catalog_debug(struct catalog *catalog, const struct reg_module *module,
                  struct debug **ret_debug, struct err *err)
{
	const struct reg_image *image =
		snapshot_image(catalog->target->snapshot, module->abi.image);
	struct file_version version;

	if (!image || !image->path || image->path[0] != '/')
		return err_set(err, ERR_NOT_FOUND, "no file is known");
	version = file_version_of_image(image);
	return debug_cache_file(catalog->cache, image->path, &version, ret_debug, err);
}

/* Whether another module before this one is of the same file. */
struct seen {
	struct debug **list;
	size_t count;
	size_t room;
};

static int see(struct seen *seen, struct debug *debug, bool *ret_new, struct err *err)
{
	for (size_t i = 0; i < seen->count; i++) {
		if (seen->list[i] == debug) {
			*ret_new = false;
			return 0;
		}
	}
	if (seen->count == seen->room) {
		size_t room = seen->room ? seen->room * 2 : 16;
		struct debug **grown = reallocarray(seen->list, room, sizeof(*grown));

		if (!grown)
			return err_os(err, ENOMEM, "catalog of types");
		seen->list = grown;
		seen->room = room;
	}
	seen->list[seen->count++] = debug;
	*ret_new = true;
	return 0;
}

struct walk {
	struct catalog *catalog;
	struct seen seen;
	bool programs; /* only these, else only the others */
	catalog_visitor *visit;
	void *context;
};

static int visit_modules(struct walk *walk, const struct reg_threadproc *tp, struct err *err)
{
	for (size_t i = 0; i < tp->module_count; i++) {
		const struct reg_module *module = &tp->modules[i];
		struct found found = {.tp = tp, .module = module};
		struct err ignored;
		bool is_new = false;
		int ret;

		if ((module->abi.kind == TP_MODULE_PROGRAM) != walk->programs ||
		    catalog_debug(walk->catalog, module, &found.debug, &ignored))
			continue;
		if (see(&walk->seen, found.debug, &is_new, err))
			return -1;
		ret = is_new ? walk->visit(walk->context, &found, err) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

static int visit_all(struct walk *walk, const struct reg_threadproc *tp, struct err *err)
{
	const struct snapshot *s = walk->catalog->target->snapshot;
	int ret = 0;

	if (tp)
		return visit_modules(walk, tp, err);
	for (size_t i = 0; i < s->threadproc_count && !ret; i++) {
		if (reg_threadproc_lives(&s->threadprocs[i]))
			ret = visit_modules(walk, &s->threadprocs[i], err);
	}
	return ret;
}

int catalog_each(struct catalog *catalog, const struct reg_threadproc *tp,
                 enum catalog_modules which, catalog_visitor *visit, void *context, struct err *err)
{
	struct walk walk = {
		.catalog = catalog, .programs = true, .visit = visit, .context = context};
	int ret = visit_all(&walk, tp, err);

	walk.programs = false;
	if (!ret && which == CATALOG_ALL)
		ret = visit_all(&walk, tp, err);
	free(walk.seen.list);
	return ret;
}

/* ---- Types --------------------------------------------------------------- */

struct type_search {
	enum type_kind tag;
	const char *name;
	struct found module;
	struct found found; /* entry NULL: nothing yet */
};

bool entry_has_tag(const struct index_entry *entry, enum type_kind wanted)
{
	Dwarf_Die die = entry->die;
	int tag = dwarf_tag(&die);

	switch (wanted) {
	case TYPE_STRUCT:
	case TYPE_CLASS:
		return tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
	case TYPE_UNION:
		return tag == DW_TAG_union_type;
	case TYPE_ENUM:
		return tag == DW_TAG_enumeration_type;
	default:
		return true;
	}
}

/* 1 ends the search: a definition. */
static int take_type(void *context, const struct index_entry *entry, bool exact)
{
	struct type_search *search = context;

	if (!entry_has_tag(entry, search->tag) || (entry->declaration && search->found.entry))
		return 0;
	search->found = search->module;
	search->found.entry = entry;
	return !entry->declaration;
}

static int search_module(void *context, const struct found *module, struct err *err)
{
	struct type_search *search = context;
	struct debug_index *index;

	if (debug_get_index(module->debug, &index, err))
		return err->code == ERR_LIMIT ? -1 : 0;
	search->module = *module;
	return debug_index_find(index, ENTRY_TYPE, search->name, take_type, search);
}

int catalog_find_type(struct catalog *catalog, const struct reg_threadproc *tp, enum type_kind tag,
                      const char *name, struct found *ret_found, struct err *err)
{
	struct type_search search = {.tag = tag, .name = name};

	if (catalog_each(catalog, tp, CATALOG_ALL, search_module, &search, err) < 0)
		return -1;
	if (!search.found.entry)
		return err_set(err, ERR_NOT_FOUND, "no type is called %s", name);
	*ret_found = search.found;
	return 0;
}

const struct type *catalog_define(struct catalog *catalog, const struct reg_threadproc *tp,
                                  const struct type *type)
{
	struct debug *debug = type_store_debug(type->store);
	struct type_search search = {.tag = type->kind};
	char name[TYPE_NAME_SIZE];
	const struct type *defined;
	struct err err;

	if (!type->declaration || !type->name)
		return type;
	type_path(type, name, sizeof(name));
	search.name = name;
	search.module.debug = debug;
	if (debug && search_module(&search, &search.module, &err) != 1) {
		if (tp)
			catalog_each(catalog, tp, CATALOG_ALL, search_module, &search, &err);
		if (!search.found.entry || search.found.entry->declaration)
			catalog_each(catalog, NULL, CATALOG_ALL, search_module, &search, &err);
	}
	if (!search.found.entry || found_type(&search.found, &defined, &err))
		return type;
	return defined;
}

/* ---- Variables and functions --------------------------------------------- */

struct object_search {
	const struct object_query *query;
	struct found module;
	struct found *found;
	size_t max;
	size_t count;
	size_t first;   /* in found, of the module that is searched */
	size_t globals; /* of that module: they come first */
	bool has_exact; /* in that module */
};

static bool is_global(const struct found *found)
{
	Dwarf_Die die = found->entry->die;

	return die_flag(&die, DW_AT_external);
}

/* Whether a path ends in the wanted one, at a directory's border. */
static bool is_file(const char *path, const char *wanted)
{
	size_t path_len = strlen(path), len = strlen(wanted);

	if (len > path_len || strcmp(path + path_len - len, wanted) != 0)
		return false;
	return len == path_len || path[path_len - len - 1] == '/' || wanted[0] == '/';
}

static int take_object(void *context, const struct index_entry *entry, bool exact)
{
	struct object_search *search = context;
	struct found found = search->module;
	size_t at = search->count < search->max ? search->count : search->max;

	found.entry = entry;
	/* what is within something else counts only if there is nothing outside */
	if (entry->place == PLACED_NOWHERE || (!exact && search->has_exact) ||
	    (search->query->file &&
	     !is_file(index_entry_file(found.debug, entry), search->query->file)))
		return 0;
	for (size_t i = 0; i < at; i++) {
		if (search->found[i].entry->addr == entry->addr &&
		    search->found[i].entry->place == entry->place &&
		    search->found[i].debug == found.debug &&
		    (entry->place != PLACED_CONST || entry->kind == ENTRY_ENUMERATOR))
			return 0;
	}
	search->count++;
	search->has_exact |= exact;
	if (is_global(&found) && search->first + search->globals < search->max) {
		struct found *place = search->found + search->first + search->globals++;

		if (at == search->max)
			at--;
		memmove(place + 1, place, (size_t)(search->found + at - place) * sizeof(found));
		*place = found;
	} else if (at < search->max) {
		search->found[at] = found;
	}
	return 0;
}

static int search_objects(void *context, const struct found *module, struct err *err)
{
	struct object_search *search = context;
	struct debug_index *index;

	if (debug_get_index(module->debug, &index, err))
		return err->code == ERR_LIMIT ? -1 : 0;
	search->module = *module;
	search->first = search->count < search->max ? search->count : search->max;
	search->globals = 0;
	search->has_exact = false;
	return debug_index_find(index, search->query->kinds, search->query->name, take_object,
	                        search);
}

int catalog_find_objects(struct catalog *catalog, const struct reg_threadproc *tp,
                         const struct object_query *query, struct found *found, size_t max,
                         size_t *ret_count, struct err *err)
{
	struct object_search search = {.query = query, .found = found, .max = max};

	if (catalog_each(catalog, tp, query->which, search_objects, &search, err) < 0)
		return -1;
	*ret_count = search.count;
	return 0;
}

int found_type(const struct found *found, const struct type **ret_type, struct err *err)
{
	struct type_store *store;
	Dwarf_Die die = found->entry->die;

	if (debug_get_types(found->debug, &store, err))
		return -1;
	if (found->entry->kind == ENTRY_VARIABLE)
		return type_of_entry(store, &die, ret_type, err);
	return type_of_die(store, &die, ret_type, err);
}
