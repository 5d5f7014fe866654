#include "lib/read/refs.h"

#include "lib/base/room.h"

#include <errno.h>
#include <stdlib.h>

#define HITS 1024u

struct search {
	const struct refs_want *want;
	const struct refs_visitor *visitor;
	uint32_t hits[HITS];
};

bool refs_is_mapped(const struct refs_span *list, size_t count, uint64_t addr)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < list[lo - 1].hi;
}

static bool is_wanted(const struct refs_want *want, uint64_t addr)
{
	return !want->mapped || refs_is_mapped(want->mapped, want->mapped_count, addr);
}

/* Words of a block that point into a span. */
static int search_span(struct search *s, const struct scan_piece *piece, uint64_t addr,
                       const uint64_t *words, size_t count, const struct refs_span *span,
                       struct err *err)
{
	uint64_t not_lo = 0, not_len = 0;
	size_t next;

	if (s->want->foreign) {
		not_lo = piece->owner.lo;
		not_len = piece->owner.hi - piece->owner.lo;
	}
	for (size_t i = 0; i < count; i += next) {
		size_t found = scan_words(words + i, count - i, span->lo, span->hi - span->lo,
		                          not_lo, not_len, s->hits, HITS, &next);

		for (size_t k = 0; k < found; k++) {
			size_t at = i + s->hits[k];
			struct ref ref = {addr + at * 8, words[at]};
			int ret = is_wanted(s->want, ref.value)
			                  ? s->visitor->ref(s->visitor->context, piece, &ref, err)
			                  : 0;

			if (ret)
				return ret;
		}
	}
	return 0;
}

static int search_block(void *context, const struct scan_piece *piece, uint64_t addr,
                        const uint8_t *bytes, size_t len, struct err *err)
{
	struct search *s = context;
	size_t skip = -addr & 7;
	int ret = 0;

	/* pages are aligned; parts of a core file need not be, and then the buffer is not either */
	if (skip >= len || ((uintptr_t)(bytes + skip) & 7))
		return s->visitor->step ? s->visitor->step(s->visitor->context, len, err) : 0;
	for (size_t i = 0; i < s->want->span_count && !ret; i++)
		ret = search_span(s, piece, addr + skip, (const uint64_t *)(bytes + skip),
		                  (len - skip) / 8, &s->want->spans[i], err);
	if (!ret && s->visitor->step)
		ret = s->visitor->step(s->visitor->context, len, err);
	return ret;
}

int refs_each(struct mem *mem, const struct scan_plan *plan, const struct refs_want *want,
              const struct refs_visitor *visitor, struct err *err)
{
	struct search search = {.want = want, .visitor = visitor};

	return scan_run(mem, plan, 0, search_block, &search, err);
}

size_t refs_spans_of(const struct reg_threadproc *tp, struct refs_span spans[TP_RUNS + 1])
{
	const struct tp_threadproc *abi = &tp->abi;
	size_t count = 0;

	if (abi->fixed_lo < abi->fixed_hi)
		spans[count++] = (struct refs_span){abi->fixed_lo, abi->fixed_hi};
	for (uint32_t i = 0; i < abi->run_count; i++) {
		uint64_t lo = (uint64_t)abi->runs[i].first << TP_GRANULE_SHIFT;

		spans[count++] = (struct refs_span){
			lo, lo + ((uint64_t)abi->runs[i].count << TP_GRANULE_SHIFT)};
	}
	return count;
}

/* ---- What is mapped -------------------------------------------------------------- */

struct mapped {
	struct refs_span *list;
	size_t count;
	size_t room;
};

/* What can be accessed: reserved memory is pointed to by nobody. */
static int add_mapped(void *context, const struct mapping *m, struct err *err)
{
	struct mapped *mapped = context;

	if (!m->prot)
		return 0;
	if (mapped->count && mapped->list[mapped->count - 1].hi == m->lo) {
		mapped->list[mapped->count - 1].hi = m->hi;
		return 0;
	}
	if (!ROOM_FOR_ONE(mapped->list, mapped->room, mapped->count))
		return err_os(err, ENOMEM, "mappings");
	mapped->list[mapped->count++] = (struct refs_span){m->lo, m->hi};
	return 0;
}

static int by_lo(const void *a, const void *b)
{
	const struct refs_span *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

int refs_mapped(const struct target *target, const struct refs_span *spans, size_t span_count,
                struct refs_span **ret_list, size_t *ret_count, struct err *err)
{
	struct mapped mapped = {0};

	if (!target->maps)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	for (size_t i = 0; i < span_count; i++) {
		if (maps_each(target->maps, spans[i].lo, spans[i].hi, add_mapped, &mapped, err)) {
			free(mapped.list);
			return -1;
		}
	}
	if (mapped.count)
		qsort(mapped.list, mapped.count, sizeof(*mapped.list), by_lo);
	*ret_list = mapped.list;
	*ret_count = mapped.count;
	return 0;
}
