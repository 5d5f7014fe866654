#include "lib/types/render_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* More equal elements than this are shown once, as in GDB. */
#define REPEATS_MAX 10
/* Bytes that are compared at once. */
#define BLOCK_SIZE 4096

/* ---- Parts --------------------------------------------------------------- */

const char *render_take(struct render *r)
{
	const char *text = builder_take(&r->text, r->arena);

	if (!text)
		r->failed = true;
	return text ? text : "";
}

const char *render_text(struct render *r, const char *text)
{
	builder_escaped(&r->text, text);
	return render_take(r);
}

void render_error(struct render *r, struct shown *shown, const struct err *err)
{
	builder_printf(&r->text, "<");
	builder_escaped(&r->text, err->text);
	builder_printf(&r->text, ">");
	shown->kind = SHOWN_SCALAR;
	shown->text = render_take(r);
	shown->is_error = true;
}

struct shown *render_add(struct render *r, struct shown *parent, const char *name)
{
	struct shown *shown, **link = &parent->parts;

	if (!(r->parts % 256) && r->options->stopped && r->options->stopped(r->options->context))
		r->stopped = true;
	if (r->stopped || r->failed || r->parts++ >= RENDER_PARTS_MAX) {
		parent->is_cut = true;
		return NULL;
	}
	shown = arena_alloc(r->arena, sizeof(*shown));
	if (!shown) {
		r->failed = true;
		return NULL;
	}
	shown->name = name ? render_text(r, name) : NULL;
	shown->repeats = 1;
	if (parent->part_count)
		link = &parent->last->next;
	*link = shown;
	parent->last = shown;
	parent->part_count++;
	return shown;
}

/* ---- Records ------------------------------------------------------------- */

/* A virtual base class is a part of each class that has it, and shown with the first. */
static bool is_seen(struct render *r, uint64_t addr)
{
	for (size_t i = 0; i < r->base_count; i++) {
		if (r->bases[i] == addr)
			return true;
	}
	if (r->base_count < BASES_MAX)
		r->bases[r->base_count++] = addr;
	return false;
}

static bool is_empty_base(struct render *r, const struct value *record, const struct member *member)
{
	const struct type *type = catalog_define(r->catalog, record->tp, type_strip(member->type));

	return member->is_base && !type->declaration && !type_get_parts(type)->member_count;
}

static void render_member(struct render *r, const struct value *record, const struct member *member,
                          struct shown *parent)
{
	char name[TYPE_NAME_SIZE];
	size_t base_count = r->base_count;
	struct value value;
	struct shown *shown;
	struct err err;
	int failed;

	if (!r->options->plain && is_empty_base(r, record, member))
		return;
	failed = value_member(r->catalog, record, member, &value, &err);
	if (!failed && member->is_virtual && is_seen(r, value.addr))
		return;
	if (member->is_base)
		type_path(type_strip(member->type), name, sizeof(name));
	shown = render_add(r, parent, member->is_base ? name : member->name);
	if (!shown)
		return;
	shown->is_base = member->is_base;
	if (failed) {
		render_error(r, shown, &err);
		return;
	}
	render_into(r, &value, shown);
	if (!member->is_base)
		r->base_count = base_count;
}

static void render_record(struct render *r, const struct value *value, const struct type *type,
                          struct shown *shown)
{
	const struct type_parts *parts = type_get_parts(type);

	shown->kind = SHOWN_RECORD;
	if (type->declaration) {
		shown->kind = SHOWN_SCALAR;
		shown->text = "<incomplete type>";
		return;
	}
	for (size_t i = 0; i < parts->member_count && !r->stopped; i++)
		render_member(r, value, &parts->members[i], shown);
}

/* ---- Arrays -------------------------------------------------------------- */

static bool wants_stop(struct render *r)
{
	if (r->options->stopped && r->options->stopped(r->options->context))
		r->stopped = true;
	return r->stopped;
}

/* How many elements from addr on are the same, of at most count. */
static uint64_t count_repeats(struct render *r, uint64_t addr, uint64_t count, uint64_t size)
{
	struct mem *mem = catalog_target(r->catalog)->mem;
	uint8_t first[BLOCK_SIZE], block[BLOCK_SIZE];
	uint64_t repeats = 1;
	struct err err;

	if (!size || size > sizeof(block) || !mem || mem_read(mem, addr, first, size, &err))
		return 1;
	while (repeats < count && !wants_stop(r)) {
		uint64_t wanted = sizeof(block) / size;
		size_t got;

		if (wanted > count - repeats)
			wanted = count - repeats;
		if (mem_read_some(mem, addr + repeats * size, block, wanted * size, &got, &err))
			break;
		for (size_t at = 0; at + size <= got; at += size) {
			if (memcmp(first, block + at, size) != 0)
				return repeats;
			repeats++;
		}
		if (got < wanted * size)
			break;
	}
	return repeats;
}

void render_elements(struct render *r, const struct value *first, uint64_t count,
                     struct shown *shown)
{
	const struct type *type = catalog_define(r->catalog, first->tp, type_strip(first->type));
	uint64_t size, shown_count = 0;

	shown->kind = SHOWN_SEQUENCE;
	if (!type_size(type, &size))
		return;
	for (uint64_t at = 0; at < count && !r->stopped;) {
		uint64_t repeats = count_repeats(r, first->addr + at * size, count - at, size);
		struct value value = *first;
		struct shown *part;

		if (shown_count >= r->options->limit) {
			shown->is_cut = true;
			break;
		}
		part = render_add(r, shown, NULL);
		if (!part)
			break;
		if (repeats <= REPEATS_MAX)
			repeats = 1;
		value.addr += at * size;
		render_into(r, &value, part);
		part->repeats = repeats;
		shown_count += repeats > 1 ? REPEATS_MAX : 1;
		at += repeats;
	}
}

