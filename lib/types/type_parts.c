/*
 * What types consist of.
 */
#include "lib/types/die.h"
#include "lib/types/location.h"
#include "lib/types/type.h"

#include <dwarf.h>

static const struct type_parts no_parts;

/* ---- Counting ------------------------------------------------------------ */

static bool is_static_member(Dwarf_Die *die, int tag)
{
	return tag == DW_TAG_variable ||
	       (tag == DW_TAG_member && dwarf_hasattr(die, DW_AT_external));
}

static bool is_argument(int tag)
{
	return tag == DW_TAG_template_type_parameter || tag == DW_TAG_template_value_parameter;
}

static size_t count_arguments(Dwarf_Die *pack)
{
	size_t count = 0;
	Dwarf_Die child;

	for (bool more = die_child(pack, &child); more; more = die_next(&child, &child))
		count += is_argument(dwarf_tag(&child));
	return count;
}

static void count_parts(Dwarf_Die *die, struct type_parts *counts)
{
	Dwarf_Die child;

	for (bool more = die_child(die, &child); more; more = die_next(&child, &child)) {
		int tag = dwarf_tag(&child);

		if (is_static_member(&child, tag))
			counts->static_count++;
		else if (tag == DW_TAG_inheritance || tag == DW_TAG_member)
			counts->member_count++;
		else if (tag == DW_TAG_enumerator)
			counts->enumerator_count++;
		else if (tag == DW_TAG_formal_parameter)
			counts->parameter_count++;
		else if (is_argument(tag))
			counts->argument_count++;
		else if (tag == DW_TAG_GNU_template_parameter_pack)
			counts->argument_count += count_arguments(&child);
	}
}

/* ---- Members ------------------------------------------------------------- */

/* Where a bit-field's first bit is, counted from the beginning of the record. */
static bool find_bit(Dwarf_Die *die, const struct type *type, uint32_t bits, uint64_t *ret_bit)
{
	uint64_t location = 0, from_top, storage;

	if (die_unsigned(die, DW_AT_data_bit_offset, ret_bit))
		return true;
	die_unsigned(die, DW_AT_data_member_location, &location);
	if (location > UINT64_MAX / 16)
		return false;
	if (!die_unsigned(die, DW_AT_bit_offset, &from_top)) {
		*ret_bit = location * 8;
		return true;
	}
	/* DWARF 3 counts from the most significant bit of what the field is stored in */
	if (!die_unsigned(die, DW_AT_byte_size, &storage) && !type_size(type, &storage))
		return false;
	if (storage > 16 || from_top > storage * 8 || bits > storage * 8 - from_top)
		return false;
	*ret_bit = location * 8 + storage * 8 - from_top - bits;
	return true;
}

static void place_member(struct member *member)
{
	uint64_t bits, bit;
	struct err err;

	if (die_unsigned(&member->die, DW_AT_bit_size, &bits) && bits && bits <= 64 &&
	    find_bit(&member->die, member->type, (uint32_t)bits, &bit)) {
		member->offset = bit / 8;
		member->bit_at = bit % 8;
		member->bit_size = (uint32_t)bits;
		return;
	}
	if (location_member(&member->die, NULL, 0, &member->offset, &err))
		member->is_virtual = true;
}

static void take_member(struct type_store *store, Dwarf_Die *die, struct member *member)
{
	struct err err;

	member->die = *die;
	member->name = die_name(type_store_debug(store), die);
	if (type_of_entry(store, die, &member->type, &err))
		member->type = type_store_void(store);
	member->is_base = dwarf_tag(die) == DW_TAG_inheritance;
	member->is_artificial = die_own_flag(die, DW_AT_artificial);
	place_member(member);
}

/* ---- The others ---------------------------------------------------------- */

static void take_enumerator(struct type_store *store, Dwarf_Die *die, bool is_signed,
                            struct enumerator *enumerator)
{
	const char *name = die_name(type_store_debug(store), die);
	uint64_t value = 0;

	enumerator->name = name ? name : "";
	if (is_signed) {
		die_signed(die, DW_AT_const_value, &enumerator->value);
		return;
	}
	die_unsigned(die, DW_AT_const_value, &value);
	enumerator->value = (int64_t)value;
}

static void take_argument(struct type_store *store, Dwarf_Die *die,
                          struct template_argument *argument)
{
	struct err err;

