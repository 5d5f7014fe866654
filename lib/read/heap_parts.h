/*
 * heap_parts.h - what the parts of the reader of heaps share.
 */
#ifndef TPROC_READ_HEAP_PARTS_H
#define TPROC_READ_HEAP_PARTS_H

#include "lib/read/heap.h"
#include "lib/read/mem_window.h"

/* ---- glibc's structures (x86-64; the same from 2.27 to 2.41) ------------------- */

#define CHUNK_UNIT 16u
#define CHUNK_MIN 32u
#define CHUNK_PREV_IN_USE UINT64_C(1)
#define CHUNK_MMAPPED UINT64_C(2)
#define CHUNK_OTHER_ARENA UINT64_C(4)
#define CHUNK_FLAGS UINT64_C(7)

#define ARENA_BINS 127u
#define ARENA_FASTBINS 10u

struct malloc_state {
	uint32_t mutex;
	uint32_t flags;
	uint32_t have_fastchunks;
	uint32_t pad;
	uint64_t fastbins[ARENA_FASTBINS];
	uint64_t top;
	uint64_t last_remainder;
	uint64_t bins[2 * ARENA_BINS]; /* fd and bk of each; [0] is that of unsorted chunks */
	uint32_t binmap[4];
	uint64_t next;
	uint64_t next_free;
	uint64_t attached_threads;
	uint64_t system_mem;
	uint64_t max_system_mem;
};

_Static_assert(sizeof(struct malloc_state) == 2200, "as in glibc");

/* A bin, from 1, is a chunk of which only the two links exist, 16 bytes into it. */
static inline uint64_t bin_at(uint64_t arena, unsigned i)
{
	return arena + offsetof(struct malloc_state, bins) + 16 * (uint64_t)(i - 1) - 16;
}

/* ---- What is made of them --------------------------------------------------------- */

#define HEAP_ARENAS_MAX 4096u
/* Chunks that are looked at, at most, and bytes that are searched for where one may begin. */
#define HEAP_CHUNKS_MAX (UINT64_C(1) << 25)
#define HEAP_SEARCH_MAX (UINT64_C(1) << 24)

struct arena {
	uint64_t addr;
	bool main;
	bool broken;
	struct malloc_state state; /* as it was read */
};

/* Chunks one behind the other; at 16 bytes a unit it is 64 GiB long at most. */
struct heap_segment {
	uint64_t lo;
	uint64_t end;
	uint32_t arena;
	size_t first; /* of its chunks */
	size_t count;
};

/* A mapping that was searched for chunks that are mappings of their own. */
struct heap_mapping {
	uint64_t lo;
	uint64_t hi;
	size_t first;
	size_t count;
};

struct heap_mmapped {
	uint64_t lo; /* of the mapping */
	uint64_t chunk;
	uint64_t end;
};

struct heap {
	enum heap_allocator allocator;
	unsigned minor; /* of glibc's version 2.minor; 0: not known */
	char version[24];
	const struct reg_threadproc *tp;

	struct arena *arenas;
	size_t arena_count;
	struct heap_segment *segments; /* ascending once all are there */
	size_t segment_count;
	uint32_t *starts; /* of chunks, in units from their segment's */
	uint8_t *states;  /* enum chunk_state */
	size_t chunk_count;
	size_t chunk_room;

	struct heap_mapping *mappings;
	size_t mapping_count;
	struct heap_mmapped *mmapped;
	size_t mmapped_count;

	struct musl_heap *musl;
};

/* ---- The parts ---------------------------------------------------------------------- */

/* heap_arena.c: finds the arenas; 0 arenas when there is no glibc, or it was not used. */
int heap_find_arenas(struct heap *heap, const struct target *target, struct err *err);

/* heap_walk.c: the chunks of an arena, appended as segments.  Whether they are all there is in
 * arena->broken. */
int heap_walk_arena(struct heap *heap, const struct target *target, struct mem_window *window,
                    uint32_t arena, struct err *err);

/* heap_free.c: tells which chunks are free though their neighbours do not know. */
void heap_mark_free(struct heap *heap, struct mem_window *window);

/* heap_mmap.c: the chunk that is a mapping of its own and covers addr. */
bool heap_mmapped_at(struct heap *heap, const struct target *target, uint64_t addr,
                     struct heap_chunk *ret_chunk);

/* Whether the mapping around addr has any such chunk. */
bool heap_mmapped_in(struct heap *heap, const struct target *target, uint64_t addr);

/* heap_musl.c.  heap_musl_read: ERR_NOT_FOUND when there is none. */
struct musl_heap;
int heap_musl_read(const struct target *target, const struct reg_threadproc *tp,
                   struct musl_heap **ret_musl, struct err *err);
void heap_musl_destroy(struct musl_heap *musl);
bool heap_musl_chunk_at(const struct musl_heap *musl, uint64_t addr, struct heap_chunk *ret_chunk);
bool heap_musl_touches(const struct musl_heap *musl, uint64_t lo, uint64_t hi);
void heap_musl_tally(const struct musl_heap *musl, struct heap_arena *arena);

/* ---- heap.c ---------------------------------------------------------------------------- */

/* The segment that an address lies in, NULL for none. */
const struct heap_segment *heap_segment_at(const struct heap *heap, uint64_t addr);

/* The place in the tables of the chunk whose header is there; SIZE_MAX for none. */
size_t heap_chunk_index(const struct heap *heap, uint64_t chunk);

/* Size of a chunk of a segment, its header included. */
uint64_t heap_chunk_size(const struct heap *heap, const struct heap_segment *segment, size_t i);

#endif
