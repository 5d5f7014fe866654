#include "lib/read/scan.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- The plan ---------------------------------------------------------------------- */

struct planning {
	const struct target *target;
	struct scan_plan plan;
	size_t room;
	const struct scan_filter *filter;
	bool no_pages;       /* which pages hold something is not known */
	bool unwritten_file; /* the mapping cannot be written: pages of a file are as they were */
};

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "list of memory");
}

/* [lo, hi) of one owner; joined with the last piece where it follows that. */
static int add_piece(struct planning *p, uint64_t lo, uint64_t hi, const struct owner *owner,
                     struct err *err)
{
	struct scan_plan *plan = &p->plan;
	struct scan_piece *last = plan->count ? &plan->pieces[plan->count - 1] : NULL;

	plan->bytes += hi - lo;
	if (last && last->hi == lo && last->owner.tp == owner->tp &&
	    last->owner.kind == owner->kind && last->owner.lo == owner->lo) {
		last->hi = hi;
		return 0;
	}
	if (!ROOM_FOR_ONE(plan->pieces, p->room, plan->count))
		return no_memory(err);
	plan->pieces[plan->count++] = (struct scan_piece){lo, hi, *owner};
	return 0;
}

/* Slots are larger than mappings, but the kernel joins mappings of two that touch. */
static int add_pages(void *context, const struct page_run *run, struct err *err)
{
	struct planning *p = context;
	uint64_t lo = run->lo;

	if (p->unwritten_file && run->file)
		return 0;
	while (lo < run->hi) {
		struct owner owner = registry_owner(p->target->snapshot, lo);
		uint64_t hi = owner.hi > lo && owner.hi < run->hi ? owner.hi : run->hi;

		if (add_piece(p, lo, hi, &owner, err))
			return -1;
		lo = hi;
	}
	return 0;
}

/* Whether a file is behind it, and not memory that the kernel has as one. */
static bool is_file(const struct mapping *m)
{
	return m->path[0] == '/' && strncmp(m->path, "/memfd:", 7) != 0 &&
	       strncmp(m->path, "/dev/zero", 9) != 0 && strncmp(m->path, "/SYSV", 5) != 0;
}

static int add_mapping(void *context, const struct mapping *m, struct err *err)
{
	struct planning *p = context;
	struct page_run all = {m->lo, m->hi, false, false};
	int ret;

	if ((m->prot & p->filter->prot) != p->filter->prot)
		return 0;
	if (p->filter->written && (m->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC)
		return 0;
	if (p->filter->files && is_file(m))
		return add_pages(p, &all, err);
	p->unwritten_file = p->filter->written && !(m->prot & PROT_WRITE);
	if (p->no_pages)
		return add_pages(p, &all, err);
	ret = target_pages(p->target, m->lo, m->hi, add_pages, p, err);
	if (ret < 0 && err->code == ERR_NOT_FOUND) {
		p->no_pages = true;
		return add_pages(p, &all, err);
	}
	return ret;
}

static int plan_range(struct planning *p, uint64_t lo, uint64_t hi, struct err *err)
{
	if (!p->target->maps || !p->target->mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	return lo < hi ? maps_each(p->target->maps, lo, hi, add_mapping, p, err) : 0;
}

/* What lies beyond [lo, hi), which mappings at its ends may. */
static void cut(struct scan_plan *plan, uint64_t lo, uint64_t hi)
{
	size_t kept = 0;

	plan->bytes = 0;
	for (size_t i = 0; i < plan->count; i++) {
		struct scan_piece piece = plan->pieces[i];

		piece.lo = piece.lo < lo ? lo : piece.lo;
		piece.hi = piece.hi > hi ? hi : piece.hi;
		if (piece.lo >= piece.hi)
			continue;
		plan->pieces[kept++] = piece;
		plan->bytes += piece.hi - piece.lo;
	}
	plan->count = kept;
}

int scan_plan_read(const struct target *target, uint64_t lo, uint64_t hi,
                   const struct scan_filter *filter, struct scan_plan *ret_plan, struct err *err)
{
	struct planning p = {.target = target, .filter = filter};

	if (plan_range(&p, lo, hi, err)) {
		scan_plan_deinit(&p.plan);
		return -1;
	}
	cut(&p.plan, lo, hi);
	*ret_plan = p.plan;
	return 0;
}

int scan_plan_of(const struct target *target, const struct reg_threadproc *tp,
                 const struct scan_filter *filter, struct scan_plan *ret_plan, struct err *err)
{
	struct planning p = {.target = target, .filter = filter};
	const struct tp_threadproc *abi = &tp->abi;
	int ret = plan_range(&p, abi->fixed_lo, abi->fixed_hi, err);

	for (uint32_t i = 0; i < abi->run_count && !ret; i++) {
		uint64_t lo = (uint64_t)abi->runs[i].first << TP_GRANULE_SHIFT;

		ret = plan_range(&p, lo, lo + ((uint64_t)abi->runs[i].count << TP_GRANULE_SHIFT),
		                 err);
	}
	if (ret) {
		scan_plan_deinit(&p.plan);
		return -1;
	}
	*ret_plan = p.plan;
	return 0;
}

void scan_plan_deinit(struct scan_plan *plan)
{
	free(plan->pieces);
	*plan = (struct scan_plan){0};
}

/* ---- The scan ------------------------------------------------------------------------- */

/* buf has room for a block and what is repeated of the one before. */
static int scan_piece(struct mem *mem, const struct scan_piece *piece, uint8_t *buf, size_t overlap,
                      scan_visitor *visit, void *context, struct err *err)
{
	size_t kept = 0; /* bytes of the block before, at the beginning of buf */
	uint64_t at = piece->lo;

	while (at < piece->hi) {
		size_t want = piece->hi - at < SCAN_BLOCK ? (size_t)(piece->hi - at) : SCAN_BLOCK;
		size_t got;
		int ret;

		if (mem_read_some(mem, at, buf + kept, want, &got, err))
			return -1;
		if (!got) {
			at = mem_next(mem, at);
			kept = 0;
			continue;
		}
		ret = visit(context, piece, at - kept, buf, kept + got, err);
		if (ret)
			return ret;
		at += got;
		got += kept;
		kept = got < overlap ? got : overlap;
		memmove(buf, buf + got - kept, kept);
	}
	return 0;
}

int scan_run(struct mem *mem, const struct scan_plan *plan, size_t overlap, scan_visitor *visit,
             void *context, struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(SCAN_BLOCK + overlap);
	int ret = 0;

	if (!buf)
		return no_memory(err);
	for (size_t i = 0; i < plan->count && !ret; i++)
		ret = scan_piece(mem, &plan->pieces[i], buf, overlap, visit, context, err);
	return ret;
}