	argument->name = die_name(type_store_debug(store), die);
	if (type_of_entry(store, die, &argument->type, &err))
		argument->type = type_store_void(store);
	argument->has_value = dwarf_tag(die) == DW_TAG_template_value_parameter &&
	                      die_signed(die, DW_AT_const_value, &argument->value);
}

static void take_parameter(struct type_store *store, Dwarf_Die *die, const struct type **parameter)
{
	struct err err;

	if (type_of_entry(store, die, parameter, &err))
		*parameter = type_store_void(store);
}

/* An enum is signed when its underlying type is, or (in C, without one) any of its values. */
static bool enum_is_signed(const struct type *type)
{
	const struct type *underlying = type_strip(type_target(type));
	Dwarf_Die die = type->die, child;
	int64_t value;

	if (underlying->kind != TYPE_VOID)
		return underlying->is_signed;
	for (bool more = die_child(&die, &child); more; more = die_next(&child, &child)) {
		Dwarf_Attribute attr;

		if (dwarf_tag(&child) == DW_TAG_enumerator &&
		    dwarf_attr(&child, DW_AT_const_value, &attr) &&
		    dwarf_whatform(&attr) == DW_FORM_sdata &&
		    die_signed(&child, DW_AT_const_value, &value) && value < 0)
			return true;
	}
	return false;
}

static int allocate(struct type_store *store, struct type_parts *parts)
{
	parts->members = type_store_alloc(store, parts->member_count, sizeof(*parts->members));
	parts->statics = type_store_alloc(store, parts->static_count, sizeof(*parts->statics));
	parts->enumerators =
		type_store_alloc(store, parts->enumerator_count, sizeof(*parts->enumerators));
	parts->arguments =
		type_store_alloc(store, parts->argument_count, sizeof(*parts->arguments));
	parts->parameters = type_store_alloc(store, parts->parameter_count, sizeof(void *));
	return parts->members && parts->statics && parts->enumerators && parts->arguments &&
	                       parts->parameters
	               ? 0
	               : -1;
}

static void take_part(const struct type *type, Dwarf_Die *die, struct type_parts *parts)
{
	struct type_store *store = type->store;
	int tag = dwarf_tag(die);
	Dwarf_Die inner;

	if (tag == DW_TAG_inheritance || (tag == DW_TAG_member && !is_static_member(die, tag)))
		take_member(store, die, &parts->members[parts->member_count++]);
	else if (is_static_member(die, tag))
		take_member(store, die, &parts->statics[parts->static_count++]);
	else if (tag == DW_TAG_enumerator)
		take_enumerator(store, die, type->is_signed,
		                &parts->enumerators[parts->enumerator_count++]);
	else if (is_argument(tag))
		take_argument(store, die, &parts->arguments[parts->argument_count++]);
	else if (tag == DW_TAG_formal_parameter)
		take_parameter(store, die, &parts->parameters[parts->parameter_count++]);
	else if (tag == DW_TAG_unspecified_parameters)
		parts->variadic = true;
	if (tag != DW_TAG_GNU_template_parameter_pack)
		return;
	for (bool more = die_child(die, &inner); more; more = die_next(&inner, &inner)) {
		if (is_argument(dwarf_tag(&inner)))
			take_argument(store, &inner, &parts->arguments[parts->argument_count++]);
	}
}

static bool has_own_virtuals(const struct type_parts *parts)
{
	for (size_t i = 0; i < parts->member_count; i++) {
		if (parts->members[i].is_artificial && parts->members[i].name)
			return true;
	}
	return false;
}

const struct type_parts *type_get_parts(const struct type *type)
{
	struct type *own = (struct type *)type; /* made by type.c, never constant */
	struct type_parts *parts;
	Dwarf_Die die = type->die, child;

	if (type->parts)
		return type->parts;
	if (!type->die.addr)
		return &no_parts;
	parts = type_store_alloc(type->store, 1, sizeof(*parts));
	if (!parts)
		return &no_parts;
	if (type->kind == TYPE_ENUM)
		own->is_signed = enum_is_signed(type);
	count_parts(&die, parts);
	if (allocate(type->store, parts))
		return &no_parts;
	*parts = (struct type_parts){
		.members = parts->members,
		.statics = parts->statics,
		.enumerators = parts->enumerators,
		.arguments = parts->arguments,
		.parameters = parts->parameters,
	};
	own->parts = parts;
	for (bool more = die_child(&die, &child); more; more = die_next(&child, &child))
		take_part(type, &child, parts);
	parts->has_virtuals = has_own_virtuals(parts);
	return parts;
}
