#include "inspect/map.h"

#include "lib/read/refs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum map_kind map_kind_of(const struct area *area)
{
	switch (area->place) {
	case PLACE_PROGRAM:
		return area->prot ? MAP_PROGRAM : MAP_RESERVED;
	case PLACE_LIBRARY:
		return area->prot ? MAP_LIBRARY : MAP_RESERVED;
	case PLACE_HEAP:
		return area->prot ? MAP_HEAP : MAP_RESERVED;
	case PLACE_STACK:
		return MAP_STACK;
	case PLACE_FILE:
		return MAP_FILE;
	case PLACE_REGISTRY:
	case PLACE_AGENT:
	case PLACE_MAILBOX:
		return MAP_TOOLKIT;
	case PLACE_VDSO:
		return MAP_KERNEL;
	case PLACE_GUARD:
		return MAP_RESERVED;
	default:
		return area->prot ? MAP_ANONYMOUS : MAP_RESERVED;
	}
}

const char *map_kind_name(enum map_kind kind)
{
	static const char *const names[MAP_KINDS] = {
		[MAP_PROGRAM] = "program", [MAP_LIBRARY] = "library", [MAP_HEAP] = "heap",
		[MAP_STACK] = "stack",     [MAP_FILE] = "file",       [MAP_ANONYMOUS] = "anonymous",
		[MAP_TOOLKIT] = "tproc",   [MAP_KERNEL] = "kernel",   [MAP_RESERVED] = "reserved",
	};

	return names[kind];
}

const char *map_group_name(const struct map_group *group, char text[TP_NAME_SIZE + 16])
{
	if (!group->tp)
		return group->toolkit ? "tproc" : "unowned";
	snprintf(text, TP_NAME_SIZE + 16, "%s (%" PRIu32 ")", group->tp->abi.name,
	         group->tp->abi.id);
	return text;
}

/* ---- Groups ---------------------------------------------------------------------- */

static bool is_toolkits(const struct area *area)
{
	return area->owner.kind == OWNER_TOOLKIT || area->place == PLACE_VDSO;
}

/* By owner, in the order of struct map, then by address. */
static int by_owner(const void *a, const void *b)
{
	const struct area *x = *(const struct area *const *)a;
	const struct area *y = *(const struct area *const *)b;
	const struct reg_threadproc *tx = x->owner.tp, *ty = y->owner.tp;

	if (!tx != !ty)
		return tx ? -1 : 1;
	if (tx != ty)
		return tx->abi.id < ty->abi.id ? -1 : 1;
	if (is_toolkits(x) != is_toolkits(y))
		return is_toolkits(x) ? -1 : 1;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static bool is_groups(const struct map_group *group, const struct area *area)
{
	return group->tp == area->owner.tp &&
	       group->toolkit == (!area->owner.tp && is_toolkits(area));
}

static void add_area(struct map_group *group, const struct area *area)
{
	group->count++;
	usage_add(&group->total, &area->usage);
	usage_add(&group->kinds[map_kind_of(area)], &area->usage);
}

/* One array of pointers, of which each group has a part; the first group's is the array. */
static int make_groups(struct map *map, struct err *err)
{
	const struct area **areas = calloc(map->areas.count + 1, sizeof(*areas));
	struct map_group *groups = calloc(map->areas.count + 1, sizeof(*groups));

	if (!areas || !groups) {
		free(areas);
		free(groups);
		return err_os(err, ENOMEM, "map");
	}
	for (size_t i = 0; i < map->areas.count; i++)
		areas[i] = &map->areas.list[i];
	qsort(areas, map->areas.count, sizeof(*areas), by_owner);
	groups[0].areas = areas;
	for (size_t i = 0; i < map->areas.count; i++) {
		if (!map->count || !is_groups(&groups[map->count - 1], areas[i]))
			groups[map->count++] = (struct map_group){
				.tp = areas[i]->owner.tp,
				.toolkit = !areas[i]->owner.tp && is_toolkits(areas[i]),
				.areas = areas + i,
			};
		add_area(&groups[map->count - 1], areas[i]);
	}
	map->groups = groups;
	return 0;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Moves what more has behind what areas has. */
static int join(struct areas *areas, struct areas *more, struct err *err)
{
	struct area *grown;

	if (!areas->count && !areas->list) {
		*areas = *more;
		return 0;
	}
	areas->has_pages &= more->has_pages;
	grown = reallocarray(areas->list, areas->count + more->count + 1, sizeof(*grown));
	if (!grown) {
		areas_deinit(more);
		return err_os(err, ENOMEM, "map");
	}
	if (more->count)
		memcpy(grown + areas->count, more->list, more->count * sizeof(*grown));
	areas->list = grown;
	areas->count += more->count;
	free(more->list);
	return 0;
}

static int read_areas(const struct target *target, const struct reg_threadproc *tp,
                      struct areas *areas, struct err *err)
{
	struct refs_span spans[TP_RUNS + 1];
	size_t count = refs_spans_of(tp, spans);

	areas->has_pages = true;
	for (size_t i = 0; i < count; i++) {
		struct areas more;

		if (areas_read(target, spans[i].lo, spans[i].hi, &more, err) ||
		    join(areas, &more, err))
			return -1;
	}
	return 0;
}

int map_read(const struct target *target, const struct reg_threadproc *tp, struct map *ret_map,
             struct err *err)
{
	struct map map = {0};
	int ret = tp ? read_areas(target, tp, &map.areas, err)
	             : areas_read(target, 0, UINT64_MAX, &map.areas, err);

	if (!ret)
		ret = make_groups(&map, err);
	if (ret)
		map_deinit(&map);
	else
		*ret_map = map;
	return ret;
}

void map_deinit(struct map *map)
{
	if (map->groups)
		free(map->groups[0].areas);
	free(map->groups);
	areas_deinit(&map->areas);
	*map = (struct map){0};
}
