#include "lib/read/usage.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"
#include "lib/read/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void usage_add(struct usage *sum, const struct usage *more)
{
	sum->mapped += more->mapped;
	sum->reserved += more->reserved;
	sum->resident += more->resident;
	sum->dirty += more->dirty;
	sum->swapped += more->swapped;
}

static int add_pages(void *context, const struct page_run *run, struct err *err)
{
	struct usage *usage = context;
	uint64_t size = run->hi - run->lo;

	if (run->swapped) {
		usage->swapped += size;
		return 0;
	}
	usage->resident += size;
	if (!run->file)
		usage->dirty += size;
	return 0;
}

static struct usage usage_of_mapping(const struct target *target, const struct mapping *m,
                                     bool *has_pages)
{
	struct usage usage = {0};
	struct err err;

	if (m->prot)
		usage.mapped = m->hi - m->lo;
	else
		usage.reserved = m->hi - m->lo;
	if (target->ops && target->ops->dump)
		*has_pages = false;
	if (*has_pages && target_pages(target, m->lo, m->hi, add_pages, &usage, &err))
		*has_pages = false;
	return usage;
}

/* ---- All of a threadproc's --------------------------------------------------- */

struct sum {
	const struct target *target;
	struct usage usage;
	bool has_pages;
};

static int sum_mapping(void *context, const struct mapping *mapping, struct err *err)
{
	struct sum *sum = context;
	struct usage usage = usage_of_mapping(sum->target, mapping, &sum->has_pages);

	usage_add(&sum->usage, &usage);
	return 0;
}

static int no_process(struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
}

int usage_of(const struct target *target, const struct reg_threadproc *tp, struct usage *ret_usage,
             bool *ret_has_pages, struct err *err)
{
	struct sum sum = {.target = target, .has_pages = true};
	const struct tp_threadproc *abi = &tp->abi;

	if (!target->maps)
		return no_process(err);
	for (uint32_t i = 0; i < abi->run_count; i++) {
		uint64_t lo = (uint64_t)abi->runs[i].first << TP_GRANULE_SHIFT;
		uint64_t hi = lo + ((uint64_t)abi->runs[i].count << TP_GRANULE_SHIFT);

		if (maps_each(target->maps, lo, hi, sum_mapping, &sum, err))
			return -1;
	}
	if (maps_each(target->maps, abi->fixed_lo, abi->fixed_hi, sum_mapping, &sum, err))
		return -1;
	*ret_usage = sum.usage;
	*ret_has_pages = sum.has_pages;
	return 0;
}

/* ---- One by one -------------------------------------------------------------- */

struct reading {
	const struct target *target;
	uint64_t lo;
	struct areas areas;
	size_t room;
	struct identity id;
};

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "mappings");
}

static struct area *new_area(struct reading *r)
{
	struct areas *areas = &r->areas;

	if (!ROOM_FOR_ONE(areas->list, r->room, areas->count))
		return NULL;
	return &areas->list[areas->count];
}

/* malloc has more than the zone of brk. */
static bool is_heap(const struct target *target, const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	struct heap *heap;
	struct err err;

	return id->place == PLACE_ANON && (m->prot & PROT_WRITE) && !m->shared && id->owner.tp &&
	       reg_threadproc_lives(id->owner.tp) &&
	       !component_heap(target, id->owner.tp, &heap, &err) &&
	       heap_touches(heap, target, m->lo, m->hi);
}

static int add_area(void *context, const struct mapping *m, struct err *err)
{
	struct reading *r = context;
	AUTO_FREE char *path = NULL;
	struct area *area;

	if (m->lo < r->lo)
		return 0;
	area = new_area(r);
	path = *m->path ? strdup(m->path) : NULL;
	if (!area || (*m->path && !path))
		return no_memory(err);
	identify_mapping(r->target, m, &r->id);
	if (is_heap(r->target, &r->id))
		r->id.place = PLACE_HEAP;
	*area = (struct area){
		.lo = m->lo,
		.hi = m->hi,
		.prot = m->prot,
		.shared = m->shared,
		.owner = r->id.owner,
		.place = r->id.place,
		.tid = r->id.tid,
		.module = r->id.module,
		.path = TAKE_PTR(path),
		.usage = usage_of_mapping(r->target, m, &r->areas.has_pages),
	};
	r->areas.count++;
	return 0;
}

int areas_read(const struct target *target, uint64_t lo, uint64_t hi, struct areas *ret_areas,
               struct err *err)
{
	AUTO_FREE struct reading *r = calloc(1, sizeof(*r));

	if (!r)
		return no_memory(err);
	if (!target->maps)
		return no_process(err);
	r->target = target;
	r->lo = lo;
	r->areas.has_pages = true;
	if (maps_each(target->maps, lo, hi, add_area, r, err)) {
		areas_deinit(&r->areas);
		return -1;
	}
	*ret_areas = r->areas;
	return 0;
}

void areas_deinit(struct areas *areas)
{
	for (size_t i = 0; i < areas->count; i++)
		free(areas->list[i].path);
	free(areas->list);
	*areas = (struct areas){0};
}
