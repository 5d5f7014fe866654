/*
 * Numbers, enums and pointers, as GDB writes them.
 */
#include "lib/types/render_parts.h"

#include "lib/read/identify.h"
#include "lib/types/index.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Formats ------------------------------------------------------------- */

static void put_binary(struct builder *text, uint64_t integer)
{
	int bit = 63;

	while (bit && !(integer >> bit & 1))
		bit--;
	for (; bit >= 0; bit--)
		builder_printf(text, "%d", (int)(integer >> bit & 1));
}

static uint64_t cut(uint64_t integer, uint64_t size)
{
	return size && size < 8 ? integer & ((UINT64_C(1) << size * 8) - 1) : integer;
}

static void put_symbol(struct render *r, uint64_t addr);

/* size: of the integer, for those that show it without its sign. */
static void put_integer(struct render *r, uint64_t integer, uint64_t size, bool is_signed,
                        char format)
{
	uint64_t bits = cut(integer, size);

	switch (format) {
	case 'x':
		builder_printf(&r->text, "0x%" PRIx64, bits);
		return;
	case 'z':
		builder_printf(&r->text, "0x%0*" PRIx64, (int)(size ? size * 2 : 16), bits);
		return;
	case 'o':
		builder_printf(&r->text, bits ? "0%" PRIo64 : "%" PRIo64, bits);
		return;
	case 't':
		put_binary(&r->text, bits);
		return;
	case 'u':
		builder_printf(&r->text, "%" PRIu64, bits);
		return;
	case 'a':
		builder_printf(&r->text, "0x%" PRIx64, bits);
		put_symbol(r, bits);
		return;
	case 'd':
		if (size && size < 8 && bits >> (size * 8 - 1))
			bits |= ~UINT64_C(0) << size * 8;
		builder_printf(&r->text, "%" PRId64, (int64_t)bits);
		return;
	default:
		if (is_signed)
			builder_printf(&r->text, "%" PRId64, (int64_t)integer);
		else
			builder_printf(&r->text, "%" PRIu64, integer);
		return;
	}
}

/* ---- Wide integers and floats -------------------------------------------- */

static bool put_wide(struct render *r, const struct value *value, const struct type *type,
                     struct err *err)
{
	unsigned __int128 integer;
	char digits[48];
	size_t at = sizeof(digits);
	bool negative;

	if (value_read(r->catalog, value, &integer, sizeof(integer), err))
		return false;
	if (r->options->format == 'x') {
		if (integer >> 64)
			builder_printf(&r->text, "0x%" PRIx64 "%016" PRIx64,
			               (uint64_t)(integer >> 64), (uint64_t)integer);
		else
			builder_printf(&r->text, "0x%" PRIx64, (uint64_t)integer);
		return true;
	}
	negative = type->is_signed && (__int128)integer < 0;
	if (negative)
		integer = -integer;
	digits[--at] = '\0';
	do {
		digits[--at] = (char)('0' + (int)(integer % 10));
		integer /= 10;
	} while (integer);
	builder_printf(&r->text, "%s%s", negative ? "-" : "", digits + at);
	return true;
}

static void put_nan(struct render *r, uint64_t bits, uint64_t size)
{
	bool negative = bits >> (size * 8 - 1);

	bits &= size == sizeof(float) ? 0x7fffff : UINT64_C(0xfffffffffffff);
	builder_printf(&r->text, "%snan(0x%" PRIx64 ")", negative ? "-" : "", bits);
}

/* The bits of a number of 4 or 8 bytes. */
static void put_float_bits(struct render *r, uint64_t bits, uint64_t size)
{
	double middle;
	float narrow;

	memcpy(&narrow, &bits, sizeof(narrow));
	memcpy(&middle, &bits, sizeof(middle));
	if (size == sizeof(float) ? narrow != narrow : middle != middle)
		put_nan(r, bits, size);
	else if (size == sizeof(float))
		builder_printf(&r->text, "%.9g", (double)narrow);
	else
		builder_printf(&r->text, "%.17g", middle);
}

static bool put_float(struct render *r, const struct value *value, const struct type *type,
                      struct err *err)
{
	char format = r->options->format;
	long double number;
	uint64_t bits = 0;

