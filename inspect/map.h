/*
 * map.h - the address map of a space: its mappings by owner and by kind.
 */
#ifndef TPROC_INSPECT_MAP_H
#define TPROC_INSPECT_MAP_H

#include "inspect/session.h"

#include "lib/read/usage.h"

enum map_kind {
	MAP_PROGRAM,
	MAP_LIBRARY,
	MAP_HEAP,
	MAP_STACK,
	MAP_FILE,
	MAP_ANONYMOUS,
	MAP_TOOLKIT,
	MAP_KERNEL,
	MAP_RESERVED, /* holds a place only: guards too */
	MAP_KINDS,
};

/* One owner's mappings. */
struct map_group {
	const struct reg_threadproc *tp; /* NULL: the toolkit's, or nobody's */
	bool toolkit;
	const struct area **areas; /* ascending */
	size_t count;
	struct usage total;
	struct usage kinds[MAP_KINDS];
};

struct map {
	struct areas areas;
	struct map_group *groups; /* threadprocs by id, the toolkit, nobody */
	size_t count;
};

/* map_read.c: of one threadproc; NULL: of the whole space.  To be released. */
int map_read(const struct target *target, const struct reg_threadproc *tp, struct map *ret_map,
             struct err *err);
void map_deinit(struct map *map);

enum map_kind map_kind_of(const struct area *area);

/* "program" and so on, one word. */
const char *map_kind_name(enum map_kind kind);

/* Who has the mappings: "allocstr (1)", "tproc", "unowned"; raw. */
const char *map_group_name(const struct map_group *group, char text[TP_NAME_SIZE + 16]);

/* map_picture.c: a bar for each owner. */
int map_svg(const char *path, const char *space, const struct map *map, struct err *err);

/* The same within a page of HTML (svg_inline), with its style. */
int map_inline(FILE *out, const struct map *map, struct err *err);
extern const char map_style[];

#endif
