#include "lib/types/value.h"

#include "lib/types/name.h"
#include "lib/types/location.h"

#include <dwarf.h>
#include <inttypes.h>
#include <string.h>

/* How deep base classes and anonymous members are searched. */
#define BASES_MAX 32
/* How many records a search looks into. */
#define SEARCH_MAX 4096

struct value value_at(const struct type *type, const struct reg_threadproc *tp, uint64_t addr)
{
	return (struct value){.type = type, .tp = tp, .in_memory = true, .addr = addr};
}

struct value value_of_integer(const struct type *type, uint64_t integer)
{
	const struct type *base = type_strip(type);
	struct value value = {.type = type};

	memcpy(value.bytes, &integer, sizeof(integer));
	/* the upper half of what is longer */
	if (base->is_signed && (int64_t)integer < 0)
		memset(value.bytes + sizeof(integer), 0xff, sizeof(value.bytes) - sizeof(integer));
	return value;
}

struct value value_of_float(const struct type *type, long double number)
{
	struct value value = {.type = type};
	double middle = (double)number;
	float narrow = (float)number;

	switch (type_strip(type)->size) {
	case sizeof(float):
		memcpy(value.bytes, &narrow, sizeof(narrow));
		break;
	case sizeof(double):
		memcpy(value.bytes, &middle, sizeof(middle));
		break;
	default:
		memcpy(value.bytes, &number, 10); /* the rest is padding */
		break;
	}
	return value;
}

/* ---- Reading ------------------------------------------------------------- */

int value_read(struct catalog *catalog, const struct value *value, void *buf, size_t size,
               struct err *err)
{
	struct mem *mem = catalog_target(catalog)->mem;

	if (!value->in_memory) {
		if (size > sizeof(value->bytes))
			return err_set(err, ERR_USAGE, "the value is not in memory");
		memcpy(buf, value->bytes, size);
		return 0;
	}
	if (!mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	return size ? mem_read(mem, value->addr, buf, size, err) : 0;
}

static uint64_t extend(uint64_t integer, uint32_t bits, bool is_signed)
{
	if (bits >= 64)
		return integer;
	integer &= (UINT64_C(1) << bits) - 1;
	if (is_signed && bits && integer >> (bits - 1))
		integer |= ~UINT64_C(0) << bits;
	return integer;
}

static int read_bits(struct catalog *catalog, const struct value *value, bool is_signed,
                     uint64_t *ret_integer, struct err *err)
{
	size_t size = (value->bit_at + value->bit_size + 7) / 8;
	unsigned __int128 bits = 0;

	if (size > sizeof(bits) || value_read(catalog, value, &bits, size, err))
		return size > sizeof(bits) ? err_set(err, ERR_INVALID, "an unsound bit-field") : -1;
	*ret_integer = extend((uint64_t)(bits >> value->bit_at), value->bit_size, is_signed);
	return 0;
}

static bool is_address(const struct type *base)
{
	return base->kind == TYPE_POINTER || base->kind == TYPE_REFERENCE ||
	       base->kind == TYPE_RVALUE || base->kind == TYPE_MEMBER_POINTER;
}

int value_integer(struct catalog *catalog, const struct value *value, uint64_t *ret_integer,
                  struct err *err)
{
	const struct type *base = type_strip(value->type);
	uint64_t integer = 0, size = base->size;

