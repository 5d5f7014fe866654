#include "lib/read/addrmap.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One more than granules: above all of them lies the last. */
#define GRANULES (TP_GRANULES + 1)

/* A mapping without its path's room. */
struct kept_mapping {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset;
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
	int prot;
	bool shared;
	char *path; /* NULL: none */
};

struct addrmap {
	const struct target *target;
	struct kept_mapping *mappings; /* ascending */
	size_t mapping_count;
	/* Stretch i goes from starts[i] up to starts[i + 1]; the first starts at 0. */
	uint64_t *starts;
	struct addrmap_place **places; /* NULL: not asked for yet */
	size_t count;
	size_t room;
	uint32_t first[GRANULES + 1]; /* the stretch that each granule begins in */
	struct addrmap_place *last;   /* of the latest question */
	struct identity identity;     /* of the stretch that is looked at */
};

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "map of addresses");
}

/* ---- Cuts ---------------------------------------------------------------- */

static int add_cut(struct addrmap *map, uint64_t at)
{
	if (map->count == map->room) {
		size_t room = map->room ? map->room * 2 : 1024;
		uint64_t *grown = reallocarray(map->starts, room, sizeof(*map->starts));

		if (!grown)
			return -1;
		map->starts = grown;
		map->room = room;
	}
	map->starts[map->count++] = at;
	return 0;
}

static int add_range(struct addrmap *map, uint64_t lo, uint64_t hi)
{
	return add_cut(map, lo) || add_cut(map, hi) ? -1 : 0;
}

static int keep_mapping(void *context, const struct mapping *m, struct err *err)
{
	struct addrmap *map = context;
	struct kept_mapping *kept;

	/* a power of two was just filled */
	if (!(map->mapping_count & (map->mapping_count - 1))) {
		size_t room = map->mapping_count ? map->mapping_count * 2 : 1;

		kept = reallocarray(map->mappings, room, sizeof(*kept));
		if (!kept)
			return no_memory(err);
		map->mappings = kept;
	}
	kept = &map->mappings[map->mapping_count];
	*kept = (struct kept_mapping){m->lo,        m->hi,        m->offset, m->ino,
	                              m->dev_major, m->dev_minor, m->prot,   m->shared};
	if (*m->path) {
		kept->path = strdup(m->path);
		if (!kept->path)
			return no_memory(err);
	}
	map->mapping_count++;
	return add_range(map, m->lo, m->hi) ? no_memory(err) : 0;
}

static int cut_toolkit(struct addrmap *map, const struct snapshot *s)
{
	const struct tp_registry *h = &s->header;
	uint64_t box = h->mailbox_addr + TP_MAILBOX_HEADER_SIZE;

	if (add_range(map, h->address, h->address + h->size) ||
	    add_range(map, h->agent_lo, h->agent_hi) ||
	    add_range(map, h->mailbox_addr, h->mailbox_addr + h->mailbox_size))
		return -1;
	for (size_t i = 0; i <= s->threadproc_count; i++) {
		if (add_cut(map, box + i * TP_MAILBOX_STRIDE))
			return -1;
	}
	return 0;
}

static int cut_owners(struct addrmap *map, const struct snapshot *s)
{
	for (size_t i = 0; i < s->granule_count; i++) {
		const struct tp_granule *g = &s->granules[i];

		if (i && g->state == g[-1].state && g->owner == g[-1].owner &&
		    g->generation == g[-1].generation)
			continue;
		if (add_cut(map, (uint64_t)i << TP_GRANULE_SHIFT))
			return -1;
	}
	for (size_t i = 0; i < s->fixed_count; i++) {
		if (add_range(map, s->fixed[i].lo, s->fixed[i].hi))
			return -1;
	}
	return add_cut(map, (uint64_t)s->granule_count << TP_GRANULE_SHIFT);
}