	if (type->size != sizeof(float) && type->size != sizeof(double)) {
		if (value_number(r->catalog, value, &number, err))
			return false;
		builder_printf(&r->text, "%.18Lg", number);
		return true;
	}
	if (value_read(r->catalog, value, &bits, type->size, err))
		return false;
	if (format && format != 'f' && format != 's')
		put_integer(r, bits, type->size, false, format);
	else
		put_float_bits(r, bits, type->size);
	return true;
}

/* One of the two numbers that a complex one is, of size bytes at an offset. */
static bool put_part(struct render *r, const struct value *value, uint64_t offset, uint64_t size,
                     struct err *err)
{
	uint8_t parts[2 * sizeof(long double)];
	long double wide;
	uint64_t bits = 0;

	if (size != sizeof(float) && size != sizeof(double) && size != sizeof(wide)) {
		err_set(err, ERR_INVALID, "a complex number of %" PRIu64 " bytes", 2 * size);
		return false;
	}
	if (value_read(r->catalog, value, parts, 2 * size, err))
		return false;
	if (size == sizeof(wide)) {
		memcpy(&wide, parts + offset, sizeof(wide));
		builder_printf(&r->text, "%.18Lg", wide);
		return true;
	}
	memcpy(&bits, parts + offset, size);
	put_float_bits(r, bits, size);
	return true;
}

static void render_complex(struct render *r, const struct value *value, struct shown *shown)
{
	const uint64_t half = type_strip(value->type)->size / 2;
	struct err err;

	if (!put_part(r, value, 0, half, &err)) {
		render_error(r, shown, &err);
		return;
	}
	builder_printf(&r->text, " + ");
	put_part(r, value, half, half, &err);
	builder_printf(&r->text, "i");
	shown->text = render_take(r);
}

/* ---- Enums --------------------------------------------------------------- */

/* Whether its values are bits, or runs of bits, that are put together. */
static bool is_flags(const struct type_parts *parts)
{
	for (size_t i = 0; i < parts->enumerator_count; i++) {
		uint64_t value = (uint64_t)parts->enumerators[i].value;
		uint64_t run = value ? value >> __builtin_ctzll(value) : 0;

		if ((int64_t)value < 0 || (run & (run + 1)))
			return false;
	}
	return parts->enumerator_count;
}

static void put_scope(struct render *r, const struct type *type)
{
	char name[TYPE_NAME_SIZE];
	char *last = NULL;

	type_path(type, name, sizeof(name));
	/* "outer::colour": an enumerator is in what the enum is in, or in an enum class */
	if (type_is_scoped(type)) {
		builder_escaped(&r->text, name);
		builder_printf(&r->text, "::");
		return;
	}
	for (char *at = strstr(name, "::"); at; at = strstr(at + 2, "::"))
		last = at;
	if (!last)
		return;
	last[2] = '\0';
	builder_escaped(&r->text, name);
}

static void put_flags(struct render *r, const struct type *type, const struct type_parts *parts,
                      uint64_t integer)
{
	uint64_t left = integer;

	for (size_t i = 0; i < parts->enumerator_count; i++) {
		uint64_t value = (uint64_t)parts->enumerators[i].value;

		if (!(left & value))
			continue;
		builder_printf(&r->text, left == integer ? "(" : " | ");
		left &= ~value;
		put_scope(r, type);
		builder_escaped(&r->text, parts->enumerators[i].name);
	}
	if (left)
		builder_printf(&r->text,
		               left == integer ? "(unknown: 0x%" PRIx64 ")"
		                               : " | unknown: 0x%" PRIx64 ")",
		               left);
	else
		builder_printf(&r->text, integer ? ")" : "0");
}

static void put_enum(struct render *r, const struct type *type, uint64_t integer)
{
	const struct type_parts *parts = type_get_parts(type);

	for (size_t i = 0; i < parts->enumerator_count; i++) {
		if ((uint64_t)parts->enumerators[i].value != integer)
			continue;
		put_scope(r, type);
		builder_escaped(&r->text, parts->enumerators[i].name);
		return;
	}
	if (is_flags(parts))
		put_flags(r, type, parts, integer);
	else
		put_integer(r, integer, type->size, type->is_signed, 0);
}

/* ---- Integers ------------------------------------------------------------ */

static bool is_wide(const struct value *value, const struct type *type)
{
	return type->kind == TYPE_INT && type->size == 16 && !value->bit_size;
}

static bool put_any_integer(struct render *r, const struct value *value, const struct type *type,
                            struct err *err)
{
	char format = r->options->format;
	uint64_t integer, size = type->size;

