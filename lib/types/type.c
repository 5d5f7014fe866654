#include "lib/types/type.h"

#include "lib/types/arena.h"
#include "lib/types/die.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>
#include <uthash.h>

/* More types than this, made up ones too, are not made. */
#define TYPES_MAX (1u << 22)

struct known {
	struct type type;
	struct { /* what makes it the same one */
		const void *addr;
		size_t dimension;
	} key;
	UT_hash_handle hh;
};

struct type_store {
	struct debug *debug;
	struct arena arena;
	struct known *known;
	size_t made;
	struct type nothing; /* void, which stands for what cannot be had as well */
};

int type_store_create(struct debug *debug, struct type_store **ret_store, struct err *err)
{
	struct type_store *store = calloc(1, sizeof(*store));

	if (!store)
		return err_os(err, ENOMEM, "types");
	store->debug = debug;
	store->nothing = (struct type){.name = "void", .store = store, .has_target = true};
	*ret_store = store;
	return 0;
}

void type_store_destroy(struct type_store *store)
{
	if (!store)
		return;
	HASH_CLEAR(hh, store->known);
	arena_deinit(&store->arena);
	free(store);
}

struct debug *type_store_debug(const struct type_store *store)
{
	return store ? store->debug : NULL;
}

void *type_store_alloc(struct type_store *store, size_t count, size_t size)
{
	return arena_array(&store->arena, count, size);
}

const struct type *type_store_void(const struct type_store *store)
{
	return &store->nothing;
}

/* ---- From entries -------------------------------------------------------- */

static void make_base(struct type *type, Dwarf_Die *die)
{
	uint64_t encoding = 0;

	die_unsigned(die, DW_AT_encoding, &encoding);
	switch (encoding) {
	case DW_ATE_boolean:
		type->kind = TYPE_BOOL;
		break;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
		type->kind = TYPE_CHAR;
		type->is_signed = encoding == DW_ATE_signed_char;
		break;
	case DW_ATE_float:
	case DW_ATE_decimal_float:
		type->kind = TYPE_FLOAT;
		break;
	case DW_ATE_complex_float:
		type->kind = TYPE_COMPLEX;
		break;
	default:
		type->kind = TYPE_INT;
		type->is_signed = encoding == DW_ATE_signed;
		break;
	}
}

static void make_qualified(struct type *type, unsigned int qualifier)
{
	type->kind = TYPE_QUALIFIED;
	type->qualifiers = qualifier;
}

static void make_kind(struct type *type, Dwarf_Die *die)
{
	static const struct {
		int tag;
		enum type_kind kind;
	} kinds[] = {
		{DW_TAG_enumeration_type, TYPE_ENUM},
		{DW_TAG_pointer_type, TYPE_POINTER},
		{DW_TAG_reference_type, TYPE_REFERENCE},
		{DW_TAG_rvalue_reference_type, TYPE_RVALUE},
		{DW_TAG_ptr_to_member_type, TYPE_MEMBER_POINTER},
		{DW_TAG_array_type, TYPE_ARRAY},
		{DW_TAG_structure_type, TYPE_STRUCT},
		{DW_TAG_class_type, TYPE_CLASS},
		{DW_TAG_union_type, TYPE_UNION},
		{DW_TAG_typedef, TYPE_TYPEDEF},
		{DW_TAG_template_alias, TYPE_TYPEDEF},
		{DW_TAG_subroutine_type, TYPE_FUNCTION},
		{DW_TAG_subprogram, TYPE_FUNCTION},
	};
	int tag = dwarf_tag(die);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].tag == tag)
			type->kind = kinds[i].kind;
	}
	switch (tag) {
	case DW_TAG_base_type:
		make_base(type, die);
		break;
	case DW_TAG_const_type:
		make_qualified(type, TYPE_CONST);
		break;
	case DW_TAG_volatile_type:
		make_qualified(type, TYPE_VOLATILE);
		break;
	case DW_TAG_restrict_type:
		make_qualified(type, TYPE_RESTRICT);
		break;
	case DW_TAG_atomic_type:
		make_qualified(type, TYPE_ATOMIC);
		break;
	}
}

