/*
 * heap_builder.h - heaps of glibc's malloc made in memory, for tests that read and spoil them.
 *
 * In the sample space of registry_builder.h, component 1: libc's data with a main_arena, the zone
 * of brk with its chunks, a heap of another arena.
 */
#ifndef TPROC_TESTS_HEAP_BUILDER_H
#define TPROC_TESTS_HEAP_BUILDER_H

#include "lib/read/heap_parts.h"
#include "tests/unit/registry_builder.h"

#define HB_LIBC_SIZE 0x8000u
#define HB_BRK_SIZE 0x21000u
#define HB_HEAP_SIZE 0x10000u
/* Another arena's, at a multiple of 64 MiB. */
#define HB_HEAP (SAMPLE_SLOT + 0x8000000)
#define HB_MAIN_ARENA (SAMPLE_LIBC + 0x5c80)

struct heap_builder {
	struct registry_builder registry;
	struct snapshot *snapshot;
	uint8_t libc[HB_LIBC_SIZE];
	uint8_t brk[HB_BRK_SIZE];
	uint8_t heap[HB_HEAP_SIZE];
	uint64_t next; /* where the next chunk goes */
	struct target target;
};

/* With a banner of glibc 2.minor; 0: none.  Arenas are empty, and the second one not in the ring.
 */
void heap_builder_init(struct heap_builder *b, unsigned minor);
void heap_builder_deinit(struct heap_builder *b);

struct malloc_state *hb_main(struct heap_builder *b);

/* What is at an address of the three. */
void *hb_at(struct heap_builder *b, uint64_t addr);
uint64_t *hb_word(struct heap_builder *b, uint64_t addr);

/* Appends a chunk of that size in use, header included; returns what malloc would. */
uint64_t hb_chunk(struct heap_builder *b, uint64_t size);

/* The rest up to the end is the main arena's top. */
void hb_top(struct heap_builder *b);

/* Tells the neighbour that a chunk is free. */
void hb_free(struct heap_builder *b, uint64_t user);

/* A second arena whose chunks hb_chunk appends from now on, up to hb_heap_top. */
void hb_second_arena(struct heap_builder *b, unsigned minor);
void hb_heap_top(struct heap_builder *b);

/* A link from a list's element to the next (0: none), as that version writes it. */
void hb_link(struct heap_builder *b, uint64_t at, uint64_t next, unsigned minor);

/* ---- The sample ---------------------------------------------------------------- */

/* What glibc 2.minor would have after a few requests; all are what malloc returned. */
struct heap_sample {
	struct heap_builder b;
	unsigned minor;
	uint64_t tcache; /* the thread's own chunk */
	uint64_t used[3];
	uint64_t cached[3];
	uint64_t fast[2];
	uint64_t unsorted;
	uint64_t small;
	uint64_t large;
	uint64_t other; /* in the second arena */
};

/* banner: whether libc tells its version. */
void heap_builder_sample(struct heap_sample *s, unsigned minor, bool banner);

#endif
