/*
 * Tuples, and classes of the C++ library that hold one thing or none.
 */
#include "lib/types/library_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Tuples -------------------------------------------------------------- */

/* The base class whose name begins so. */
static bool find_base(struct render *r, const struct value *value, const char *begins,
                      struct value *ret_value)
{
	const struct type_parts *parts = type_get_parts(type_strip(value->type));

	for (size_t i = 0; i < parts->member_count && parts->members[i].is_base; i++) {
		const char *name = type_strip(parts->members[i].type)->name;
		struct err err;

		if (name && !strncmp(name, begins, strlen(begins)))
			return !value_member(r->catalog, value, &parts->members[i], ret_value,
			                     &err);
	}
	return false;
}

size_t library_tuple_values(struct render *r, const struct value *value,
                            struct value values[LIBRARY_TUPLE_MAX])
{
	struct value level = *value, head;
	size_t count = 0;

	while (count < LIBRARY_TUPLE_MAX && find_base(r, &level, "_Tuple_impl<", &level)) {
		if (!find_base(r, &level, "_Head_base<", &head))
			break;
		/* an empty class may be the base class itself */
		if (library_member(r, &head, PATH("_M_head_impl"), &values[count])) {
			const struct type *own = library_argument(type_strip(head.type), 1);

			values[count] = head;
			if (own)
				values[count].type = own;
		}
		count++;
	}
	return count;
}

int library_tuple(struct render *r, const struct value *value, const struct type *type,
                  const char *name, struct shown *shown)
{
	struct value values[LIBRARY_TUPLE_MAX];
	size_t count = library_tuple_values(r, value, values);

	if (!count && type_get_parts(type)->member_count)
		return -1;
	shown->kind = SHOWN_RECORD;
	shown->head = "std::tuple containing";
	for (size_t i = 0; i < count; i++) {
		char number[24];

		snprintf(number, sizeof(number), "[%zu]", i);
		if (!library_add(r, shown, number, &values[i]))
			break;
	}
	return 0;
}

/* ---- Maybe something ----------------------------------------------------- */

static void argument_head(struct render *r, const char *name, const struct type *type)
{
	const struct type *argument = library_argument(type, 0);
	char text[TYPE_NAME_SIZE] = "";

	if (argument)
		type_display(argument, "", text, sizeof(text));
	builder_printf(&r->text, "std::%s<", name);
	builder_escaped(&r->text, text);
	builder_printf(&r->text, ">");
}

int library_optional(struct render *r, const struct value *value, const struct type *type,
                     const char *name, struct shown *shown)
{
	struct value payload, stored;
	uint64_t engaged;

	if (library_integer(r, value, PATH("_M_payload", "_M_engaged"), &engaged) ||
	    library_member(r, value, PATH("_M_payload", "_M_payload"), &payload) ||
	    library_member(r, &payload, PATH("_M_value"), &stored))
		return -1;
	shown->kind = SHOWN_RECORD;
	argument_head(r, name, type);
	if (!engaged)
		builder_printf(&r->text, " [no contained value]");
	shown->head = render_take(r);
	if (engaged)
		library_add(r, shown, "[contained value]", &stored);
	return 0;
}

static void variant_head(struct render *r, const struct type *type, uint64_t index, bool empty)
{
	const struct type_parts *parts = type_get_parts(type);
	char text[TYPE_NAME_SIZE];

	builder_printf(&r->text, "std::variant<");
	for (size_t i = 0; i < parts->argument_count; i++) {
		type_display(parts->arguments[i].type, "", text, sizeof(text));
		builder_printf(&r->text, "%s", i ? ", " : "");
		builder_escaped(&r->text, text);
	}
	if (empty)
		builder_printf(&r->text, "> [no contained value]");
	else
		builder_printf(&r->text, "> [index %" PRIu64 "]", index);
}

int library_variant(struct render *r, const struct value *value, const struct type *type,
                    const char *name, struct shown *shown)
{
	const struct type_parts *parts = type_get_parts(type);
	struct value at, first;
	uint64_t index;
	bool empty;

	if (library_integer(r, value, PATH("_M_index"), &index) ||
	    library_member(r, value, PATH("_M_u"), &at))
		return -1;
	empty = index >= parts->argument_count;
	for (uint64_t i = 0; !empty && i < index; i++) {
		if (library_member(r, &at, PATH("_M_rest"), &at))
			return -1;
	}
	if (!empty && library_member(r, &at, PATH("_M_first", "_M_storage"), &first))
		return -1;
	shown->kind = SHOWN_SEQUENCE;
	variant_head(r, type, index, empty);
	shown->head = render_take(r);
	if (empty)
		return 0;
	first.type = parts->arguments[index].type;
	library_add(r, shown, NULL, &first);
	return 0;
}

