/*
 * Strings and sequences of the C++ library.
 */
#include "lib/types/library_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* No object of any use is larger. */
#define LENGTH_MAX (UINT64_C(1) << 47)

/* ---- Strings ------------------------------------------------------------- */

static int put_text(struct render *r, const struct type *character, uint64_t addr, uint64_t length,
                    struct shown *shown)
{
	struct mem *mem = catalog_target(r->catalog)->mem;
	const struct type *base = character ? type_strip(character) : NULL;
	uint64_t wanted = length < r->options->limit ? length : r->options->limit;
	uint8_t *bytes;
	struct err err;

	if (!base || !render_is_character(character) || !base->size || base->size > 4 || !mem)
		return -1;
	bytes = arena_array(r->arena, wanted + 1, base->size);
	if (!bytes) {
		r->failed = true;
		return 0;
	}
	if (length > LENGTH_MAX) {
		err_set(&err, ERR_INVALID, "a length of %" PRIu64, length);
		render_error(r, shown, &err);
	} else if (wanted && mem_read(mem, addr, bytes, wanted * base->size, &err)) {
		render_error(r, shown, &err);
	} else {
		render_characters(r, bytes, wanted, base->size, render_prefix(character),
		                  wanted < length);
		shown->kind = SHOWN_SCALAR;
		shown->text = render_take(r);
	}
	return 0;
}

/* The older, shared strings keep their length before their characters. */
static int shared_length(struct render *r, const struct value *value, const struct type *type,
                         uint64_t addr, uint64_t *ret_length)
{
	const struct type *header = library_nested(r, value, type, "_Rep");
	struct value rep;
	uint64_t size;

	if (!header || !type_size(header, &size))
		return -1;
	rep = value_at(header, value->tp, addr - size);
	return library_integer(r, &rep, PATH("_M_length"), ret_length);
}

int library_string(struct render *r, const struct value *value, const struct type *type,
                   const char *name, struct shown *shown)
{
	uint64_t addr, length;

	if (library_integer(r, value, PATH("_M_dataplus", "_M_p"), &addr))
		return -1;
	if (library_integer(r, value, PATH("_M_string_length"), &length) &&
	    shared_length(r, value, type, addr, &length))
		return -1;
	return put_text(r, library_argument(type, 0), addr, length, shown);
}

int library_string_view(struct render *r, const struct value *value, const struct type *type,
                        const char *name, struct shown *shown)
{
	uint64_t addr, length;

	if (library_integer(r, value, PATH("_M_str"), &addr) ||
	    library_integer(r, value, PATH("_M_len"), &length))
		return -1;
	return put_text(r, library_argument(type, 0), addr, length, shown);
}

/* ---- Vectors ------------------------------------------------------------- */

static void vector_head(struct render *r, struct shown *shown, const char *what, uint64_t length,
                        uint64_t capacity)
{
	builder_printf(&r->text, "std::%s of length %" PRIu64 ", capacity %" PRIu64, what, length,
	               capacity);
	shown->head = render_take(r);
}

static int unsound(struct render *r, struct shown *shown, const char *what)
{
	struct err err;

	err_set(&err, ERR_INVALID, "not a sound %s", what);
	render_error(r, shown, &err);
	return 0;
}

