#include "inspect/print.h"

/* What is rendered is escaped already. */
static json_t *text(const char *rendered)
{
	return rendered ? json_string(rendered) : json_null();
}

static json_t *parts_json(const struct shown *shown)
{
	json_t *all = json_array();

	for (const struct shown *part = shown->parts; part; part = part->next) {
		json_t *one = print_json(part);

		if (json_array_append_new(all, one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *entries_json(const struct shown *shown)
{
	json_t *all = json_array();

	for (const struct shown *key = shown->parts; key && key->next; key = key->next->next) {
		json_t *one = json_pack("{s:o, s:o}", "key", print_json(key), "value",
		                        print_json(key->next));

		if (json_array_append_new(all, one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static int add_parts(json_t *object, const struct shown *shown)
{
	switch (shown->kind) {
	case SHOWN_SCALAR:
		return shown->is_error ? set(object, "error", text(shown->text))
		                       : set(object, "value", text(shown->text));
	case SHOWN_RECORD:
		return set(object, "members", parts_json(shown));
	case SHOWN_SEQUENCE:
		return set(object, "elements", parts_json(shown));
	case SHOWN_MAP:
		return set(object, "entries", entries_json(shown));
	}
	return -1;
}

/* Only what there is: the members of a large array are many. */
static int fill(json_t *object, const struct shown *shown)
{
	int ret = set(object, "type", text(shown->type));

	if (shown->name)
		ret |= set(object, "name", text(shown->name));
	if (shown->is_base)
		ret |= set(object, "base", json_true());
	if (shown->real)
		ret |= set(object, "real_type", text(shown->real));
	if (shown->has_addr)
		ret |= set(object, "address", out_json_hex(shown->addr));
	if (shown->head)
		ret |= set(object, "summary", text(shown->head));
	if (shown->has_pointer)
		ret |= set(object, "pointer", out_json_hex(shown->pointer));
	if (shown->owner)
		ret |= set(object, "owner", text(shown->owner));
	if (shown->repeats > 1)
		ret |= set(object, "repeats", json_integer((json_int_t)shown->repeats));
	if (shown->is_cut)
		ret |= set(object, "cut", json_true());
	return ret | add_parts(object, shown);
}

json_t *print_json(const struct shown *shown)
{
	json_t *object = json_object();

	if (object && fill(object, shown)) {
		json_decref(object);
		return NULL;
	}
	return object;
}