	if (!type_is_integer(base) && !is_address(base))
		return err_set(err, ERR_USAGE, "the value is not an integer");
	if (base->kind == TYPE_ENUM)
		type_get_parts(base); /* finds out whether it is signed */
	if (value->bit_size)
		return read_bits(catalog, value, base->is_signed, ret_integer, err);
	if (base->kind == TYPE_MEMBER_POINTER && !size)
		size = sizeof(integer);
	if (!size || size > VALUE_BYTES_MAX)
		return err_set(err, ERR_INVALID, "an integer of %" PRIu64 " bytes", size);
	if (size > sizeof(integer))
		size = sizeof(integer);
	if (value_read(catalog, value, &integer, size, err))
		return -1;
	*ret_integer = extend(integer, (uint32_t)size * 8, base->is_signed);
	return 0;
}

static int read_float(struct catalog *catalog, const struct value *value, uint64_t size,
                      long double *ret_number, struct err *err)
{
	union {
		float narrow;
		double middle;
		long double wide;
	} number = {.wide = 0};

	if (size != sizeof(number.narrow) && size != sizeof(number.middle) &&
	    size != sizeof(number.wide))
		return err_set(err, ERR_INVALID, "a floating-point number of %" PRIu64 " bytes",
		               size);
	if (value_read(catalog, value, &number, size, err))
		return -1;
	*ret_number = size == sizeof(number.narrow)   ? number.narrow
	              : size == sizeof(number.middle) ? number.middle
	                                              : number.wide;
	return 0;
}

int value_number(struct catalog *catalog, const struct value *value, long double *ret_number,
                 struct err *err)
{
	const struct type *base = type_strip(value->type);
	uint64_t integer;

	if (base->kind == TYPE_FLOAT)
		return read_float(catalog, value, base->size, ret_number, err);
	if (value_integer(catalog, value, &integer, err))
		return -1;
	*ret_number = base->is_signed ? (long double)(int64_t)integer : (long double)integer;
	return 0;
}

/* ---- Going on from it ---------------------------------------------------- */

int value_follow(struct catalog *catalog, const struct value *value, struct value *ret_value,
                 struct err *err)
{
	const struct type *base = type_strip(value->type);
	const struct type *target;
	uint64_t addr;

	if (base->kind != TYPE_POINTER && !type_is_reference(base))
		return err_set(err, ERR_USAGE, "what is not a pointer cannot be followed");
	target = type_target(base);
	if (type_strip(target)->kind == TYPE_VOID)
		return err_set(err, ERR_USAGE, "a pointer to void leads to nothing of a type");
	if (value_integer(catalog, value, &addr, err))
		return -1;
	*ret_value = value_at(target, value->tp, addr);
	return 0;
}

int value_referred(struct catalog *catalog, const struct value *value, struct value *ret_value,
                   struct err *err)
{
	if (type_is_reference(value->type))
		return value_follow(catalog, value, ret_value, err);
	*ret_value = *value;
	return 0;
}

int value_element(struct catalog *catalog, const struct value *value, int64_t index,
                  struct value *ret_value, struct err *err)
{
	const struct type *element = type_target(type_strip(value->type));
	uint64_t size;

	if (!type_size(catalog_define(catalog, value->tp, type_strip(element)), &size))
		return err_set(err, ERR_USAGE, "the size of the elements is not known");
	if (!value->in_memory)
		return err_set(err, ERR_USAGE, "the value is not in memory");
	*ret_value = value_at(element, value->tp, value->addr + (uint64_t)index * size);
	return 0;
}

int value_member(struct catalog *catalog, const struct value *value, const struct member *member,
                 struct value *ret_value, struct err *err)
{
	Dwarf_Die die = member->die;
	uint64_t addr;

	if (!value->in_memory)
		return err_set(err, ERR_USAGE, "the value is not in memory");
	if (member->is_virtual) {
		if (location_member(&die, catalog_target(catalog)->mem, value->addr, &addr, err))
			return -1;
	} else {
		addr = value->addr + member->offset;
	}
	*ret_value = value_at(member->type, value->tp, addr);
	ret_value->bit_at = member->bit_at;
	ret_value->bit_size = member->bit_size;
	return 0;
}

/* ---- Search for members -------------------------------------------------- */

struct search {
	struct catalog *catalog;
	const char *name;
	unsigned int looked;
	bool fixed; /* no virtual base classes: there is no object to ask */
};

static bool is_called(const struct member *member, const char *name)
{
	const char *own = member->is_base ? type_strip(member->type)->name : member->name;

	return own && !strcmp(own, name);
}

/* 1: found; 0: not here; -1. */
static int search_in(struct search *search, const struct value *value, int depth,
                     struct value *ret_value, struct err *err)
{
	const struct type *type =
		catalog_define(search->catalog, value->tp, type_strip(value->type));
	const struct type_parts *parts = type_get_parts(type);
	struct value inner;