/* Bits in words, from a word and a bit to another word and bit. */
static int bit_vector(struct render *r, const struct value *value, struct shown *shown)
{
	struct mem *mem = catalog_target(r->catalog)->mem;
	const struct type *type = catalog_base_type(r->catalog, "bool");
	uint64_t first, last, offset, end, words, length;
	struct err err;

	if (library_integer(r, value, PATH("_M_impl", "_M_start", "_M_p"), &first) ||
	    library_integer(r, value, PATH("_M_impl", "_M_finish", "_M_p"), &last) ||
	    library_integer(r, value, PATH("_M_impl", "_M_finish", "_M_offset"), &offset) ||
	    library_integer(r, value, PATH("_M_impl", "_M_end_of_storage"), &end) || !type || !mem)
		return -1;
	if (last < first || end < last || end - first > LENGTH_MAX / 64 || offset > 63)
		return unsound(r, shown, "vector");
	words = (last - first) / 8;
	length = words * 64 + offset;
	vector_head(r, shown, "vector<bool>", length, (end - first) * 8);
	shown->kind = SHOWN_SEQUENCE;
	for (uint64_t i = 0; i < length && library_wants(r, shown, i); i++) {
		uint64_t word;
		struct value bit;

		if (mem_read(mem, first + i / 64 * 8, &word, sizeof(word), &err))
			return unsound(r, shown, "vector");
		bit = value_of_integer(type, word >> i % 64 & 1);
		if (!library_add(r, shown, NULL, &bit))
			break;
	}
	return 0;
}

int library_vector(struct render *r, const struct value *value, const struct type *type,
                   const char *name, struct shown *shown)
{
	const struct type *element = library_argument(type, 0);
	uint64_t first, last, end, size;
	struct value start;

	if (element && type_strip(element)->kind == TYPE_BOOL)
		return bit_vector(r, value, shown);
	if (!element || library_integer(r, value, PATH("_M_impl", "_M_start"), &first) ||
	    library_integer(r, value, PATH("_M_impl", "_M_finish"), &last) ||
	    library_integer(r, value, PATH("_M_impl", "_M_end_of_storage"), &end) ||
	    !type_size(catalog_define(r->catalog, value->tp, type_strip(element)), &size) || !size)
		return -1;
	if (last < first || end < last || end - first > LENGTH_MAX)
		return unsound(r, shown, "vector");
	vector_head(r, shown, "vector", (last - first) / size, (end - first) / size);
	start = value_at(element, value->tp, first);
	render_elements(r, &start, (last - first) / size, shown);
	return 0;
}

int library_array(struct render *r, const struct value *value, const struct type *type,
                  const char *name, struct shown *shown)
{
	struct value elements;

	if (r->options->plain || library_member(r, value, PATH("_M_elems"), &elements) ||
	    type_strip(elements.type)->kind != TYPE_ARRAY)
		return -1;
	render_array(r, &elements, shown);
	return 0;
}

/* ---- Deques -------------------------------------------------------------- */

struct deque {
	uint64_t cur, first, last, node;                 /* of the first element */
	uint64_t end_cur, end_first, end_last, end_node; /* behind the last one */
	uint64_t size;                                   /* of an element */
};

static int read_iterator(struct render *r, const struct value *value, const char *which,
                         uint64_t *cur, uint64_t *first, uint64_t *last, uint64_t *node)
{
	struct value at;

	if (library_member(r, value, PATH("_M_impl", which), &at))
		return -1;
	return library_integer(r, &at, PATH("_M_cur"), cur) ||
	                       library_integer(r, &at, PATH("_M_first"), first) ||
	                       library_integer(r, &at, PATH("_M_last"), last) ||
	                       library_integer(r, &at, PATH("_M_node"), node)
	               ? -1
	               : 0;
}

/* How many elements there are; false when that cannot be. */
static bool deque_length(const struct deque *d, uint64_t *ret_length)
{
	uint64_t in_buffer = d->last - d->first;

	if (d->cur < d->first || d->last < d->cur || d->end_cur < d->end_first ||
	    d->end_last < d->end_cur || d->end_node < d->node || in_buffer < d->size ||
	    in_buffer > LENGTH_MAX || d->end_node - d->node > LENGTH_MAX / in_buffer)
		return false;
	if (d->node == d->end_node) {
		*ret_length = (d->end_cur - d->cur) / d->size;
		return d->end_cur >= d->cur;
	}
	*ret_length = ((d->end_node - d->node) / 8 - 1) * (in_buffer / d->size) +
	              (d->last - d->cur) / d->size + (d->end_cur - d->end_first) / d->size;
	return true;
}

