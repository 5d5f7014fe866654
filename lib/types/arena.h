/*
 * arena.h - many small things that are released together.
 */
#ifndef TPROC_TYPES_ARENA_H
#define TPROC_TYPES_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeros are an empty arena. */
struct arena {
	struct arena_block *blocks;
};

/* Zeroed memory, aligned for anything; NULL when there is none. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same for an array; NULL too when its size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of len bytes and a NUL. */
char *arena_text(struct arena *arena, const char *text, size_t len);

void arena_deinit(struct arena *arena);

#endif
