#include "loader/server/heap.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 5 /* 32 bytes */

void heap_init(struct heap *heap, void *base, uint32_t size)
{
	*heap = (struct heap){ .base = base, .size = size };
}

void heap_deinit(struct heap *heap)
{
	for (int i = 0; i < HEAP_CLASSES; i++)
		free(heap->classes[i].offsets);
}

static unsigned class_of(uint32_t length)
{
	unsigned bits = length <= 1 ? 0 : 32 - (unsigned)__builtin_clz(length - 1);

	return bits < SMALLEST ? SMALLEST : bits;
}

struct tp_ref heap_put(struct heap *heap, const void *data, uint32_t length)
{
	struct tp_ref ref = { 0 };
	struct heap_class *class;
	unsigned bits;

	if (!length || length > heap->size)
		return ref;
	bits = class_of(length);
	class = &heap->classes[bits];
	if (class->count) {
		ref.off = class->offsets[--class->count];
	} else {
		if (heap->size - heap->used < UINT32_C(1) << bits)
			return ref;
		ref.off = heap->used;
		heap->used += UINT32_C(1) << bits;
	}
	ref.len = length;
	memcpy(heap->base + ref.off, data, length);
	return ref;
}

struct tp_ref heap_put_string(struct heap *heap, const char *string)
{
	const char *text = string ? string : "";

	return heap_put(heap, text, (uint32_t)strlen(text) + 1);
}

void heap_free(struct heap *heap, struct tp_ref *ref)
{
	struct heap_class *class = &heap->classes[class_of(ref->len)];

	if (!ref->len)
		return;
	if (class->count == class->capacity) {
		uint32_t capacity = class->capacity ? class->capacity * 2 : 64;
		uint32_t *grown = realloc(class->offsets, capacity * sizeof(*grown));

		/* The block is lost to the registry; nothing else is. */
		if (!grown) {
			*ref = (struct tp_ref){ 0 };
			return;
		}
		class->offsets = grown;
		class->capacity = capacity;
	}
	class->offsets[class->count++] = ref->off;
	*ref = (struct tp_ref){ 0 };
}