static void deque_elements(struct render *r, const struct value *value, struct deque *d,
                           const struct type *element, uint64_t length, struct shown *shown)
{
	struct mem *mem = catalog_target(r->catalog)->mem;
	uint64_t in_buffer = d->last - d->first;
	struct err err;

	for (uint64_t i = 0; i < length && library_wants(r, shown, i); i++) {
		struct value at = value_at(element, value->tp, d->cur);

		if (!library_add(r, shown, NULL, &at))
			return;
		d->cur += d->size;
		if (d->cur < d->last)
			continue;
		d->node += 8;
		if (!mem || mem_read(mem, d->node, &d->cur, sizeof(d->cur), &err)) {
			shown->is_cut = true;
			return;
		}
		d->last = d->cur + in_buffer;
	}
}

int library_deque(struct render *r, const struct value *value, const struct type *type,
                  const char *name, struct shown *shown)
{
	const struct type *element = library_argument(type, 0);
	uint64_t length;
	struct deque d;

	if (!element || read_iterator(r, value, "_M_start", &d.cur, &d.first, &d.last, &d.node) ||
	    read_iterator(r, value, "_M_finish", &d.end_cur, &d.end_first, &d.end_last,
	                  &d.end_node) ||
	    !type_size(catalog_define(r->catalog, value->tp, type_strip(element)), &d.size) ||
	    !d.size)
		return -1;
	if (!deque_length(&d, &length))
		return unsound(r, shown, name);
	library_head(r, shown, name, length);
	shown->kind = SHOWN_SEQUENCE;
	deque_elements(r, value, &d, element, length, shown);
	return 0;
}

/* ---- Lists --------------------------------------------------------------- */

/* The type of a list's nodes: what it calls _Node, else by its name. */
static const struct type *list_node(struct render *r, const struct value *value,
                                    const struct type *type, const struct type *element,
                                    const char *base)
{
	const struct type *node = library_nested(r, value, type, "_Node");
	char name[TYPE_NAME_SIZE];

	if (node)
		return node;
	type_name(element, name, sizeof(name));
	return library_type(r, value, "std::%s<%s>", base, name);
}

static int walk_list(struct render *r, const struct value *value, const struct type *node,
                     const struct type *element, uint64_t first, uint64_t end, struct shown *shown)
{
	uint64_t addr = first, count = 0;

	shown->kind = SHOWN_SEQUENCE;
	while (addr && addr != end && library_wants(r, shown, count)) {
		struct value whole = value_at(node, value->tp, addr), stored;

		if (library_stored(r, value, node, element, addr, &stored) ||
		    !library_add(r, shown, NULL, &stored) ||
		    library_integer(r, &whole, PATH("_M_next"), &addr)) {
			shown->is_cut = true;
			break;
		}
		count++;
	}
	builder_printf(&r->text, shown->is_cut ? "std::%s" : "std::%s with %" PRIu64 " element%s",
	               shown->head, count, count == 1 ? "" : "s");
	shown->head = render_take(r);
	return 0;
}

int library_list(struct render *r, const struct value *value, const struct type *type,
                 const char *name, struct shown *shown)
{
	const struct type *element = library_argument(type, 0);
	const struct type *node = element ? list_node(r, value, type, element, "_List_node") : NULL;
	struct value header;
	uint64_t first;

	if (!node || library_member(r, value, PATH("_M_impl", "_M_node"), &header) ||
	    library_integer(r, &header, PATH("_M_next"), &first))
		return -1;
	shown->head = "list";
	return walk_list(r, value, node, element, first, header.addr, shown);
}

int library_forward_list(struct render *r, const struct value *value, const struct type *type,
                         const char *name, struct shown *shown)
{
	const struct type *element = library_argument(type, 0);
	const struct type *node =
		element ? list_node(r, value, type, element, "_Fwd_list_node") : NULL;
	uint64_t first;

	if (!node || library_integer(r, value, PATH("_M_impl", "_M_head", "_M_next"), &first))
		return -1;
	shown->head = "forward_list";
	return walk_list(r, value, node, element, first, 0, shown);
}
