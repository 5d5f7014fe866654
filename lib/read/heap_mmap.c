/*
 * Chunks that are mappings of their own: what malloc maps for one large request.  Nothing leads
 * to them, and the kernel joins neighbouring mappings.  Such a chunk is known by its header:
 * whole pages, marked as mapped.
 */
#include "lib/read/heap_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE UINT64_C(4096)
/* So much of other things is looked through in one mapping. */
#define SEARCH_MAX (UINT64_C(1) << 30)

struct search {
	struct heap *heap;
	struct mem_window window;
	uint64_t next; /* what is below belongs to something found already */
	uint64_t hi;
	uint64_t searched;
	bool failed;
};

static void add_mmapped(struct search *s, uint64_t page, uint64_t chunk, uint64_t end)
{
	struct heap *heap = s->heap;
	struct heap_mmapped *grown;

	/* a power of two at a time */
	if (!(heap->mmapped_count & (heap->mmapped_count - 1))) {
		size_t room = heap->mmapped_count ? heap->mmapped_count * 2 : 1;

		grown = reallocarray(heap->mmapped, room, sizeof(*grown));
		if (!grown) {
			s->failed = true;
			return;
		}
		heap->mmapped = grown;
	}
	heap->mmapped[heap->mmapped_count++] = (struct heap_mmapped){page, chunk, end};
	s->next = end;
}

/* Whether a header is that of a chunk which has a mapping from page on; *ret_end is its end. */
static bool is_mmapped(struct search *s, uint64_t page, uint64_t chunk, uint64_t *ret_end)
{
	uint64_t head[2], size, end;

	if (!mem_window_read(&s->window, chunk, head, sizeof(head)))
		return false;
	size = head[1] & ~CHUNK_FLAGS;
	if ((head[1] & CHUNK_FLAGS) != CHUNK_MMAPPED || head[0] != chunk - page ||
	    size < CHUNK_MIN || __builtin_add_overflow(chunk, size, &end) || end % PAGE ||
	    end > s->hi)
		return false;
	*ret_end = end;
	return true;
}

/*
 * What was asked for with an alignment begins later than its mapping, and has a header of its own
 * in front; the first one stays as it was.
 */
static void try_page(struct search *s, uint64_t page)
{
	uint64_t chunk = page, end, whole;

	if (!is_mmapped(s, page, page, &whole))
		return;
	end = whole;
	for (uint64_t a = 2 * CHUNK_UNIT; a < whole - page; a *= 2) {
		uint64_t user = (page + CHUNK_UNIT + a - 1) & ~(a - 1);

		if (user < whole && is_mmapped(s, page, user - CHUNK_UNIT, &end)) {
			chunk = user - CHUNK_UNIT;
			break;
		}
	}
	add_mmapped(s, page, chunk, end);
}

static int try_pages(void *context, const struct page_run *run, struct err *err)
{
	struct search *s = context;

	for (uint64_t page = run->lo > s->next ? run->lo : s->next;
	     page < run->hi && !s->failed && s->searched<SEARCH_MAX; page = s->next> page
	             ? s->next
	             : page + PAGE) {
		const struct heap_segment *segment;

		segment = heap_segment_at(s->heap, page);
		if (segment)
			s->next = (segment->end + PAGE - 1) & ~(PAGE - 1);
		else
			try_page(s, page);
		s->searched += PAGE;
	}
	return s->failed || s->searched >= SEARCH_MAX;
}

static void search_mapping(struct search *s, const struct target *target, uint64_t lo)
{
	struct page_run all = {lo, s->hi, false, false};
	struct err err;

	s->next = lo;
	if (target_pages(target, lo, s->hi, try_pages, s, &err) < 0 && err.code == ERR_NOT_FOUND)
		try_pages(s, &all, &err);
}

static const struct heap_mapping *find_mapping(const struct heap *heap, uint64_t addr)
{
	for (size_t i = 0; i < heap->mapping_count; i++) {
		if (addr >= heap->mappings[i].lo && addr < heap->mappings[i].hi)
			return &heap->mappings[i];
	}
	return NULL;
}

/* What malloc maps is private, writable and of no file. */
static bool could_be(const struct mapping *m)
{
	return !m->shared && !*m->path &&
	       (m->prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
}

static const struct heap_mapping *add_mapping(struct heap *heap, const struct target *target,
                                              uint64_t addr)
{
	struct search s = {.heap = heap};
	struct heap_mapping *grown;
	struct mapping m;
	struct err err;
	size_t first = heap->mmapped_count;

	if (!target->maps || !target->mem || maps_find(target->maps, addr, &m, &err))
		return NULL;
	grown = reallocarray(heap->mappings, heap->mapping_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	heap->mappings = grown;
	if (could_be(&m)) {
		if (mem_window_init(&s.window, target->mem, &err))
			return NULL;
		s.hi = m.hi;
		search_mapping(&s, target, m.lo);
		mem_window_deinit(&s.window);
	}
	heap->mappings[heap->mapping_count] =
		(struct heap_mapping){m.lo, m.hi, first, heap->mmapped_count - first};
	return &heap->mappings[heap->mapping_count++];
}

/* The last of them that begins at or below addr; they ascend. */
static const struct heap_mmapped *find_mmapped(const struct heap *heap,
                                               const struct heap_mapping *mapping, uint64_t addr)
{
	const struct heap_mmapped *list;
	size_t lo = 0, hi = mapping->count;

	if (!hi)
		return NULL;
	list = heap->mmapped + mapping->first;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < list[lo - 1].end ? &list[lo - 1] : NULL;
}

/* The mapping around addr, searched now if it was not yet; NULL for none. */
static const struct heap_mapping *searched(struct heap *heap, const struct target *target,
                                           uint64_t addr)
{
	const struct heap_mapping *mapping = find_mapping(heap, addr);

	return mapping ? mapping : add_mapping(heap, target, addr);
}

bool heap_mmapped_in(struct heap *heap, const struct target *target, uint64_t addr)
{
	const struct heap_mapping *mapping = searched(heap, target, addr);

	return mapping && mapping->count;
}

bool heap_mmapped_at(struct heap *heap, const struct target *target, uint64_t addr,
                     struct heap_chunk *ret_chunk)
{
	const struct heap_mapping *mapping = searched(heap, target, addr);
	const struct heap_mmapped *found;

	found = mapping ? find_mmapped(heap, mapping, addr) : NULL;
	if (!found)
		return false;
	*ret_chunk = (struct heap_chunk){
		.allocator = HEAP_GLIBC,
		.state = CHUNK_IN_USE,
		.lo = found->chunk,
		.user = found->chunk + CHUNK_UNIT,
		.size = found->end - found->chunk - CHUNK_UNIT,
	};
	return true;
}