/* ---- Pointers that own --------------------------------------------------- */

static bool is_followed(const struct render *r, uint64_t addr)
{
	for (size_t i = 0; i < r->followed_count; i++) {
		if (r->followed[i] == addr)
			return true;
	}
	return r->followed_count == FOLLOWED_MAX;
}

/* What an owning pointer owns is shown with it, once on each way down. */
static void follow(struct render *r, const struct value *pointer, struct shown *shown)
{
	struct value object, whole;
	struct shown *part;
	struct err err;
	uint64_t size;

	if (r->options->plain || r->depth >= r->options->depth ||
	    value_follow(r->catalog, pointer, &object, &err) || !object.addr ||
	    is_followed(r, object.addr) ||
	    !type_size(catalog_define(r->catalog, object.tp, type_strip(object.type)), &size))
		return;
	part = render_add(r, shown, "*get()");
	if (!part)
		return;
	r->followed[r->followed_count++] = object.addr;
	if (dynamic_value(r->catalog, &object, &whole)) {
		char name[TYPE_NAME_SIZE];

		type_display(whole.type, "", name, sizeof(name));
		part->real = render_text(r, name);
		object = whole;
	}
	render_into(r, &object, part);
	r->followed_count--;
}

int library_unique_ptr(struct render *r, const struct value *value, const struct type *type,
                       const char *name, struct shown *shown)
{
	const struct type *argument = library_argument(type, 0);
	struct value values[LIBRARY_TUPLE_MAX], tuple;

	if (!argument || library_member(r, value, PATH("_M_t", "_M_t"), &tuple) ||
	    !library_tuple_values(r, &tuple, values) || !type_is_pointer(values[0].type))
		return -1;
	shown->kind = SHOWN_RECORD;
	argument_head(r, name, type);
	shown->head = render_take(r);
	if (library_add(r, shown, "get()", &values[0]) && type_strip(argument)->kind != TYPE_ARRAY)
		follow(r, &values[0], shown);
	return 0;
}

/* The weak count includes one for all owners together. */
static int put_counts(struct render *r, const struct value *control)
{
	uint64_t uses, weak;

	if (library_integer(r, control, PATH("_M_use_count"), &uses) ||
	    library_integer(r, control, PATH("_M_weak_count"), &weak))
		return -1;
	if ((int64_t)uses > 0)
		builder_printf(&r->text, " (use count %" PRId64 ", weak count %" PRId64 ")",
		               (int64_t)uses, (int64_t)weak - 1);
	else
		builder_printf(&r->text, " (expired, weak count %" PRId64 ")", (int64_t)weak);
	return 0;
}

int library_shared_ptr(struct render *r, const struct value *value, const struct type *type,
                       const char *name, struct shown *shown)
{
	struct value pointer, counts, control;
	uint64_t addr, uses = 0;
	struct err err;

	if (library_member(r, value, PATH("_M_ptr"), &pointer) ||
	    library_member(r, value, PATH("_M_refcount", "_M_pi"), &counts) ||
	    value_integer(r->catalog, &counts, &addr, &err))
		return -1;
	shown->kind = SHOWN_RECORD;
	argument_head(r, name, type);
	if (!addr)
		builder_printf(&r->text, " (empty)");
	else if (value_follow(r->catalog, &counts, &control, &err) || put_counts(r, &control))
		builder_printf(&r->text, " (counts cannot be read)");
	else
		library_integer(r, &control, PATH("_M_use_count"), &uses);
	shown->head = render_take(r);
	/* what expired is gone */
	if (library_add(r, shown, "get()", &pointer) && (int64_t)uses > 0)
		follow(r, &pointer, shown);
	return 0;
}

int library_function(struct render *r, const struct value *value, const struct type *type,
                     const char *name, struct shown *shown)
{
	struct value invoker, functor;
	uint64_t manager;

	if (r->options->plain || library_integer(r, value, PATH("_M_manager"), &manager) ||
	    library_member(r, value, PATH("_M_invoker"), &invoker) ||
	    library_member(r, value, PATH("_M_functor"), &functor))
		return -1;
	shown->kind = SHOWN_RECORD;
	argument_head(r, name, type);
	if (!manager)
		builder_printf(&r->text, " (empty)");
	shown->head = render_take(r);
	if (manager)
		library_add(r, shown, "_M_invoker", &invoker);
	return 0;
}