	if (is_wide(value, type))
		return put_wide(r, value, type, err);
	if (value_integer(r->catalog, value, &integer, err))
		return false;
	if (format == 's')
		format = 0;
	if (format == 'f' && (size == sizeof(float) || size == sizeof(double))) {
		put_float_bits(r, integer, size);
		return true;
	}
	if (format == 'f')
		format = 'd';
	if (format == 'a')
		size = 8;
	if (format == 'c') {
		put_integer(r, cut(integer, 1), 1, false, type->is_signed ? 'd' : 'u');
		builder_printf(&r->text, " ");
		render_character(r, cut(integer, 1), 1);
	} else if (format) {
		put_integer(r, integer, size, type->is_signed, format);
	} else if (type->kind == TYPE_BOOL && integer <= 1) {
		builder_printf(&r->text, integer ? "true" : "false");
	} else if (type->kind == TYPE_ENUM) {
		put_enum(r, type, integer);
	} else if (render_is_character(value->type)) {
		put_integer(r, integer, size, type->is_signed, 0);
		builder_printf(&r->text, " %s", render_prefix(value->type));
		render_character(r, cut(integer, size), size);
	} else {
		put_integer(r, integer, size, type->is_signed, 0);
	}
	return true;
}

bool render_number(struct render *r, const struct value *value, struct err *err)
{
	const struct type *type = type_strip(value->type);

	if (type->kind == TYPE_FLOAT)
		return put_float(r, value, type, err);
	return put_any_integer(r, value, type, err);
}

/* ---- Pointers ------------------------------------------------------------ */

/* The variable that an address lies in, by what the program calls it. */
static bool find_variable(struct render *r, const struct identity *id, const char **ret_name,
                          uint64_t *ret_offset)
{
	const struct index_entry *entry;
	struct debug_index *index;
	struct debug *debug;
	struct err err;

	if (!id->module || !id->has_vaddr || catalog_debug(r->catalog, id->module, &debug, &err) ||
	    debug_get_index(debug, &index, &err))
		return false;
	entry = debug_index_at(index, ENTRY_VARIABLE, id->vaddr);
	if (!entry || entry->addr != id->symbol.value)
		return false;
	*ret_name = entry->name;
	*ret_offset = id->vaddr - entry->addr;
	return true;
}

/* " <symbol+4>" */
static void put_identity(struct render *r, const struct identity *id)
{
	const char *name = id->symbol_name;
	uint64_t offset = id->vaddr - id->symbol.value;

	if (!id->symbol.name || (id->symbol.size && offset >= id->symbol.size))
		return;
	/* of a variable within a function, the symbol has a number added: "nodes.0" */
	if (strchr(name, '.'))
		find_variable(r, id, &name, &offset);
	builder_printf(&r->text, " <");
	builder_escaped(&r->text, name);
	if (offset)
		builder_printf(&r->text, "+%" PRIu64, offset);
	builder_printf(&r->text, ">");
}

static void put_symbol(struct render *r, uint64_t addr)
{
	struct identity *id = arena_alloc(r->arena, sizeof(*id));

	if (!id)
		return;
	identify(catalog_target(r->catalog), addr, id);
	put_identity(r, id);
}

static void put_threadproc(struct render *r, const struct reg_threadproc *tp)
{
	builder_escaped(&r->text, tp->abi.name);
	builder_printf(&r->text, "(%" PRIu32 ")", tp->abi.id);
}

/* "scene_build(2) heap" */
static const char *owner_text(struct render *r, const struct identity *id)
{
	switch (id->owner.kind) {
	case OWNER_LIVE:
		if (id->owner.tp)
			put_threadproc(r, id->owner.tp);
		else
			builder_printf(&r->text, "not on record");
		break;
	case OWNER_EXITED:
		builder_printf(&r->text, "exited");
		if (id->owner.tp) {
			builder_printf(&r->text, " ");
			put_threadproc(r, id->owner.tp);
		}
		return render_take(r);
	case OWNER_TOOLKIT:
		builder_printf(&r->text, "tproc");
		break;
	case OWNER_NONE:
		builder_printf(&r->text, id->mapped ? "unowned" : "not mapped");
		return render_take(r);
	}
	if (!id->mapped)
		builder_printf(&r->text, " not mapped");
	else
		builder_printf(&r->text, " %s", place_name(id->place));
	/* what was freed is not to be used any more */
	if (id->has_chunk && id->chunk.state != CHUNK_IN_USE)
		builder_printf(&r->text, ", %s", chunk_state_name(id->chunk.state));
	return render_take(r);
}