	if (!type_is_record(type) || depth > BASES_MAX || search->looked++ > SEARCH_MAX)
		return 0;
	for (size_t i = 0; i < parts->member_count; i++) {
		if (is_called(&parts->members[i], search->name))
			return value_member(search->catalog, value, &parts->members[i], ret_value,
			                    err)
			               ? -1
			               : 1;
	}
	for (size_t i = 0; i < parts->member_count; i++) {
		const struct member *member = &parts->members[i];
		int ret;

		if (!member->is_base && member->name)
			continue;
		if (value_member(search->catalog, value, member, &inner, err))
			return -1;
		ret = search_in(search, &inner, depth + 1, ret_value, err);
		if (ret)
			return ret;
	}
	return 0;
}

int value_find_member(struct catalog *catalog, const struct value *value, const char *name,
                      struct value *ret_value, struct err *err)
{
	struct search search = {.catalog = catalog, .name = name};
	char type[128];
	int ret;

	if (!type_is_record(value->type))
		return err_set(err, ERR_USAGE, "what has no members has none called %s", name);
	ret = search_in(&search, value, 0, ret_value, err);
	if (ret)
		return ret < 0 ? -1 : 0;
	type_name(value->type, type, sizeof(type));
	return err_set(err, ERR_NOT_FOUND, "%s has no member called %s", type, name);
}

/* ---- Base classes -------------------------------------------------------- */

bool type_is_same(const struct type *a, const struct type *b)
{
	char a_name[TYPE_NAME_SIZE], b_name[TYPE_NAME_SIZE];

	a = type_strip(a);
	b = type_strip(b);
	if (a == b)
		return true;
	if (!a->name || !b->name || (type_is_record(a) != type_is_record(b)))
		return false;
	type_path(a, a_name, sizeof(a_name));
	type_path(b, b_name, sizeof(b_name));
	return names_equal(a_name, strlen(a_name), b_name, strlen(b_name));
}

static bool find_base(struct search *search, const struct value *value, const struct type *wanted,
                      int depth, uint64_t *ret_addr)
{
	const struct type *type =
		catalog_define(search->catalog, value->tp, type_strip(value->type));
	const struct type_parts *parts = type_get_parts(type);

	if (type_is_same(type, wanted)) {
		*ret_addr = value->addr;
		return true;
	}
	if (depth > BASES_MAX || search->looked++ > SEARCH_MAX)
		return false;
	for (size_t i = 0; i < parts->member_count && parts->members[i].is_base; i++) {
		struct value base;
		struct err err;

		if (search->fixed && parts->members[i].is_virtual)
			continue;
		if (!value_member(search->catalog, value, &parts->members[i], &base, &err) &&
		    find_base(search, &base, wanted, depth + 1, ret_addr))
			return true;
	}
	return false;
}

bool value_base_offset(struct catalog *catalog, const struct type *type, const struct type *wanted,
                       uint64_t addr, uint64_t *ret_addr)
{
	struct search search = {.catalog = catalog};
	struct value value = value_at(type, NULL, addr);
	uint64_t found;

	if (find_base(&search, &value, wanted, 0, ret_addr))
		return true;
	/* the other way round: how far into a `wanted` at addr its base class would be */
	search = (struct search){.catalog = catalog, .fixed = true};
	value = value_at(wanted, NULL, addr);
	if (!find_base(&search, &value, type, 0, &found))
		return false;
	*ret_addr = addr - (found - addr);
	return true;
}
