/*
 * heap.h - the chunks of a program's malloc, read from outside.
 *
 * glibc's malloc is found without symbols: the structure of main_arena in libc's data, the ring
 * of arenas, and from each arena its chunks, one behind the other.  musl's is found by its own
 * check words.  All of it can be written by the program, and changes while it is read: a
 * chain that does not hold ends there, and what was found up to there counts.
 */
#ifndef TPROC_READ_HEAP_H
#define TPROC_READ_HEAP_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap;

enum heap_allocator { HEAP_GLIBC, HEAP_MUSL };

enum chunk_state {
	CHUNK_IN_USE,
	CHUNK_TCACHE, /* free, and kept for its thread */
	CHUNK_FAST,
	CHUNK_UNSORTED,
	CHUNK_SMALL, /* in a bin of small ones */
	CHUNK_LARGE,
	CHUNK_TOP,   /* never handed out, or given back to the end */
	CHUNK_FENCE, /* malloc's own, at the end of a piece of memory */
	CHUNK_FREE,  /* musl */
	CHUNK_FREED, /* musl: not to be used again yet */
	CHUNK_STATES,
};

struct heap_chunk {
	enum heap_allocator allocator;
	enum chunk_state state;
	uint64_t lo;    /* of the header */
	uint64_t user;  /* what malloc returned, or would */
	uint64_t size;  /* bytes from there that the program may use */
	uint64_t arena; /* glibc: its struct malloc_state; musl: its group; 0: a mapping of its own
	                 */
	bool main_arena;
};

/*
 * Finds the heaps of a threadproc and all chunks in them.  ERR_NOT_FOUND when the program has no
 * malloc that is known, or did not use it yet; ERR_LIMIT when there are too many chunks.
 */
int heap_read(const struct target *target, const struct reg_threadproc *tp, struct heap **ret_heap,
              struct err *err);
void heap_destroy(struct heap *heap);

/*
 * The chunk that an address lies in, its header included.  The target has to be the one that
 * the heap was read from.  False when it lies in none.
 */
bool heap_chunk_at(struct heap *heap, const struct target *target, uint64_t addr,
                   struct heap_chunk *ret_chunk);

/* "in use", "free, in a tcache" and so on. */
const char *chunk_state_name(enum chunk_state state);

/* The same in a word: "in_use", "tcache". */
const char *chunk_state_word(enum chunk_state state);

/* ---- All of it --------------------------------------------------------------- */

struct heap_tally {
	uint64_t chunks;
	uint64_t bytes; /* headers included */
};

/* An arena of glibc's, or all of a musl program's groups. */
struct heap_arena {
	enum heap_allocator allocator;
	uint64_t addr; /* struct malloc_state; 0 for musl */
	bool main_arena;
	bool broken;    /* a part of it could not be made sense of */
	uint64_t bytes; /* what it has of the system */
	struct heap_tally tally[CHUNK_STATES];
};

size_t heap_arena_count(const struct heap *heap);
struct heap_arena heap_arena_at(const struct heap *heap, size_t i);

/* "glibc 2.36", "glibc", "musl". */
const char *heap_version(const struct heap *heap);

/* Whether malloc has anything in a mapping. */
bool heap_touches(struct heap *heap, const struct target *target, uint64_t lo, uint64_t hi);

#endif
