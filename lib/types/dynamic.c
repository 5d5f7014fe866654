/*
 * What an object with virtual functions really is.  Its first word leads to the table of its
 * class, which has a symbol ("vtable for Circle") in the module that the class is of: that may
 * be another threadproc's.  The word before the table's functions but one says how far into the
 * whole object this part of it lies.
 */
#include "lib/types/dynamic.h"

#include "lib/read/identify.h"

#include <string.h>

#define VTABLE "vtable for "
/* How deep base classes are searched for the pointer to virtual functions. */
#define DEPTH_MAX 16

/* The address of the pointer to virtual functions. */
static bool find_pointer(struct catalog *catalog, const struct value *value, int depth,
                         uint64_t *ret_addr)
{
	const struct type *type = catalog_define(catalog, value->tp, type_strip(value->type));
	const struct type_parts *parts = type_get_parts(type);
	struct value part;
	struct err err;

	if (!type_is_record(type) || depth > DEPTH_MAX)
		return false;
	for (size_t i = 0; i < parts->member_count; i++) {
		const struct member *member = &parts->members[i];
		bool is_pointer =
			member->is_artificial && member->name && !strncmp(member->name, "_vptr", 5);

		if ((!is_pointer && !member->is_base) || member->is_virtual ||
		    value_member(catalog, value, member, &part, &err))
			continue;
		if (is_pointer) {
			*ret_addr = part.addr;
			return true;
		}
		if (find_pointer(catalog, &part, depth + 1, ret_addr))
			return true;
	}
	return false;
}

/* The class that a table belongs to. */
static bool class_of_table(struct catalog *catalog, uint64_t table, const struct type **ret_type,
                           const struct reg_threadproc **ret_tp)
{
	struct identity id;
	struct found found;
	struct err err;

	identify(catalog_target(catalog), table, &id);
	if (!id.symbol.name || strncmp(id.symbol_name, VTABLE, strlen(VTABLE)) != 0 || !id.owner.tp)
		return false;
	if (catalog_find_type(catalog, id.owner.tp, TYPE_VOID, id.symbol_name + strlen(VTABLE),
	                      &found, &err) ||
	    found_type(&found, ret_type, &err) || !type_is_record(*ret_type))
		return false;
	*ret_tp = id.owner.tp;
	return true;
}

bool dynamic_value(struct catalog *catalog, const struct value *value, struct value *ret_value)
{
	struct mem *mem = catalog_target(catalog)->mem;
	const struct reg_threadproc *tp;
	const struct type *type;
	uint64_t pointer, table, size, part;
	int64_t to_top;
	struct err err;

	if (!value->in_memory || !mem || !find_pointer(catalog, value, 0, &pointer) ||
	    mem_read(mem, pointer, &table, sizeof(table), &err) || table < 16 ||
	    !class_of_table(catalog, table, &type, &tp) || type_is_same(type, value->type))
		return false;
	/* it has to be this part's own place within the whole */
	if (mem_read(mem, table - 16, &to_top, sizeof(to_top), &err) || to_top > 0 ||
	    !type_size(type, &size) || (uint64_t)-to_top >= size)
		return false;
	*ret_value = value_at(type, tp, pointer + (uint64_t)to_top);
	return value_base_offset(catalog, type, value->type, ret_value->addr, &part) &&
	       part == value->addr;
}