static bool is_address(enum type_kind kind)
{
	return kind == TYPE_POINTER || kind == TYPE_REFERENCE || kind == TYPE_RVALUE;
}

/* The number of elements of one dimension. */
static bool dimension_count(Dwarf_Die *range, uint64_t *ret_count)
{
	uint64_t count, upper, lower = 0;

	if (die_unsigned(range, DW_AT_count, &count)) {
		*ret_count = count;
		return true;
	}
	if (!die_unsigned(range, DW_AT_upper_bound, &upper))
		return false;
	die_unsigned(range, DW_AT_lower_bound, &lower);
	/* -1, in whatever form a compiler writes it, is an array without elements */
	if (upper == UINT32_MAX || upper == UINT64_MAX)
		upper = lower - 1;
	*ret_count = upper + 1 - lower;
	return upper + 1 >= lower;
}

/* The subrange of an array's entry, and whether there is another one behind. */
static bool find_dimension(Dwarf_Die *array, size_t which, Dwarf_Die *ret_range, bool *ret_more)
{
	Dwarf_Die child;
	size_t at = 0;
	bool found = false;

	*ret_more = false;
	for (bool more = die_child(array, &child); more; more = die_next(&child, &child)) {
		int tag = dwarf_tag(&child);

		if (tag != DW_TAG_subrange_type && tag != DW_TAG_enumeration_type)
			continue;
		if (found) {
			*ret_more = true;
			break;
		}
		if (at++ == which) {
			*ret_range = child;
			found = true;
		}
	}
	return found;
}

static void make_array(struct type *type, Dwarf_Die *die)
{
	Dwarf_Die range;
	bool more;

	if (find_dimension(die, type->dimension, &range, &more))
		type->has_count = dimension_count(&range, &type->count);
}

static void fill(struct type *type, struct type_store *store, Dwarf_Die *die, size_t dimension)
{
	type->store = store;
	type->die = *die;
	type->dimension = dimension;
	make_kind(type, die);
	type->name = die_name(store->debug, die);
	type->declaration = die_own_flag(die, DW_AT_declaration);
	die_unsigned(die, DW_AT_byte_size, &type->size);
	if (is_address(type->kind) && !type->size)
		type->size = sizeof(uint64_t);
	if (type->kind == TYPE_ARRAY)
		make_array(type, die);
}

static int find_or_make(struct type_store *store, Dwarf_Die *die, size_t dimension,
                        const struct type **ret_type, struct err *err)
{
	struct known *known, probe = {0};

	probe.key.addr = die->addr;
	probe.key.dimension = dimension;
	HASH_FIND(hh, store->known, &probe.key, sizeof(probe.key), known);
	if (!known) {
		if (store->made++ >= TYPES_MAX)
			return err_set(err, ERR_LIMIT, "more types than can be right");
		known = arena_alloc(&store->arena, sizeof(*known));
		if (!known)
			return err_os(err, ENOMEM, "types");
		known->key = probe.key;
		fill(&known->type, store, die, dimension);
		HASH_ADD(hh, store->known, key, sizeof(known->key), known);
	}
	*ret_type = &known->type;
	return 0;
}

int type_of_die(struct type_store *store, Dwarf_Die *die, const struct type **ret_type,
                struct err *err)
{
	Dwarf_Attribute attr;
	Dwarf_Die elsewhere;

	/* a stub of what is in a unit of its own */
	if (dwarf_attr(die, DW_AT_signature, &attr) && dwarf_formref_die(&attr, &elsewhere))
		die = &elsewhere;
	return find_or_make(store, die, 0, ret_type, err);
}

int type_of_entry(struct type_store *store, Dwarf_Die *die, const struct type **ret_type,
                  struct err *err)
{
	Dwarf_Die target;

	if (!die_reference(die, DW_AT_type, &target)) {
		*ret_type = &store->nothing;
		return 0;
	}
	return type_of_die(store, &target, ret_type, err);
}

/* ---- Targets ------------------------------------------------------------- */

