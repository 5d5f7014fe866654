#include "lib/types/locate.h"

#include "lib/types/builder.h"
#include "lib/types/index.h"
#include "lib/types/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How many members and elements lie in each other. */
#define PARTS_MAX 32

/* ---- Parts of variables -------------------------------------------------- */

/* The member that covers an offset: the one that begins last. */
static const struct member *member_at(struct catalog *catalog, const struct reg_threadproc *tp,
                                      const struct type *type, uint64_t offset)
{
	const struct type_parts *parts = type_get_parts(type);
	const struct member *found = NULL;

	for (size_t i = 0; i < parts->member_count; i++) {
		const struct member *member = &parts->members[i];
		const struct type *own = catalog_define(catalog, tp, type_strip(member->type));
		uint64_t size;

		if (member->is_virtual || member->offset > offset || !type_size(own, &size) ||
		    offset - member->offset >= size)
			continue;
		/* of a union, the first */
		if (!found || member->offset > found->offset)
			found = member;
	}
	return found;
}

static void put(char *dst, size_t size, size_t *used, const char *before, const char *text)
{
	int len;

	if (*used >= size)
		return;
	len = snprintf(dst + *used, size - *used, "%s%s", before, text);
	if (len > 0)
		*used += (size_t)len;
}

bool locate_part(struct catalog *catalog, const struct reg_threadproc *tp, const char *name,
                 const struct type *type, uint64_t offset, char *dst, size_t size)
{
	char number[32];
	uint64_t whole;
	size_t used = 0;

	if (!type_size(catalog_define(catalog, tp, type_strip(type)), &whole) || offset >= whole)
		return false;
	put(dst, size, &used, "", name);
	for (int depth = 0; depth < PARTS_MAX; depth++) {
		type = catalog_define(catalog, tp, type_strip(type));
		if (type->kind == TYPE_ARRAY) {
			const struct type *element = type_target(type);

			if (!type_size(catalog_define(catalog, tp, type_strip(element)), &whole) ||
			    !whole)
				break;
			snprintf(number, sizeof(number), "[%" PRIu64 "]", offset / whole);
			put(dst, size, &used, "", number);
			offset %= whole;
			type = element;
		} else if (type_is_record(type)) {
			const struct member *member = member_at(catalog, tp, type, offset);

			if (!member)
				break;
			if (member->name && !member->is_base)
				put(dst, size, &used, ".", member->name);
			offset -= member->offset;
			type = member->type;
		} else {
			break;
		}
	}
	if (offset) {
		snprintf(number, sizeof(number), "+%" PRIu64, offset);
		put(dst, size, &used, "", number);
	}
	return true;
}

/* ---- Identities ---------------------------------------------------------- */

static void locate_code(struct debug *debug, struct identity *id)
{
	struct source_frame frames[SOURCE_FRAMES_MAX];
	size_t count = source_at(debug, id->vaddr, frames);

	for (size_t i = 0; i < count && i < IDENTITY_LINES_MAX; i++) {
		if (!frames[i].place.file)
			break;
		id->lines[id->line_count++] = (struct identity_line){
			.function = frames[i].function,
			.file = frames[i].place.file,
			.line = frames[i].place.line,
			.is_inlined = frames[i].is_inlined,
		};
	}
}

static void locate_data(struct catalog *catalog, struct debug *debug, struct identity *id)
{
	struct found found = {.tp = id->owner.tp, .module = id->module, .debug = debug};
	struct debug_index *index;
	const struct type *type;
	char name[IDENTITY_NAME_SIZE];
	struct err err;

	if (debug_get_index(debug, &index, &err))
		return;
	found.entry = debug_index_at(index, ENTRY_VARIABLE, id->vaddr);
	if (!found.entry || found_type(&found, &type, &err))
		return;
	index_entry_name(found.entry, name, sizeof(name));
	if (!locate_part(catalog, id->owner.tp, name, type, id->vaddr - found.entry->addr,
	                 id->variable, sizeof(id->variable)))
		id->variable[0] = '\0';
}

static bool is_code(const struct catalog *catalog, const struct identity *id)
{
	const struct reg_image *image =
		snapshot_image(catalog_target(catalog)->snapshot, id->module->abi.image);

	return image && id->vaddr >= image->abi.text_lo && id->vaddr < image->abi.text_hi;
}

void locate(struct catalog *catalog, struct identity *id)
{
	struct debug *debug;
	struct err err;

	if (!id->module || !id->has_vaddr || catalog_debug(catalog, id->module, &debug, &err))
		return;
	if (is_code(catalog, id))
		locate_code(debug, id);
	else
		locate_data(catalog, debug, id);
}
