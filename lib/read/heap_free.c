/*
 * Chunks that are free though their neighbours do not know: those that threads keep (tcache)
 * and those in fastbins, whose neighbour still says "in use"; and of those that it says are free,
 * which are not sorted yet.
 */
#include "lib/read/heap_parts.h"

#include <string.h>

#define TCACHE_BINS 64u

/* What a thread's tcache is: an allocated chunk with counters, then heads of lists. */
struct tcache_form {
	uint64_t chunk_size;
	size_t counter_size;
};

static const struct tcache_form forms[] = {
	{0x290, 2}, /* from glibc 2.30 */
	{0x250, 1},
};

struct tcache {
	uint32_t counts[TCACHE_BINS];
	uint64_t entries[TCACHE_BINS];
};

/* ---- Lists ---------------------------------------------------------------------------- */

/* The chunk whose header is there, if it has that size; SIZE_MAX for none. */
static size_t chunk_of_size(const struct heap *heap, uint64_t chunk, uint64_t size)
{
	size_t i = heap_chunk_index(heap, chunk);
	const struct heap_segment *segment = heap_segment_at(heap, chunk);

	if (i == SIZE_MAX || heap_chunk_size(heap, segment, i) != size)
		return SIZE_MAX;
	return i;
}

/* How links are written: from glibc 2.32 each is mixed with where it stands. */
static uint64_t decode(uint64_t at, uint64_t value, bool mixed)
{
	return mixed ? value ^ at >> 12 : value;
}

/*
 * The link at an address.  Of an unknown version, it is taken as what leads to the end of the
 * list or to a chunk of the right size; shift is from a chunk's header to where links lead.
 */
static bool follow(const struct heap *heap, struct mem_window *window, uint64_t at, uint64_t shift,
                   uint64_t size, uint64_t *ret_next)
{
	uint64_t value, next;

	if (!mem_window_read(window, at, &value, sizeof(value)))
		return false;
	next = decode(at, value, !heap->minor || heap->minor >= 32);
	if (!heap->minor && next && chunk_of_size(heap, next - shift, size) == SIZE_MAX)
		next = value;
	*ret_next = next;
	return true;
}

/*
 * Marks a list of chunks of one size.  A chunk that is marked already, or is none, ends it.
 * Returns how many there were.
 */
static size_t mark_list(struct heap *heap, struct mem_window *window, uint64_t head, uint64_t shift,
                        uint64_t size, size_t most, enum chunk_state state)
{
	size_t count = 0;

	while (head && count < most) {
		size_t i = chunk_of_size(heap, head - shift, size);

		if (i == SIZE_MAX || heap->states[i] != CHUNK_IN_USE)
			break;
		heap->states[i] = (uint8_t)state;
		count++;
		if (!follow(heap, window, head + CHUNK_UNIT - shift, shift, size, &head))
			break;
	}
	return count;
}

/* ---- tcache ------------------------------------------------------------------------------- */

static bool read_tcache(struct mem_window *window, uint64_t user, const struct tcache_form *form,
                        struct tcache *tcache)
{
	uint8_t counters[TCACHE_BINS * 2];
	size_t len = TCACHE_BINS * form->counter_size;

	if (!mem_window_read(window, user, counters, len) ||
	    !mem_window_read(window, user + len, tcache->entries, sizeof(tcache->entries)))
		return false;
	for (unsigned i = 0; i < TCACHE_BINS; i++) {
		const uint8_t *c = counters + i * form->counter_size;

		tcache->counts[i] = form->counter_size == 1 ? c[0] : c[0] | (uint32_t)c[1] << 8;
	}
	return true;
}

static uint64_t tcache_size(unsigned bin)
{
	return CHUNK_MIN + (uint64_t)bin * CHUNK_UNIT;
}

/* Whether every list begins with a chunk of its size, and an empty one with none. */
static bool is_tcache(const struct heap *heap, const struct tcache *tcache)
{
	for (unsigned i = 0; i < TCACHE_BINS; i++) {
		if (!tcache->entries[i] != !tcache->counts[i])
			return false;
		if (tcache->entries[i] && chunk_of_size(heap, tcache->entries[i] - CHUNK_UNIT,
		                                        tcache_size(i)) == SIZE_MAX)
			return false;
	}
	return true;
}

static void mark_tcache(struct heap *heap, struct mem_window *window, uint64_t chunk,
                        const struct tcache_form *form)
{
	struct tcache tcache;

	if (!read_tcache(window, chunk + CHUNK_UNIT, form, &tcache) || !is_tcache(heap, &tcache))
		return;
	for (unsigned i = 0; i < TCACHE_BINS; i++)
		mark_list(heap, window, tcache.entries[i], CHUNK_UNIT, tcache_size(i),
		          tcache.counts[i], CHUNK_TCACHE);
}

static void mark_tcaches(struct heap *heap, struct mem_window *window,
                         const struct heap_segment *segment)
{
	for (size_t i = segment->first; i < segment->first + segment->count; i++) {
		uint64_t size = heap_chunk_size(heap, segment, i);

		if (heap->states[i] != CHUNK_IN_USE)
			continue;
		for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
			if (size == forms[f].chunk_size)
				mark_tcache(heap, window,
				            segment->lo + (uint64_t)heap->starts[i] * CHUNK_UNIT,
				            &forms[f]);
		}
	}
}

/* ---- Bins of an arena ------------------------------------------------------------------------ */

static void mark_fastbins(struct heap *heap, struct mem_window *window, const struct arena *arena)
{
	for (unsigned i = 0; i < ARENA_FASTBINS; i++)
		mark_list(heap, window, arena->state.fastbins[i], 0, tcache_size(i), SIZE_MAX,
		          CHUNK_FAST);
}

static void mark_unsorted(struct heap *heap, struct mem_window *window, const struct arena *arena)
{
	uint64_t bin = bin_at(arena->addr, 1);
	uint64_t chunk = arena->state.bins[0];

	while (chunk != bin) {
		size_t i = heap_chunk_index(heap, chunk);

		if (i == SIZE_MAX ||
		    (heap->states[i] != CHUNK_SMALL && heap->states[i] != CHUNK_LARGE))
			return;
		heap->states[i] = CHUNK_UNSORTED;
		if (!mem_window_read(window, chunk + CHUNK_UNIT, &chunk, sizeof(chunk)))
			return;
	}
}

void heap_mark_free(struct heap *heap, struct mem_window *window)
{
	for (size_t i = 0; i < heap->arena_count; i++) {
		mark_fastbins(heap, window, &heap->arenas[i]);
		mark_unsorted(heap, window, &heap->arenas[i]);
	}
	for (size_t i = 0; i < heap->segment_count; i++)
		mark_tcaches(heap, window, &heap->segments[i]);
}
