#include "lib/read/heap.h"

#include "lib/read/heap_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A heap that lives changes under the reader's eyes: then it is read again, so many times. */
#define TRIES 3u

/* ---- Look-up ------------------------------------------------------------------------ */

const struct heap_segment *heap_segment_at(const struct heap *heap, uint64_t addr)
{
	size_t lo = 0, hi = heap->segment_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (heap->segments[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < heap->segments[lo - 1].end ? &heap->segments[lo - 1] : NULL;
}

/* The chunk that an address of the segment lies in. */
static size_t chunk_in(const struct heap *heap, const struct heap_segment *segment, uint64_t addr)
{
	uint64_t unit = (addr - segment->lo) / CHUNK_UNIT;
	size_t lo = segment->first, hi = segment->first + segment->count;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (heap->starts[mid] <= unit)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

size_t heap_chunk_index(const struct heap *heap, uint64_t chunk)
{
	const struct heap_segment *segment = heap_segment_at(heap, chunk);
	size_t i;

	if (!segment || (chunk - segment->lo) % CHUNK_UNIT)
		return SIZE_MAX;
	i = chunk_in(heap, segment, chunk);
	return heap->starts[i] == (chunk - segment->lo) / CHUNK_UNIT ? i : SIZE_MAX;
}

uint64_t heap_chunk_size(const struct heap *heap, const struct heap_segment *segment, size_t i)
{
	uint64_t start = (uint64_t)heap->starts[i] * CHUNK_UNIT;

	if (i + 1 < segment->first + segment->count)
		return (uint64_t)heap->starts[i + 1] * CHUNK_UNIT - start;
	return segment->end - segment->lo - start;
}

/* What a chunk may use goes on to the size field of the next: an address belongs 8 bytes lower. */
static bool segment_chunk_at(const struct heap *heap, uint64_t addr, struct heap_chunk *ret_chunk)
{
	const struct heap_segment *segment = addr < 8 ? NULL : heap_segment_at(heap, addr - 8);
	uint64_t at = addr - 8, size;
	size_t i;

	if (!segment) {
		segment = heap_segment_at(heap, addr);
		at = addr;
	}
	if (!segment)
		return false;
	i = chunk_in(heap, segment, at);
	size = heap_chunk_size(heap, segment, i);
	*ret_chunk = (struct heap_chunk){
		.allocator = HEAP_GLIBC,
		.state = heap->states[i],
		.lo = segment->lo + (uint64_t)heap->starts[i] * CHUNK_UNIT,
		.arena = heap->arenas[segment->arena].addr,
		.main_arena = heap->arenas[segment->arena].main,
	};
	ret_chunk->user = ret_chunk->lo + CHUNK_UNIT;
	ret_chunk->size = size - 8;
	/* the last one ends with its memory */
	if (ret_chunk->lo + size == segment->end || size == CHUNK_UNIT)
		ret_chunk->size = size - CHUNK_UNIT;
	return true;
}

bool heap_chunk_at(struct heap *heap, const struct target *target, uint64_t addr,
                   struct heap_chunk *ret_chunk)
{
	if (heap->allocator == HEAP_MUSL)
		return heap_musl_chunk_at(heap->musl, addr, ret_chunk);
	return segment_chunk_at(heap, addr, ret_chunk) ||
	       heap_mmapped_at(heap, target, addr, ret_chunk);
}

bool heap_touches(struct heap *heap, const struct target *target, uint64_t lo, uint64_t hi)
{
	if (heap->allocator == HEAP_MUSL)
		return heap_musl_touches(heap->musl, lo, hi);
	for (size_t i = 0; i < heap->segment_count; i++) {
		if (heap->segments[i].lo < hi && heap->segments[i].end > lo)
			return true;
	}
	return heap_mmapped_in(heap, target, lo);
}

static const struct {
	const char *word;
	const char *name;
} states[CHUNK_STATES] = {
	[CHUNK_IN_USE] = {"in_use", "in use"},
	[CHUNK_TCACHE] = {"tcache", "free, in a tcache"},
	[CHUNK_FAST] = {"fastbin", "free, in a fastbin"},
	[CHUNK_UNSORTED] = {"unsorted", "free, unsorted"},
	[CHUNK_SMALL] = {"small_bin", "free, in a small bin"},
	[CHUNK_LARGE] = {"large_bin", "free, in a large bin"},
	[CHUNK_TOP] = {"top", "free, the top of its arena"},
	[CHUNK_FENCE] = {"fence", "a fence of malloc's"},
	[CHUNK_FREE] = {"free", "free"},
	[CHUNK_FREED] = {"freed", "freed"},
};

const char *chunk_state_name(enum chunk_state state)
{
	return states[state].name;
}

const char *chunk_state_word(enum chunk_state state)
{
	return states[state].word;
}

/* ---- All of it ------------------------------------------------------------------------ */

size_t heap_arena_count(const struct heap *heap)
{
	return heap->allocator == HEAP_MUSL ? 1 : heap->arena_count;
}

struct heap_arena heap_arena_at(const struct heap *heap, size_t i)
{
	struct heap_arena arena = {.allocator = heap->allocator};

	if (heap->allocator == HEAP_MUSL) {
		heap_musl_tally(heap->musl, &arena);
		return arena;
	}
	arena.addr = heap->arenas[i].addr;
	arena.main_arena = heap->arenas[i].main;
	arena.broken = heap->arenas[i].broken;
	for (size_t s = 0; s < heap->segment_count; s++) {
		const struct heap_segment *segment = &heap->segments[s];

		if (segment->arena != i)
			continue;
		arena.bytes += segment->end - segment->lo;
		for (size_t c = segment->first; c < segment->first + segment->count; c++) {
			struct heap_tally *tally = &arena.tally[heap->states[c]];

			tally->chunks++;
			tally->bytes += heap_chunk_size(heap, segment, c);
		}
	}
	return arena;
}

const char *heap_version(const struct heap *heap)
{
	return heap->version;
}

/* ---- Reading --------------------------------------------------------------------------- */

static void clear(struct heap *heap)
{
	free(heap->arenas);
	free(heap->segments);
	free(heap->starts);
	free(heap->states);
	*heap = (struct heap){.tp = heap->tp};
}

void heap_destroy(struct heap *heap)
{
	if (!heap)
		return;
	free(heap->mappings);
	free(heap->mmapped);
	heap_musl_destroy(heap->musl);
	clear(heap);
	free(heap);
}

static int by_lo(const void *a, const void *b)
{
	const struct heap_segment *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static bool is_sound(const struct heap *heap)
{
	for (size_t i = 0; i < heap->arena_count; i++) {
		if (heap->arenas[i].broken)
			return false;
	}
	return true;
}

static int read_glibc(struct heap *heap, const struct target *target, struct mem_window *window,
                      struct err *err)
{
	clear(heap);
	if (heap_find_arenas(heap, target, err))
		return -1;
	window->len = 0; /* what it has is old */
	for (size_t i = 0; i < heap->arena_count; i++) {
		if (heap_walk_arena(heap, target, window, (uint32_t)i, err))
			return -1;
	}
	if (heap->segment_count)
		qsort(heap->segments, heap->segment_count, sizeof(*heap->segments), by_lo);
	heap_mark_free(heap, window);
	return 0;
}

static int try_glibc(struct heap *heap, const struct target *target, struct err *err)
{
	struct mem_window window;
	int ret = 0;

	if (mem_window_init(&window, target->mem, err))
		return -1;
	for (unsigned i = 0; i < TRIES && !ret && (!i || !is_sound(heap)); i++)
		ret = read_glibc(heap, target, &window, err);
	mem_window_deinit(&window);
	if (heap->minor)
		snprintf(heap->version, sizeof(heap->version), "glibc 2.%u", heap->minor);
	else
		snprintf(heap->version, sizeof(heap->version), "glibc");
	return ret;
}

static int try_both(struct heap *heap, const struct target *target, struct err *err)
{
	if (try_glibc(heap, target, err))
		return -1;
	if (heap->arena_count)
		return 0;
	if (heap_musl_read(target, heap->tp, &heap->musl, err))
		return -1;
	heap->allocator = HEAP_MUSL;
	snprintf(heap->version, sizeof(heap->version), "musl");
	return 0;
}

int heap_read(const struct target *target, const struct reg_threadproc *tp, struct heap **ret_heap,
              struct err *err)
{
	struct heap *heap;

	if (!target->mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return err_os(err, ENOMEM, "heap");
	heap->tp = tp;
	if (try_both(heap, target, err)) {
		heap_destroy(heap);
		return -1;
	}
	*ret_heap = heap;
	return 0;
}