/* An array of characters is text. */
static bool render_text_array(struct render *r, const struct value *value,
                              const struct type *element, uint64_t count, struct shown *shown)
{
	const struct type *base = type_strip(element);
	uint64_t wanted = count < r->options->limit ? count : r->options->limit;
	uint8_t *bytes;
	struct err err;

	if (!render_is_character(element) || (r->options->format && r->options->format != 's'))
		return false;
	if (!base->size || base->size > 4)
		return false;
	bytes = arena_array(r->arena, wanted + 1, base->size);
	if (!bytes) {
		r->failed = true;
		return false;
	}
	if (value_read(r->catalog, value, bytes, wanted * base->size, &err)) {
		render_error(r, shown, &err);
		return true;
	}
	/* the NUL that ends it */
	if (wanted == count && wanted) {
		const uint8_t *last = bytes + (wanted - 1) * base->size;
		bool is_nul = true;

		for (size_t i = 0; i < base->size; i++)
			is_nul &= !last[i];
		wanted -= is_nul;
	}
	render_characters(r, bytes, wanted, base->size, render_prefix(element), wanted + 1 < count);
	shown->kind = SHOWN_SCALAR;
	shown->text = render_take(r);
	return true;
}

void render_array(struct render *r, const struct value *value, struct shown *shown)
{
	const struct type *array = type_strip(value->type);
	const struct type *element = type_target(array);
	struct value first;
	struct err err;

	if (!array->has_count) {
		/* its length is known to the program alone */
		struct value pointer =
			value_of_integer(type_make_pointer(element, TYPE_POINTER), value->addr);

		pointer.tp = value->tp;
		if (pointer.type)
			render_pointer(r, &pointer, shown);
		return;
	}
	if (render_text_array(r, value, element, array->count, shown))
		return;
	if (value_element(r->catalog, value, 0, &first, &err)) {
		render_error(r, shown, &err);
		return;
	}
	render_elements(r, &first, array->count, shown);
}

/* ---- Any value ----------------------------------------------------------- */

static void render_type(struct render *r, const struct value *value, struct shown *shown)
{
	char name[TYPE_NAME_SIZE];

	type_display(value->type, "", name, sizeof(name));
	shown->type = render_text(r, name);
	shown->has_addr = value->in_memory && !value->bit_size;
	shown->addr = value->addr;
}

/* An array that is shown as text, or as where it is. */
static bool is_flat(const struct type *type)
{
	return type->kind == TYPE_ARRAY &&
	       (!type->has_count || render_is_character(type_target(type)));
}

static void render_compound(struct render *r, const struct value *value, const struct type *type,
                            struct shown *shown)
{
	bool deep = r->depth > r->options->depth;

	if (deep && !is_flat(type) && !render_library_text(r, value, type, shown)) {
		shown->text = "{...}";
		return;
	}
	if (shown->text)
		return;
	if (type->kind == TYPE_ARRAY)
		render_array(r, value, shown);
	else if (!render_library(r, value, type, shown))
		render_record(r, value, type, shown);
}

static void render_referred(struct render *r, const struct value *value, struct shown *shown)
{
	struct value referred;
	struct err err;

	if (value_follow(r->catalog, value, &referred, &err)) {
		render_error(r, shown, &err);
		return;
	}
	render_pointer(r, value, shown);
	if ((r->options->plain && r->depth > 1) || r->depth > r->options->depth)
		return;
	shown->head = shown->text;
	shown->is_reference = true;
	shown->text = NULL;
	render_into(r, &referred, shown);
}

void render_into(struct render *r, const struct value *value, struct shown *shown)
{
	const struct type *type = catalog_define(r->catalog, value->tp, type_strip(value->type));

	if (!shown->type)
		render_type(r, value, shown);
	r->depth++;
	if (type_is_record(type) || type->kind == TYPE_ARRAY)
		render_compound(r, value, type, shown);
	else if (type_is_reference(type))
		render_referred(r, value, shown);
	else
		render_scalar(r, value, shown);
	r->depth--;
}

/* ---- The whole ----------------------------------------------------------- */

int render_value(struct catalog *catalog, const struct value *value,
                 const struct render_options *options, struct rendering *ret_rendering,
                 struct err *err)
{
	struct rendering rendering = {.root = NULL};
	struct render r = {.catalog = catalog, .options = options, .arena = &rendering.arena};
	struct shown top = {.kind = SHOWN_SEQUENCE};
	struct value whole = *value;

	rendering.root = render_add(&r, &top, NULL);
	if (rendering.root) {
		if (!options->plain && dynamic_value(catalog, value, &whole)) {
			char name[TYPE_NAME_SIZE];

			type_display(whole.type, "", name, sizeof(name));
			rendering.root->real = render_text(&r, name);
			render_type(&r, value, rendering.root);
		}
		render_into(&r, &whole, rendering.root);
	}
	builder_deinit(&r.text);
	if (!r.failed && !r.stopped && rendering.root) {
		*ret_rendering = rendering;
		return 0;
	}
	rendering_deinit(&rendering);
	if (r.failed)
		return err_os(err, ENOMEM, "value");
	return err_set(err, ERR_LIMIT, "interrupted");
}

void rendering_deinit(struct rendering *rendering)
{
	arena_deinit(&rendering->arena);
	rendering->root = NULL;
}
