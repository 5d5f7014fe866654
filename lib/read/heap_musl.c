/*
 * musl's mallocng.  It keeps what it knows apart from the memory that it hands out: pages that
 * begin with a secret word, each with up to a hundred records of groups, a group being up to 32
 * slots of one size.  Its own state begins with the secret, by which it is found.
 */
#include "lib/read/heap_parts.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"
#include "lib/read/module_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 16u
#define PAGE UINT64_C(4096)
#define DATA_MAX (UINT64_C(1) << 20)
#define AREAS_MAX 65536u

/* In words from the secret: where malloc_context has the first page of records. */
#define AREA_AT 7u

struct meta {
	uint64_t prev;
	uint64_t next;
	uint64_t mem; /* the group; 0: not in use */
	uint32_t avail;
	uint32_t freed;
	uint64_t packed; /* last slot: 5 bits, freeable: 1, class: 6, pages: the rest */
};

struct meta_area {
	uint64_t check;
	uint64_t next;
	uint32_t slots;
	uint32_t pad;
	struct meta meta[];
};

#define METAS ((PAGE - sizeof(struct meta_area)) / sizeof(struct meta))

struct group {
	uint64_t lo;
	uint64_t hi;
	uint64_t reach; /* the furthest end of this and all before */
	uint64_t stride;
	uint32_t free; /* bit N: slot N */
	uint32_t freed;
	uint32_t slots;
};

struct musl_heap {
	struct mem *mem;
	struct group *groups; /* ascending by lo; a small one may lie in a slot of a large one */
	size_t count;
	size_t room;
};

