/*
 * From an arena to its chunks.  A piece of memory is chunk after chunk: the size in a header
 * leads to the next, whose lowest bit says whether the one before is in use.  A walk is right
 * when it arrives exactly at the arena's top, or at the fence that malloc leaves at an end.
 */
#include "lib/read/heap_parts.h"

#include <errno.h>
#include <stdlib.h>

/* Memory that arenas other than the main one are made of, and its header. */
#define ARENA_HEAP (UINT64_C(64) << 20)
#define ARENA_HEAPS_MAX 65536u

struct heap_info {
	uint64_t arena;
	uint64_t prev;
	uint64_t size;
};

enum walk_end { WALK_BROKEN, WALK_TOP, WALK_FENCE };

struct walk {
	struct heap *heap;
	struct mem_window *window;
	uint64_t top;
	uint64_t limit; /* no chunk ends above */
	uint64_t searched;
};

/* ---- Chunks ---------------------------------------------------------------------- */

static bool read_head(struct mem_window *window, uint64_t chunk, uint64_t *ret_head)
{
	return mem_window_read(window, chunk + 8, ret_head, sizeof(*ret_head));
}

/* 0: it cannot be; else the size. */
static uint64_t sound_size(const struct walk *w, uint64_t chunk, uint64_t head)
{
	uint64_t size = head & ~CHUNK_FLAGS;

	if (head & CHUNK_MMAPPED || size < CHUNK_UNIT || size % CHUNK_UNIT || chunk >= w->limit ||
	    size > w->limit - chunk)
		return 0;
	return size;
}

static int append_chunk(struct heap *heap, struct heap_segment *segment, uint64_t chunk,
                        enum chunk_state state, struct err *err)
{
	if (heap->chunk_count == heap->chunk_room) {
		size_t room = heap->chunk_room ? heap->chunk_room * 2 : 1024;
		uint32_t *starts = reallocarray(heap->starts, room, sizeof(*starts));
		uint8_t *states;

		if (!starts)
			return err_os(err, ENOMEM, "chunks");
		heap->starts = starts;
		states = reallocarray(heap->states, room, sizeof(*states));
		if (!states)
			return err_os(err, ENOMEM, "chunks");
		heap->states = states;
		heap->chunk_room = room;
	}
	if (heap->chunk_count >= HEAP_CHUNKS_MAX)
		return err_set(err, ERR_LIMIT, "the heap has more than %u chunks",
		               (unsigned)HEAP_CHUNKS_MAX);
	heap->starts[heap->chunk_count] = (uint32_t)((chunk - segment->lo) / CHUNK_UNIT);
	heap->states[heap->chunk_count] = (uint8_t)state;
	heap->chunk_count++;
	segment->count++;
	return 0;
}

/*
 * Appends the chunks from segment->lo on and sets its end.  Returns how the walk ended, -1 with
 * err.
 */
static int walk_chunks(struct walk *w, struct heap_segment *segment, struct err *err)
{
	struct heap *heap = w->heap;
	uint64_t chunk = segment->lo, head;
	bool fence = false; /* the chunk before is of the smallest size there is */

	segment->first = heap->chunk_count;
	segment->count = 0;
	for (;;) {
		uint64_t size;

		segment->end = chunk;
		if (!read_head(w->window, chunk, &head))
			return WALK_BROKEN;
		if (segment->count && !(head & CHUNK_PREV_IN_USE) && !fence) {
			uint64_t before =
				chunk - segment->lo -
				(uint64_t)heap->starts[heap->chunk_count - 1] * CHUNK_UNIT;

			heap->states[heap->chunk_count - 1] =
				before < 1024 ? CHUNK_SMALL : CHUNK_LARGE;
		}
		if (fence && !(head & ~CHUNK_FLAGS)) {
			segment->end =
				chunk + CHUNK_UNIT < w->limit ? chunk + CHUNK_UNIT : w->limit;
			return WALK_FENCE;
		}
		size = sound_size(w, chunk, head);
		if (!size || chunk - segment->lo > UINT32_MAX * (uint64_t)CHUNK_UNIT)
			return WALK_BROKEN;
		if (append_chunk(heap, segment, chunk,
		                 chunk == w->top      ? CHUNK_TOP
		                 : size == CHUNK_UNIT ? CHUNK_FENCE
		                                      : CHUNK_IN_USE,
		                 err))
			return -1;
		chunk += size;
		segment->end = chunk;
		if (chunk - size == w->top)
			return WALK_TOP;
		if (fence && size == CHUNK_UNIT)
			return WALK_FENCE;
		fence = size == CHUNK_UNIT;
	}
}

static int keep_segment(struct heap *heap, const struct heap_segment *segment, struct err *err)
{
	struct heap_segment *grown;

	if (!segment->count)
		return 0;
	grown = reallocarray(heap->segments, heap->segment_count + 1, sizeof(*grown));
	if (!grown)
		return err_os(err, ENOMEM, "pieces of a heap");
	heap->segments = grown;
	grown[heap->segment_count++] = *segment;
	return 0;
}

/* ---- The main arena: the zone of brk, or mappings ------------------------------------- */

/*
 * Where a walk could begin again: the first header from addr on from which so many chunks follow
 * each other, or which leads to top.
 */