static int cut_threadproc(struct addrmap *map, const struct snapshot *s,
                          const struct reg_threadproc *tp)
{
	if (add_range(map, tp->abi.stack_lo, tp->abi.stack_hi) ||
	    add_range(map, tp->abi.brk_lo, tp->abi.brk_hi))
		return -1;
	for (size_t i = 0; i < tp->module_count; i++) {
		const struct tp_module *module = &tp->modules[i].abi;
		const struct reg_image *image = snapshot_image(s, module->image);

		if (image && add_range(map, module->bias + image->abi.vaddr_lo,
		                       module->bias + image->abi.vaddr_hi))
			return -1;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int find_cuts(struct addrmap *map, struct err *err)
{
	const struct snapshot *s = map->target->snapshot;
	size_t used = 0;
	int ret = 0;

	if (map->target->maps &&
	    maps_each(map->target->maps, 0, UINT64_MAX, keep_mapping, map, err))
		return -1;
	ret = add_cut(map, 0) || cut_toolkit(map, s) || cut_owners(map, s);
	for (size_t i = 1; i < s->threadproc_count && !ret; i++)
		ret = cut_threadproc(map, s, &s->threadprocs[i]);
	if (ret)
		return no_memory(err);
	qsort(map->starts, map->count, sizeof(*map->starts), by_value);
	for (size_t i = 0; i < map->count; i++) {
		if (!used || map->starts[used - 1] != map->starts[i])
			map->starts[used++] = map->starts[i];
	}
	map->count = used;
	return 0;
}

/* ---- Making -------------------------------------------------------------- */

static size_t granule_of(uint64_t addr)
{
	uint64_t granule = addr >> TP_GRANULE_SHIFT;

	return granule < TP_GRANULES ? (size_t)granule : TP_GRANULES;
}

static void index_granules(struct addrmap *map)
{
	size_t stretch = 0;

	for (size_t i = 0; i < GRANULES; i++) {
		while (stretch + 1 < map->count &&
		       map->starts[stretch + 1] <= (uint64_t)i << TP_GRANULE_SHIFT)
			stretch++;
		map->first[i] = (uint32_t)stretch;
	}
	map->first[GRANULES] = (uint32_t)(map->count - 1);
}

int addrmap_create(const struct target *target, struct addrmap **ret_map, struct err *err)
{
	struct addrmap *map = calloc(1, sizeof(*map));

	if (!map)
		return no_memory(err);
	map->target = target;
	if (find_cuts(map, err)) {
		addrmap_destroy(map);
		return -1;
	}
	map->places = calloc(map->room, sizeof(struct addrmap_place *));
	if (!map->places) {
		addrmap_destroy(map);
		return no_memory(err);
	}
	index_granules(map);
	*ret_map = map;
	return 0;
}

static void place_destroy(struct addrmap_place *place)
{
	if (!place)
		return;
	free(place->file);
	free(place->text);
	free(place);
}

void addrmap_destroy(struct addrmap *map)
{
	if (!map)
		return;
	for (size_t i = 0; map->places && i < map->count; i++)
		place_destroy(map->places[i]);
	for (size_t i = 0; i < map->mapping_count; i++)
		free(map->mappings[i].path);
	free(map->places);
	free(map->mappings);
	free(map->starts);
	free(map);
}

/* ---- Looking at a stretch ------------------------------------------------ */

/* False when nothing is mapped there. */
static bool mapping_at(const struct addrmap *map, uint64_t addr, struct mapping *m)
{
	size_t lo = 0, hi = map->mapping_count;
	const struct kept_mapping *kept;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (map->mappings[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr >= map->mappings[lo - 1].hi)
		return false;
	kept = &map->mappings[lo - 1];
	m->lo = kept->lo;
	m->hi = kept->hi;
	m->prot = kept->prot;
	m->shared = kept->shared;
	m->offset = kept->offset;
	m->dev_major = kept->dev_major;
	m->dev_minor = kept->dev_minor;
	m->ino = kept->ino;
	strcpy(m->path, kept->path ? kept->path : "");
	return true;
}

/* Two stacks can be in one mapping: then the stretch is cut behind the lower one. */
static int cut_stretch(struct addrmap *map, size_t i, uint64_t at)
{
	size_t after = map->count - i - 1;

	if (map->count == map->room) {
		size_t room = map->room * 2;
		uint64_t *starts = reallocarray(map->starts, room, sizeof(*starts));
		struct addrmap_place **places;

		if (!starts)
			return -1;
		map->starts = starts;
		places = reallocarray(map->places, room, sizeof(*places));
		if (!places)
			return -1;
		map->places = places;
		map->room = room;
	}
	memmove(&map->starts[i + 2], &map->starts[i + 1], after * sizeof(*map->starts));
	memmove(&map->places[i + 2], &map->places[i + 1], after * sizeof(struct addrmap_place *));
	map->starts[i + 1] = at;
	map->places[i + 1] = NULL;
	map->count++;
	index_granules(map);
	return 0;
}

static uint64_t end_of(const struct addrmap *map, size_t i)
{
	return i + 1 < map->count ? map->starts[i + 1] : UINT64_MAX;
}

/* Everything but where it ends; NULL when memory is short. */
static struct addrmap_place *make_place(struct addrmap *map, uint64_t lo)
{
	struct identity *id = &map->identity;
	struct addrmap_place *place = calloc(1, sizeof(*place));
	struct mapping mapping;

	if (!place)
		return NULL;
	identify_place(map->target, lo, mapping_at(map, lo, &mapping) ? &mapping : NULL, id);
	*place = (struct addrmap_place){
		.lo = lo,
		.place = id->place,
		.mapped = id->mapped,
		.found = identify_found(map->target, id),
		.owner = id->owner,
		.tid = id->tid,
		.mailbox_of = id->mailbox_of,
		.symbols = id->has_vaddr ? id->symbols : NULL,
		.bias = id->has_vaddr ? lo - id->vaddr : 0,
	};
	if (!id->file)
		return place;
	place->file = strdup(id->file);
	if (place->file)
		return place;
	free(place);
	return NULL;
}

static struct addrmap_place *look_at(struct addrmap *map, size_t i)
{
	struct addrmap_place *place = make_place(map, map->starts[i]);
	uint64_t end = map->identity.stack_hi;

	if (!place)
		return NULL;
	map->places[i] = place;
	if (end > place->lo && end < end_of(map, i) && cut_stretch(map, i, end))
		return NULL;
	place->hi = end_of(map, i);
	return place;
}

/* ---- Questions ----------------------------------------------------------- */

static size_t stretch_of(const struct addrmap *map, uint64_t addr)
{
	size_t granule = granule_of(addr);
	const uint64_t *base = map->starts + map->first[granule];
	size_t count = map->first[granule + 1] - map->first[granule] + 1;

	/* The last that starts at or below addr: without branches to be guessed wrongly. */
	while (count > 1) {
		size_t half = count / 2;

		base += base[half] <= addr ? half : 0;
		count -= half;
	}
	return (size_t)(base - map->starts);
}

struct addrmap_place *addrmap_find(struct addrmap *map, uint64_t addr)
{
	struct addrmap_place *place = map->last;
	size_t i;

	if (place && addr - place->lo < place->hi - place->lo)
		return place;
	i = stretch_of(map, addr);
	place = map->places[i];
	if (!place) {
		place = look_at(map, i);
		/* it may have been cut below addr */
		if (place && addr >= place->hi && place->hi != UINT64_MAX)
			return addrmap_find(map, addr);
	}
	map->last = place;
	return place;
}
