/*
 * Heaps of malloc.  An input is a list of changes to a sound one: offset (4 bytes, into libc's
 * data, the zone of brk and another arena's heap one behind the other), length (1), bytes.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/heap_builder.h"

#include <string.h>

static uint64_t address_of(uint32_t offset)
{
	offset %= HB_LIBC_SIZE + HB_BRK_SIZE + HB_HEAP_SIZE;
	if (offset < HB_LIBC_SIZE)
		return SAMPLE_LIBC + offset;
	offset -= HB_LIBC_SIZE;
	if (offset < HB_BRK_SIZE)
		return SAMPLE_BRK + offset;
	return HB_HEAP + (offset - HB_BRK_SIZE);
}

static const uint8_t *change(struct heap_builder *b, const uint8_t *at, const uint8_t *end)
{
	uint32_t offset;
	size_t len;

	memcpy(&offset, at, sizeof(offset));
	len = at[4];
	at += 5;
	if (len > (size_t)(end - at))
		len = (size_t)(end - at);
	for (size_t i = 0; i < len; i++)
		*(uint8_t *)hb_at(b, address_of(offset + (uint32_t)i)) = at[i];
	return at + len;
}

static void check_chunks(struct heap *heap, const struct target *target, uint64_t lo, uint64_t size)
{
	struct heap_chunk chunk;

	for (uint64_t at = lo; at < lo + size; at += 40) {
		if (!heap_chunk_at(heap, target, at, &chunk))
			continue;
		PROMISE(chunk.state < CHUNK_STATES);
		PROMISE(chunk.lo <= at && at < chunk.user + chunk.size + 16);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heap_sample s;
	const uint8_t *end = data + size;
	struct heap *heap;
	struct err err;

	heap_builder_sample(&s, 36, size % 2);
	while (end - data >= 5)
		data = change(&s.b, data, end);
	if (!heap_read(&s.b.target, &s.b.snapshot->threadprocs[1], &heap, &err)) {
		check_chunks(heap, &s.b.target, SAMPLE_BRK, HB_BRK_SIZE);
		check_chunks(heap, &s.b.target, HB_HEAP, HB_HEAP_SIZE);
		for (size_t i = 0; i < heap_arena_count(heap); i++)
			heap_arena_at(heap, i);
		heap_destroy(heap);
	}
	heap_builder_deinit(&s.b);
	return 0;
}
