/*
 * Where a module's blocks of thread-local storage are: in its link map.  The public part of
 * that is short; what comes behind differs between versions of glibc, and is known by the module's
 * own program header, which it repeats: address, sizes and alignment of the initial image.
 */
#include "lib/read/tls_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/module_memory.h"

#include <errno.h>
#include <stdlib.h>

#define LINK_MAP_SIZE 2048u
#define LINK_MAPS_MAX 4096u
#define NAMESPACES_MAX 16u
#define DATA_MAX (UINT64_C(1) << 20)

/* What rtld keeps of a module's PT_TLS (glibc 2.28 to 2.41). */
struct tls_record {
	uint64_t image;
	uint64_t image_size;
	uint64_t size;
	uint64_t align;
	uint64_t first_byte;
	uint64_t offset; /* 0: not placed; -1: only in the table of dynamic blocks */
	uint64_t id;
};

struct link_map {
	uint64_t bias;
	uint64_t name;
	uint64_t dynamic;
	uint64_t next;
	uint64_t prev;
};

struct finder {
	const struct target *target;
	const struct reg_threadproc *tp;
	struct tls_module *list;
	size_t count;
};

static int add(struct finder *f, const struct reg_module *module, const struct tls_record *record,
               struct err *err)
{
	struct tls_module *grown = reallocarray(f->list, f->count + 1, sizeof(*grown));

	if (!grown)
		return err_os(err, ENOMEM, "modules");
	f->list = grown;
	grown[f->count++] = (struct tls_module){
		.module = module,
		.size = record->size,
		.offset = record->offset < UINT64_C(1) << 40 ? record->offset : 0,
		.id = record->id,
	};
	return 0;
}

/* Looks for the record in words of the link map, or of a static program's data. */
static int search(struct finder *f, const struct reg_module *module,
                  const struct module_segment *tls, const uint64_t *words, size_t count,
                  struct err *err)
{
	const size_t length = sizeof(struct tls_record) / 8;

	for (size_t i = 0; i + length <= count; i++) {
		const struct tls_record *record = (const struct tls_record *)(words + i);

		if (record->image == tls->addr && record->image_size == tls->file_size &&
		    record->size == tls->size && record->align == tls->align)
			return add(f, module, record, err);
	}
	return 0;
}

static const struct reg_module *module_of(const struct finder *f, const struct link_map *map)
{
	for (size_t i = 0; i < f->tp->module_count; i++) {
		const struct reg_module *module = &f->tp->modules[i];

		if (module->abi.dynamic ? module->abi.dynamic == map->dynamic
		                        : module->abi.bias == map->bias)
			return module;
	}
	return NULL;
}

static int look_at_map(struct finder *f, uint64_t at, const struct link_map *map, struct err *err)
{
	const struct reg_module *module = module_of(f, map);
	uint64_t words[LINK_MAP_SIZE / 8];
	const struct module_segment *tls;
	struct module_memory memory;
	struct err ignored;
	size_t got;

	if (!module || module_memory_read(f->target, module, &memory, &ignored))
		return 0;
	tls = module_memory_tls(&memory);
	if (!tls || mem_read_some(f->target->mem, at, words, sizeof(words), &got, &ignored))
		return 0;
	return search(f, module, tls, words, got / 8, err);
}

/* struct r_debug: version, first link map; from version 2 on, the next of them at 40. */
static int walk_maps(struct finder *f, struct err *err)
{
	uint64_t debug = f->tp->abi.r_debug, head[6];
	unsigned maps = LINK_MAPS_MAX;
	struct err ignored;

	for (unsigned left = NAMESPACES_MAX; debug && left; left--) {
		bool extended;

		if (mem_read(f->target->mem, debug, head, 5 * 8, &ignored))
			return 0;
		extended = (uint32_t)head[0] >= 2 &&
		           !mem_read(f->target->mem, debug + 40, &head[5], 8, &ignored);
		for (uint64_t at = head[1]; at && maps; maps--) {
			struct link_map map;

			if (mem_read(f->target->mem, at, &map, sizeof(map), &ignored))
				break;
			if (look_at_map(f, at, &map, err))
				return -1;
			at = map.next;
		}
		debug = extended ? head[5] : 0;
	}
	return 0;
}

/* A static program has a link map, but no chain of them. */
static int search_program(struct finder *f, const struct reg_module *module, struct err *err)
{
	const struct module_segment *tls;
	struct module_memory memory;
	struct err ignored;

	if (module_memory_read(f->target, module, &memory, &ignored))
		return 0;
	tls = module_memory_tls(&memory);
	for (size_t i = 0; tls && i < memory.count && !f->count; i++) {
		const struct module_segment *segment = &memory.list[i];
		size_t want = segment->size < DATA_MAX ? segment->size : DATA_MAX, got;
		AUTO_FREE uint64_t *words = NULL;

		if (segment->type != PT_LOAD || !(segment->flags & PF_W) || !want)
			continue;
		words = malloc(want);
		if (!words)
			return err_os(err, ENOMEM, "data of a module");
		if (!mem_read_some(f->target->mem, (segment->addr + 7) & ~UINT64_C(7), words, want,
		                   &got, &ignored) &&
		    search(f, module, tls, words, got / 8, err))
			return -1;
	}
	return 0;
}

int tls_find_modules(const struct target *target, const struct reg_threadproc *tp,
                     struct tls_module **ret_list, size_t *ret_count, struct err *err)
{
	struct finder f = {.target = target, .tp = tp};
	int ret = walk_maps(&f, err);

	for (size_t i = 0; i < tp->module_count && !ret && !f.count; i++) {
		if (tp->modules[i].abi.kind == TP_MODULE_PROGRAM)
			ret = search_program(&f, &tp->modules[i], err);
	}
	if (ret) {
		free(f.list);
		return -1;
	}
	*ret_list = f.list;
	*ret_count = f.count;
	return 0;
}