static const uint16_t class_units[48] = {
	1,   2,   3,   4,    5,    6,    7,    8,    9,    10,   12,   15,   18,   20,   25,   31,
	36,  42,  50,  63,   72,   84,   102,  127,  146,  170,  204,  255,  292,  340,  409,  511,
	584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

/* ---- Groups --------------------------------------------------------------------------- */

static uint64_t stride_of(const struct meta *meta)
{
	uint64_t last = meta->packed & 31, class = meta->packed >> 6 & 63;
	uint64_t pages = meta->packed >> 12;

	if (!last && pages)
		return pages < UINT64_C(1) << 35 ? pages * PAGE - UNIT : 0;
	return class < 48 ? UNIT * (uint64_t)class_units[class] : 0;
}

static int add_group(struct musl_heap *heap, const struct meta *meta, struct err *err)
{
	uint64_t stride = stride_of(meta), end;
	uint32_t slots = (uint32_t)(meta->packed & 31) + 1;

	if (!meta->mem || meta->mem % UNIT || !stride ||
	    __builtin_add_overflow(meta->mem, UNIT + stride * slots, &end))
		return 0;
	if (!ROOM_FOR_ONE(heap->groups, heap->room, heap->count))
		return err_os(err, ENOMEM, "groups");
	heap->groups[heap->count++] = (struct group){
		.lo = meta->mem,
		.hi = end,
		.stride = stride,
		.free = meta->avail | meta->freed,
		.freed = meta->freed,
		.slots = slots,
	};
	return 0;
}

/* A group's first word leads back to its record. */
static bool leads_back(struct mem *mem, uint64_t group, uint64_t meta)
{
	struct err err;
	uint64_t word;

	return !mem_read(mem, group, &word, sizeof(word), &err) && word == meta;
}

static int read_areas(struct musl_heap *heap, uint64_t secret, uint64_t at, struct err *err)
{
	AUTO_FREE struct meta_area *area = malloc(PAGE);
	struct err ignored;

	if (!area)
		return err_os(err, ENOMEM, "groups");
	/* no ring is longer than what is counted */
	for (unsigned left = AREAS_MAX; at && left; left--) {
		size_t got;

		if (at % PAGE || mem_read_some(heap->mem, at, area, PAGE, &got, &ignored) ||
		    got < sizeof(*area) || area->check != secret)
			return 0;
		for (size_t i = 0; i < area->slots && i < METAS; i++) {
			uint64_t where = at + sizeof(*area) + i * sizeof(struct meta);

			if ((i + 1) * sizeof(struct meta) + sizeof(*area) > got)
				break;
			if (area->meta[i].mem && leads_back(heap->mem, area->meta[i].mem, where) &&
			    add_group(heap, &area->meta[i], err))
				return -1;
		}
		at = area->next;
	}
	return 0;
}

/* ---- Finding it ------------------------------------------------------------------------- */

/* Whether words[0] is the secret of malloc_context, which the first page of records repeats. */
static bool is_context(struct mem *mem, const uint64_t *words)
{
	struct err err;
	uint64_t check;

	return words[0] && words[AREA_AT] && words[AREA_AT] % PAGE == 0 &&
	       !mem_read(mem, words[AREA_AT], &check, sizeof(check), &err) && check == words[0];
}

static int search_segment(struct musl_heap *heap, const struct module_segment *segment,
                          struct err *err)
{
	size_t want = segment->size < DATA_MAX ? segment->size : DATA_MAX, got;
	AUTO_FREE uint64_t *words = malloc(want + 8);
	struct err ignored;

	if (!words)
		return err_os(err, ENOMEM, "data of a module");
	/* segments need not begin at a word */
	if (mem_read_some(heap->mem, (segment->addr + 7) & ~UINT64_C(7), words, want, &got,
	                  &ignored))
		return 0;
	for (size_t i = 0; (i + AREA_AT + 1) * 8 <= got; i++) {
		if (is_context(heap->mem, words + i))
			return read_areas(heap, words[i], words[i + AREA_AT], err);
	}
	return 0;
}

static int search_module(struct musl_heap *heap, const struct target *target,
                         const struct reg_module *module, struct err *err)
{
	struct module_memory memory;
	struct err ignored;

	if (module_memory_read(target, module, &memory, &ignored))
		return 0;
	for (size_t i = 0; i < memory.count && !heap->count; i++) {
		const struct module_segment *segment = &memory.list[i];

		if (segment->type == PT_LOAD && (segment->flags & PF_W) &&
		    search_segment(heap, segment, err))
			return -1;
	}
	return 0;
}

static bool may_have_malloc(const struct reg_module *module)
{
	return module_is_libc(module) || module->abi.kind == TP_MODULE_PROGRAM ||
	       module->abi.kind == TP_MODULE_INTERP;
}

static int by_lo(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void sort_groups(struct musl_heap *heap)
{
	uint64_t reach = 0;

	qsort(heap->groups, heap->count, sizeof(*heap->groups), by_lo);
	for (size_t i = 0; i < heap->count; i++) {
		if (heap->groups[i].hi > reach)
			reach = heap->groups[i].hi;
		heap->groups[i].reach = reach;
	}
}

int heap_musl_read(const struct target *target, const struct reg_threadproc *tp,
                   struct musl_heap **ret_musl, struct err *err)
{
	struct musl_heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return err_os(err, ENOMEM, "heap");
	heap->mem = target->mem;
	for (size_t i = 0; i < tp->module_count && !heap->count; i++) {
		if (may_have_malloc(&tp->modules[i]) &&
		    search_module(heap, target, &tp->modules[i], err)) {
			heap_musl_destroy(heap);
			return -1;
		}
	}
	if (!heap->count) {
		heap_musl_destroy(heap);
		return err_set(err, ERR_NOT_FOUND, "no malloc of glibc's or musl's is in use");
	}
	sort_groups(heap);
	*ret_musl = heap;
	return 0;
}

void heap_musl_destroy(struct musl_heap *musl)
{
	if (!musl)
		return;
	free(musl->groups);
	free(musl);
}

/* ---- Look-up ------------------------------------------------------------------------------ */

/* The innermost group that covers addr. */
static const struct group *group_at(const struct musl_heap *heap, uint64_t addr)
{
	size_t lo = 0, hi = heap->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (heap->groups[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo && heap->groups[lo - 1].reach > addr) {
		if (addr < heap->groups[--lo].hi)
			return &heap->groups[lo];
	}
	return NULL;
}

/*
 * Where the program's bytes are in a slot, as its head says: they may begin later than the slot,
 * and end before it does.
 */
static void fill_extent(struct mem *mem, uint64_t start, uint64_t stride, struct heap_chunk *chunk)
{
	uint64_t end = start + stride - 4, reserved;
	uint8_t head[4];
	struct err err;
	uint32_t more;
	uint16_t off;

	chunk->user = start;
	chunk->size = stride - 4;
	if (mem_read(mem, start - 4, head, 4, &err))
		return;
	memcpy(&off, head + 2, 2);
	if (head[1] == 7 << 5 && (uint64_t)off * UNIT < stride - 4) {
		chunk->user = start + (uint64_t)off * UNIT;
		chunk->size = end - chunk->user;
		if (mem_read(mem, chunk->user - 4, head, 4, &err))
			return;
	}
	if (chunk->state != CHUNK_IN_USE) /* free() has overwritten the rest */
		return;
	reserved = head[1] >> 5;
	if (reserved >= 5) {
		if (mem_read(mem, end - 4, &more, sizeof(more), &err))
			return;
		reserved = more;
	}
	if (reserved <= chunk->size)
		chunk->size -= reserved;
}

bool heap_musl_chunk_at(const struct musl_heap *musl, uint64_t addr, struct heap_chunk *ret_chunk)
{
	const struct group *group = group_at(musl, addr);
	struct heap_chunk chunk = {.allocator = HEAP_MUSL};
	uint64_t slot, start;

	/* a slot's head is in the bytes before it */
	if (!group || addr < group->lo + UNIT - 4)
		return false;
	slot = (addr - (group->lo + UNIT - 4)) / group->stride;
	if (slot >= group->slots)
		return false;
	start = group->lo + UNIT + slot * group->stride;
	chunk.state = group->freed >> slot & 1  ? CHUNK_FREED
	              : group->free >> slot & 1 ? CHUNK_FREE
	                                        : CHUNK_IN_USE;
	chunk.lo = start - 4;
	chunk.arena = group->lo;
	fill_extent(musl->mem, start, group->stride, &chunk);
	*ret_chunk = chunk;
	return true;
}

bool heap_musl_touches(const struct musl_heap *musl, uint64_t lo, uint64_t hi)
{
	for (size_t i = 0; i < musl->count; i++) {
		if (musl->groups[i].lo < hi && musl->groups[i].hi > lo)
			return true;
	}
	return false;
}

void heap_musl_tally(const struct musl_heap *musl, struct heap_arena *arena)
{
	for (size_t i = 0; i < musl->count; i++) {
		const struct group *group = &musl->groups[i];

		for (uint32_t slot = 0; slot < group->slots; slot++) {
			enum chunk_state state = group->freed >> slot & 1  ? CHUNK_FREED
			                         : group->free >> slot & 1 ? CHUNK_FREE
			                                                   : CHUNK_IN_USE;

			arena->tally[state].chunks++;
			arena->tally[state].bytes += group->stride;
		}
		arena->bytes += group->hi - group->lo;
	}
}