static const struct type *find_target(struct type *type)
{
	const struct type *target;
	Dwarf_Die range;
	struct err err;
	bool more;

	if (!type->die.addr)
		return &type->store->nothing;
	if (type->kind == TYPE_ARRAY &&
	    find_dimension(&type->die, type->dimension, &range, &more) && more) {
		if (find_or_make(type->store, &type->die, type->dimension + 1, &target, &err))
			return &type->store->nothing;
		return target;
	}
	if (type_of_entry(type->store, &type->die, &target, &err))
		return &type->store->nothing;
	return target;
}

const struct type *type_target(const struct type *type)
{
	if (!type->has_target) {
		struct type *own = (struct type *)type; /* made by this file, never constant */

		own->target = find_target(own);
		own->has_target = true;
	}
	return type->target ? type->target : &type->store->nothing;
}

const struct type *type_strip(const struct type *type)
{
	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		if (type->kind != TYPE_TYPEDEF && type->kind != TYPE_QUALIFIED)
			return type;
		type = type_target(type);
	}
	return &type->store->nothing;
}

bool type_size(const struct type *type, uint64_t *ret_size)
{
	uint64_t factor = 1;

	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		type = type_strip(type);
		if (type->kind != TYPE_ARRAY) {
			if (type->kind == TYPE_VOID || type->kind == TYPE_FUNCTION ||
			    type->declaration || (!type->size && !type_is_record(type)))
				return false;
			return !__builtin_mul_overflow(factor, type->size, ret_size);
		}
		if (!type->has_count || __builtin_mul_overflow(factor, type->count, &factor))
			return false;
		type = type_target(type);
	}
	return false;
}

bool type_is_record(const struct type *type)
{
	enum type_kind kind = type_strip(type)->kind;

	return kind == TYPE_STRUCT || kind == TYPE_CLASS || kind == TYPE_UNION;
}

bool type_is_integer(const struct type *type)
{
	enum type_kind kind = type_strip(type)->kind;

	return kind == TYPE_BOOL || kind == TYPE_CHAR || kind == TYPE_INT || kind == TYPE_ENUM;
}

bool type_is_number(const struct type *type)
{
	return type_is_integer(type) || type_strip(type)->kind == TYPE_FLOAT;
}

bool type_is_pointer(const struct type *type)
{
	return type_strip(type)->kind == TYPE_POINTER;
}

bool type_is_reference(const struct type *type)
{
	enum type_kind kind = type_strip(type)->kind;

	return kind == TYPE_REFERENCE || kind == TYPE_RVALUE;
}

bool type_is_scoped(const struct type *type)
{
	Dwarf_Die die = type_strip(type)->die;

	return die.addr && die_own_flag(&die, DW_AT_enum_class);
}

/* ---- Made up ------------------------------------------------------------- */

static struct type *make_up(struct type_store *store, enum type_kind kind)
{
	struct type *type;

	if (!store || store->made++ >= TYPES_MAX)
		return NULL;
	type = arena_alloc(&store->arena, sizeof(*type));
	if (!type)
		return NULL;
	type->kind = kind;
	type->store = store;
	type->has_target = true;
	return type;
}

const struct type *type_make_base(struct type_store *store, enum type_kind kind, const char *name,
                                  uint64_t size, bool is_signed)
{
	struct type *type = make_up(store, kind);

	if (type) {
		type->name = name;
		type->size = size;
		type->is_signed = is_signed;
	}
	return type;
}

const struct type *type_make_pointer(const struct type *target, enum type_kind kind)
{
	struct type *type = make_up(target->store, kind);

	if (type) {
		type->target = target;
		type->size = sizeof(uint64_t);
	}
	return type;
}

const struct type *type_make_array(const struct type *element, uint64_t count)
{
	struct type *type = make_up(element->store, TYPE_ARRAY);

	if (type) {
		type->target = element;
		type->has_count = true;
		type->count = count;
	}
	return type;
}

const struct type *type_make_qualified(const struct type *target, unsigned int qualifiers)
{
	struct type *type = make_up(target->store, TYPE_QUALIFIED);

	if (type) {
		type->target = target;
		type->qualifiers = qualifiers;
	}
	return type;
}
