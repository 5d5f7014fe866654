/* Types as JSON. */
#include "inspect/show.h"
#include "inspect/types.h"

#include "lib/types/source.h"

static json_t *rows_json(struct debugging *debugging, const struct found *found,
                         const struct type *type, int depth);

static json_t *row_json(struct debugging *debugging, const struct found *found,
                        const struct layout_row *row, int depth)
{
	static const char *const kinds[] = {
		[LAYOUT_MEMBER] = "member",
		[LAYOUT_BASE] = "base",
		[LAYOUT_VIRTUAL_BASE] = "virtual base",
		[LAYOUT_HOLE] = "hole",
		[LAYOUT_PADDING] = "padding",
	};
	const struct type *unnamed = types_unnamed(row);
	char type[TYPE_NAME_SIZE] = "";
	bool fixed = row->kind != LAYOUT_VIRTUAL_BASE;
	json_t *object;

	if (row->member)
		type_display(row->member->type, "", type, sizeof(type));
	object = json_pack("{s:s, s:o, s:o, s:o, s:I}", "kind", kinds[row->kind], "name",
	                   out_json_text(row->member ? row->member->name : NULL), "type",
	                   row->member ? out_json_text(type) : json_null(), "bit_offset",
	                   fixed ? json_integer((json_int_t)row->bit) : json_null(), "bits",
	                   (json_int_t)row->bits);
	if (object && unnamed && depth < TYPES_DEPTH_MAX &&
	    json_object_set_new(object, "members",
	                        rows_json(debugging, found, unnamed, depth + 1))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Offsets of a record within another count from where it begins itself. */
static json_t *rows_json(struct debugging *debugging, const struct found *found,
                         const struct type *type, int depth)
{
	struct layout layout;
	struct err err;
	json_t *all;

	if (!type_is_record(type) || layout_of(debugging->catalog, found->tp, type, &layout, &err))
		return json_null();
	all = json_array();
	for (size_t i = 0; i < layout.count; i++) {
		if (json_array_append_new(all,
		                          row_json(debugging, found, &layout.rows[i], depth))) {
			json_decref(all);
			all = NULL;
			break;
		}
	}
	layout_deinit(&layout);
	return all;
}

static json_t *enumerators_json(const struct type *type)
{
	const struct type_parts *parts = type_get_parts(type);
	json_t *all;

	if (type->kind != TYPE_ENUM)
		return json_null();
	all = json_array();
	for (size_t i = 0; i < parts->enumerator_count; i++) {
		json_t *one =
			json_pack("{s:o, s:I}", "name", out_json_text(parts->enumerators[i].name),
		                  "value", (json_int_t)parts->enumerators[i].value);

		if (json_array_append_new(all, one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static void add_owner(void *context, const struct reg_threadproc *tp)
{
	json_array_append_new(context, show_json_who(tp));
}

static json_t *place_json(const struct found *found)
{
	struct source_place place;

	if (!source_declared(found->debug, found->entry, &place))
		return json_null();
	return json_pack("{s:o, s:I}", "file", out_json_text(place.file), "line",
	                 (json_int_t)place.line);
}

static json_t *type_json(struct debugging *debugging, const struct found *found, bool full)
{
	const struct type *type, *base;
	char name[TYPE_NAME_SIZE], target[TYPE_NAME_SIZE];
	json_t *owners = json_array();
	struct err err;
	uint64_t size;

	if (found_type(found, &type, &err)) {
		json_decref(owners);
		return NULL;
	}
	types_each_owner(debugging, found, add_owner, owners);
	base = type_strip(type);
	index_entry_name(found->entry, name, sizeof(name));
	type_name(type_target(type), target, sizeof(target));
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
	                 out_json_text(name), "kind", types_keyword(type), "size",
	                 type_size(type, &size) ? json_integer((json_int_t)size) : json_null(),
	                 "is", type->kind == TYPE_TYPEDEF ? out_json_text(target) : json_null(),
	                 "file", out_json_text(found->module->path), "threadprocs", owners,
	                 "declared", place_json(found), "members",
	                 full ? rows_json(debugging, found, base, 0) : json_null(), "enumerators",
	                 full ? enumerators_json(base) : json_null());
}

int types_json(struct session *session, struct debugging *debugging, const struct types_list *list,
               struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < list->count; i++) {
		json_t *one = type_json(debugging, &list->list[i], !list->pattern);

		if (json_array_append_new(all, one)) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o, s:b}", "types", all, "cut", list->cut),
	                          err);
}
