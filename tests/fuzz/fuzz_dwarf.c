/*
 * Debugging information.  An input is an ELF file: every type is laid out and named, every
 * variable's place found, lines are asked for, an expression is computed over each variable, with
 * the input itself as the memory.
 */
#include "lib/types/debug.h"
#include "lib/types/die.h"
#include "lib/types/eval.h"
#include "lib/types/index.h"
#include "lib/types/layout.h"
#include "lib/types/render.h"
#include "lib/types/source.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Enough of each kind to reach everything, little enough to be fast. */
#define ENTRIES_MAX 300

struct fuzz {
	struct debug *debug;
	struct catalog *catalog;
	struct target target;
	size_t entries;
};

static void render(struct fuzz *fuzz, const struct type *type, uint64_t addr)
{
	static const char formats[] = {0, 'x', 's'};
	struct value value = value_at(type, NULL, addr);
	struct rendering rendering;
	struct err err;

	for (size_t i = 0; i < sizeof(formats); i++) {
		struct render_options options = {
			.format = formats[i], .depth = 4, .limit = 8, .plain = i == 2};

		if (!render_value(fuzz->catalog, &value, &options, &rendering, &err)) {
			PROMISE(rendering.root);
			rendering_deinit(&rendering);
		}
	}
}

static void look_at_type(struct fuzz *fuzz, const struct type *type)
{
	char name[TYPE_NAME_SIZE];
	struct layout layout;
	struct err err;
	uint64_t size;

	type_name(type, name, sizeof(name));
	PROMISE(strlen(name) < sizeof(name));
	type_size(type, &size);
	PROMISE(type_strip(type)->kind != TYPE_TYPEDEF);
	if (type_is_record(type) && !layout_of(fuzz->catalog, NULL, type, &layout, &err))
		layout_deinit(&layout);
	render(fuzz, type, 0x1000);
}

static int look_at(void *context, const struct index_entry *entry, bool exact)
{
	struct fuzz *fuzz = context;
	struct found found = {.debug = fuzz->debug, .entry = entry};
	struct source_frame frames[SOURCE_FRAMES_MAX];
	struct source_place place;
	const struct type *type;
	char name[256];
	struct err err;

	PROMISE(entry->name);
	index_entry_name(entry, name, sizeof(name));
	index_entry_file(fuzz->debug, entry);
	source_declared(fuzz->debug, entry, &place);
	if (!found_type(&found, &type, &err))
		look_at_type(fuzz, type);
	if (entry->place == PLACED_AT)
		PROMISE(source_at(fuzz->debug, entry->addr, frames) <= SOURCE_FRAMES_MAX);
	return ++fuzz->entries >= ENTRIES_MAX;
}

static void explore(struct fuzz *fuzz)
{
	struct debug_index *index;
	struct err err;

	if (debug_get_index(fuzz->debug, &index, &err))
		return;
	debug_index_each(index, ENTRY_TYPE | ENTRY_VARIABLE | ENTRY_FUNCTION | ENTRY_ENUMERATOR,
	                 look_at, fuzz);
	PROMISE(!debug_index_at(index, ENTRY_VARIABLE, 0) ||
	        debug_index_at(index, ENTRY_VARIABLE, 0)->addr == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem_bytes run = {0x1000, data, size};
	static const struct snapshot nobody;
	struct fuzz fuzz = {.target.snapshot = &nobody};
	struct debug_cache *cache;
	struct err err;

	if (!size || debug_open_bytes(data, size, &fuzz.debug, &err))
		return 0;
	PROMISE(!debug_cache_create(&cache, &err));
	PROMISE(!mem_open_bytes(&run, 1, &fuzz.target.mem, &err));
	PROMISE(!symcache_create(&fuzz.target.symbols, &err));
	PROMISE(!catalog_create(&fuzz.target, cache, &fuzz.catalog, &err));
	explore(&fuzz);
	catalog_destroy(fuzz.catalog);
	symcache_destroy(fuzz.target.symbols);
	mem_close(fuzz.target.mem);
	debug_cache_destroy(cache);
	debug_close(fuzz.debug);
	return 0;
}