static bool search_start(struct walk *w, uint64_t addr, uint64_t *ret_start)
{
	enum { ENOUGH = 16 };

	for (; addr < w->top && w->searched < HEAP_SEARCH_MAX;
	     addr += CHUNK_UNIT, w->searched += CHUNK_UNIT) {
		uint64_t chunk = addr, head;
		unsigned steps = 0;

		while (chunk < w->top && steps < ENOUGH && read_head(w->window, chunk, &head)) {
			uint64_t size = sound_size(w, chunk, head);

			if (size < CHUNK_MIN || (!steps && !(head & CHUNK_PREV_IN_USE)))
				break;
			chunk += size;
			steps++;
		}
		w->searched += steps * (uint64_t)CHUNK_UNIT;
		if (chunk == w->top || (steps == ENOUGH && chunk < w->top)) {
			*ret_start = addr;
			return true;
		}
	}
	return false;
}

/* Walks [lo, top], again and again from where something foreign or broken ends. */
static int walk_to_top(struct walk *w, uint32_t arena, uint64_t lo, struct err *err)
{
	struct heap *heap = w->heap;

	for (;;) {
		struct heap_segment segment = {.lo = lo, .arena = arena};
		size_t before = heap->chunk_count;
		int end = walk_chunks(w, &segment, err);

		if (end < 0)
			return -1;
		/* what was walked by mistake from a wrong start */
		if (end == WALK_BROKEN && segment.count < 2)
			heap->chunk_count = before;
		else if (keep_segment(heap, &segment, err))
			return -1;
		if (end == WALK_TOP)
			return 0;
		if (end == WALK_BROKEN)
			heap->arenas[arena].broken = true;
		if (!search_start(w, segment.end > lo ? segment.end : lo + CHUNK_UNIT, &lo)) {
			heap->arenas[arena].broken = true;
			return 0;
		}
	}
}

static uint64_t unit_up(uint64_t addr)
{
	return (addr + CHUNK_UNIT - 1) & ~(uint64_t)(CHUNK_UNIT - 1);
}

/* Where the arena begins: by its size, as long as nobody else moved the break. */
static uint64_t main_start(const struct walk *w, const struct malloc_state *state, uint64_t lo)
{
	uint64_t head, size, end;

	if (!read_head(w->window, w->top, &head))
		return unit_up(lo);
	size = sound_size(w, w->top, head);
	if (!size || __builtin_add_overflow(w->top, size, &end) || state->system_mem > end ||
	    end - state->system_mem < lo || end - state->system_mem >= w->top)
		return unit_up(lo);
	return unit_up(end - state->system_mem);
}

static int walk_main(struct walk *w, const struct target *target, uint32_t arena, struct err *err)
{
	const struct malloc_state *state = &w->heap->arenas[arena].state;
	const struct tp_threadproc *abi = &w->heap->tp->abi;
	struct mapping m;
	struct err ignored;
	uint64_t lo;

	/* nothing was asked of the system yet */
	if (w->top == bin_at(w->heap->arenas[arena].addr, 1))
		return 0;
	if (w->top >= abi->brk_lo && w->top < abi->brk_hi) {
		lo = abi->brk_lo;
		w->limit = abi->brk_hi;
	} else if (target->maps && !maps_find(target->maps, w->top, &m, &ignored)) {
		lo = m.lo;
		w->limit = m.hi;
	} else {
		w->heap->arenas[arena].broken = true;
		return 0;
	}
	return walk_to_top(w, arena, main_start(w, state, lo), err);
}

/* ---- The others: heaps of 64 MiB at multiples of that ------------------------------------ */

static int walk_heap(struct walk *w, uint32_t arena, uint64_t at, uint64_t first, uint64_t size,
                     struct err *err)
{
	struct heap_segment segment = {.lo = at + unit_up(first), .arena = arena};
	int end;

	w->limit = at + size;
	end = walk_chunks(w, &segment, err);
	if (end < 0)
		return -1;
	if (end == WALK_BROKEN)
		w->heap->arenas[arena].broken = true;
	return keep_segment(w->heap, &segment, err);
}

static bool was_walked(const struct heap *heap, uint64_t at)
{
	for (size_t i = 0; i < heap->segment_count; i++) {
		if ((heap->segments[i].lo & ~(ARENA_HEAP - 1)) == at &&
		    !heap->arenas[heap->segments[i].arena].main)
			return true;
	}
	return false;
}

static int walk_heaps(struct walk *w, uint32_t arena, struct err *err)
{
	uint64_t addr = w->heap->arenas[arena].addr;
	uint64_t base = addr & ~(ARENA_HEAP - 1);
	uint64_t header = addr - base; /* its arena follows the header of the first */
	uint64_t at = w->top & ~(ARENA_HEAP - 1);

	/* no more heaps than the arena can have; so that a ring of them ends */
	for (unsigned left = ARENA_HEAPS_MAX; left; left--) {
		struct heap_info info;
		uint64_t first = at == base ? header + sizeof(struct malloc_state) : header;

		if (!mem_window_read(w->window, at, &info, sizeof(info)) || info.arena != addr ||
		    info.size > ARENA_HEAP || header >= 4096 || was_walked(w->heap, at))
			break;
		if (walk_heap(w, arena, at, first, info.size, err))
			return -1;
		if (at == base)
			return 0;
		at = info.prev & ~(ARENA_HEAP - 1);
	}
	w->heap->arenas[arena].broken = true;
	return 0;
}

int heap_walk_arena(struct heap *heap, const struct target *target, struct mem_window *window,
                    uint32_t arena, struct err *err)
{
	struct walk w = {.heap = heap, .window = window, .top = heap->arenas[arena].state.top};

	if (heap->arenas[arena].main)
		return walk_main(&w, target, arena, err);
	return walk_heaps(&w, arena, err);
}