static const char *pointer_owner(struct render *r, uint64_t addr, const struct identity *id)
{
	struct builder saved = r->text;
	const char *text;

	if (r->options->plain || !addr)
		return NULL;
	r->text = (struct builder){0};
	text = owner_text(r, id);
	builder_deinit(&r->text);
	r->text = saved;
	return text;
}

/* The text of what characters it points to. */
static void put_string(struct render *r, const struct type *target, uint64_t addr)
{
	struct err err;
	size_t before;

	if (!addr || !render_is_character(target))
		return;
	builder_printf(&r->text, " ");
	before = r->text.used;
	if (!render_string_at(r, addr, target, &err))
		return;
	r->text.used = before;
	builder_printf(&r->text, "<error: ");
	builder_escaped(&r->text, err.text);
	builder_printf(&r->text, ">");
}

/* At the top, what kind of pointer it is: "(int *) 0x1234". */
static bool wants_type(struct render *r, const struct type *type, const struct type *target)
{
	if (r->depth > 1 || r->options->format)
		return false;
	return type->kind != TYPE_POINTER || !render_is_character(target);
}

void render_pointer(struct render *r, const struct value *value, struct shown *shown)
{
	const struct type *type = type_strip(value->type);
	const struct type *target = type_target(type);
	struct identity *id;
	struct err err;
	uint64_t addr;

	shown->kind = SHOWN_SCALAR;
	if (value_integer(r->catalog, value, &addr, &err)) {
		render_error(r, shown, &err);
		return;
	}
	id = arena_alloc(r->arena, sizeof(*id));
	if (!id) {
		r->failed = true;
		return;
	}
	identify(catalog_target(r->catalog), addr, id);
	if (wants_type(r, type, target)) {
		char name[TYPE_NAME_SIZE];

		type_display(value->type, "", name, sizeof(name));
		builder_printf(&r->text, "(");
		builder_escaped(&r->text, name);
		builder_printf(&r->text, ") ");
	}
	builder_printf(&r->text, "%s0x%" PRIx64, type_is_reference(type) ? "@" : "", addr);
	if (addr && type->kind == TYPE_POINTER && r->options->format != 'x')
		put_identity(r, id);
	if (type->kind == TYPE_POINTER && (!r->options->format || r->options->format == 's'))
		put_string(r, target, addr);
	shown->text = render_take(r);
	shown->has_pointer = true;
	shown->pointer = addr;
	shown->owner = pointer_owner(r, addr, id);
}

/* ---- All of them --------------------------------------------------------- */

static void render_function(struct render *r, const struct value *value, struct shown *shown)
{
	char name[TYPE_NAME_SIZE];

	type_display(value->type, "", name, sizeof(name));
	builder_printf(&r->text, "{");
	builder_escaped(&r->text, name);
	builder_printf(&r->text, "} 0x%" PRIx64, value->addr);
	put_symbol(r, value->addr);
	shown->text = render_take(r);
	shown->has_pointer = true;
	shown->pointer = value->addr;
}

void render_scalar(struct render *r, const struct value *value, struct shown *shown)
{
	const struct type *type = type_strip(value->type);
	struct err err;

	shown->kind = SHOWN_SCALAR;
	switch (type->kind) {
	case TYPE_POINTER:
		if (!r->options->format || strchr("acsx", r->options->format)) {
			render_pointer(r, value, shown);
			return;
		}
		break;
	case TYPE_FUNCTION:
		render_function(r, value, shown);
		return;
	case TYPE_VOID:
		shown->text = "void";
		return;
	case TYPE_COMPLEX:
		render_complex(r, value, shown);
		return;
	default:
		break;
	}
	if (type->kind == TYPE_POINTER || type->kind == TYPE_MEMBER_POINTER) {
		uint64_t integer;

		if (value_integer(r->catalog, value, &integer, &err)) {
			render_error(r, shown, &err);
			return;
		}
		put_integer(r, integer, 8, false, r->options->format);
	} else if (!render_number(r, value, &err)) {
		r->text.used = 0;
		render_error(r, shown, &err);
		return;
	}
	shown->text = render_take(r);
}
