#include "lib/types/library_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Helpers ------------------------------------------------------------- */

int library_member(struct render *r, const struct value *value, const char *const *path,
                   struct value *ret_value)
{
	struct value at = *value;
	struct err err;

	for (; *path; path++) {
		if (value_find_member(r->catalog, &at, *path, &at, &err))
			return -1;
	}
	*ret_value = at;
	return 0;
}

int library_integer(struct render *r, const struct value *value, const char *const *path,
                    uint64_t *ret_integer)
{
	struct value member;
	struct err err;

	if (library_member(r, value, path, &member))
		return -1;
	/* an atomic counter is a class around an integer */
	if (type_is_record(member.type) && library_member(r, &member, PATH("_M_i"), &member))
		return -1;
	return value_integer(r->catalog, &member, ret_integer, &err);
}

const struct type *library_argument(const struct type *type, size_t which)
{
	const struct type_parts *parts = type_get_parts(type);

	if (which >= parts->argument_count || parts->arguments[which].has_value)
		return NULL;
	return parts->arguments[which].type;
}

static const struct type *find_type(struct render *r, const struct value *value, const char *name)
{
	const struct type *type;
	struct found found;
	struct err err;

	if (catalog_find_type(r->catalog, value->tp, TYPE_VOID, name, &found, &err) ||
	    found_type(&found, &type, &err))
		return NULL;
	type = type_strip(type);
	if (type->kind == TYPE_POINTER)
		type = type_strip(type_target(type));
	return type_is_record(type) && !type->declaration ? type : NULL;
}

const struct type *library_nested(struct render *r, const struct value *value,
                                  const struct type *type, const char *nested)
{
	char name[TYPE_NAME_SIZE];
	size_t len;

	type_path(type_strip(type), name, sizeof(name));
	len = strlen(name);
	if (len + strlen(nested) + 3 > sizeof(name))
		return NULL;
	snprintf(name + len, sizeof(name) - len, "::%s", nested);
	return find_type(r, value, name);
}

const struct type *library_type(struct render *r, const struct value *value, const char *fmt, ...)
{
	char name[TYPE_NAME_SIZE + 64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	return find_type(r, value, name);
}

int library_stored(struct render *r, const struct value *value, const struct type *node,
                   const struct type *element, uint64_t addr, struct value *ret_value)
{
	static const char *const names[] = {"_M_storage", "_M_value_field", "_M_data", "_M_v"};
	struct value whole = value_at(node, value->tp, addr), stored;
	struct err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (value_find_member(r->catalog, &whole, names[i], &stored, &err))
			continue;
		*ret_value = value_at(element, value->tp, stored.addr);
		return 0;
	}
	return -1;
}

void library_head(struct render *r, struct shown *shown, const char *name, uint64_t count)
{
	builder_printf(&r->text, "std::%s with %" PRIu64 " element%s", name, count,
	               count == 1 ? "" : "s");
	shown->head = render_take(r);
}

bool library_add(struct render *r, struct shown *shown, const char *name, const struct value *value)
{
	struct shown *part = render_add(r, shown, name);

	if (part)
		render_into(r, value, part);
	return part;
}

bool library_wants(struct render *r, struct shown *shown, uint64_t done)
{
	if (done < r->options->limit && !r->stopped && !r->failed)
		return true;
	shown->is_cut = true;
	return false;
}

/* ---- Which class --------------------------------------------------------- */

static const struct {
	const char *name;
	library_renderer *render;
} classes[] = {
	{"basic_string", library_string},
	{"basic_string_view", library_string_view},
	{"vector", library_vector},
	{"deque", library_deque},
	{"list", library_list},
	{"forward_list", library_forward_list},
	{"map", library_tree},
	{"multimap", library_tree},
	{"set", library_tree},
	{"multiset", library_tree},
	{"unordered_map", library_hash},
	{"unordered_multimap", library_hash},
	{"unordered_set", library_hash},
	{"unordered_multiset", library_hash},
	{"array", library_array},
	{"tuple", library_tuple},
	{"optional", library_optional},
	{"variant", library_variant},
	{"unique_ptr", library_unique_ptr},
	{"shared_ptr", library_shared_ptr},
	{"weak_ptr", library_shared_ptr},
	{"function", library_function},
};

/* "vector" of "std::vector<int, ...>"; the library's own inline namespaces do not count. */
static bool library_name(const struct type *type, char *dst, size_t size)
{
	static const char *const inner[] = {"__cxx11::", "_V2::", "__cxx1998::"};
	char name[TYPE_NAME_SIZE];
	const char *at = name;
	size_t len;

	if (!type->name || !strchr(type->name, '<'))
		return false;
	type_path(type, name, sizeof(name));
	if (strncmp(at, "std::", 5) != 0)
		return false;
	at += 5;
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		if (!strncmp(at, inner[i], strlen(inner[i])))
			at += strlen(inner[i]);
	}
	len = strcspn(at, "<:");
	if (at[len] != '<' || len >= size)
		return false;
	memcpy(dst, at, len);
	dst[len] = '\0';
	/* nothing may follow the template's arguments: "std::vector<int>::iterator" */
	return name[strlen(name) - 1] == '>';
}

static bool render_class(struct render *r, const struct value *value, const struct type *type,
                         struct shown *shown, bool text_only)
{
	char name[64];

	if (type->declaration || !value->in_memory || !library_name(type, name, sizeof(name)))
		return false;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct value typed = *value;

		if (strcmp(classes[i].name, name) != 0)
			continue;
		if (text_only && classes[i].render != library_string &&
		    classes[i].render != library_string_view)
			return false;
		typed.type = type;
		return !classes[i].render(r, &typed, type, name, shown);
	}
	return false;
}

bool render_library(struct render *r, const struct value *value, const struct type *type,
                    struct shown *shown)
{
	return render_class(r, value, type, shown, false);
}

bool render_library_text(struct render *r, const struct value *value, const struct type *type,
                         struct shown *shown)
{
	return render_class(r, value, type, shown, true);
}
