/*
 * heap.h - the registry's heap: strings and arrays that records refer to.
 *
 * Offsets only: the allocator's own state is in the server's memory, so that nothing in
 * the registry has to be believed.  Blocks are powers of two.
 */
#ifndef TPROC_SERVER_HEAP_H
#define TPROC_SERVER_HEAP_H

#include "tproc/abi.h"

#define HEAP_CLASSES 32

struct heap_class {
	uint32_t *offsets; /* free blocks */
	uint32_t count;
	uint32_t capacity;
};

struct heap {
	uint8_t *base;	/* borrowed */
	uint32_t size;
	uint32_t used; /* never handed out from here on */
	struct heap_class classes[HEAP_CLASSES];
};

void heap_init(struct heap *heap, void *base, uint32_t size);
void heap_deinit(struct heap *heap);

/* Copies length bytes in.  A ref of length 0 when length is 0 or there is no room. */
struct tp_ref heap_put(struct heap *heap, const void *data, uint32_t length);

/* The same for a string with its NUL; NULL is like "". */
struct tp_ref heap_put_string(struct heap *heap, const char *string);

/* Frees what ref refers to and clears it. */
void heap_free(struct heap *heap, struct tp_ref *ref);

#endif
