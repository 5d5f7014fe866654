/*
 * addrmap.h - whose every address is, as of one moment: for questions by the million.
 *
 * The whole of memory is cut into stretches wherever the answer may change: at the borders of
 * mappings, modules, stacks, slots.  What a stretch is gets found out when the first address of it
 * is asked for, by the same steps as identify(); after that an address costs a binary search
 * among the stretches of its granule.
 */
#ifndef TPROC_READ_ADDRMAP_H
#define TPROC_READ_ADDRMAP_H

#include "lib/base/err.h"
#include "lib/read/identify.h"

struct addrmap;

/* What all addresses from lo up to hi have in common. */
struct addrmap_place {
	uint64_t lo;
	uint64_t hi;
	enum place place;
	bool mapped;
	bool found; /* there is something, or there was: identify_found */
	struct owner owner;
	pid_t tid;                               /* of a stack; 0: none */
	const struct reg_threadproc *mailbox_of; /* NULL: none */
	char *file;                              /* path, raw; NULL: none */
	const struct symbols *symbols;           /* NULL: none */
	uint64_t bias;                           /* addr - bias is the file's own address */
	/* The user's own: freed with the map. */
	char *text;
	size_t text_len;
};

/* The target has to live as long as the map; what it says is as old as that. */
int addrmap_create(const struct target *target, struct addrmap **ret_map, struct err *err);
void addrmap_destroy(struct addrmap *map);

/* The place of an address; the map's.  NULL when memory is short. */
struct addrmap_place *addrmap_find(struct addrmap *map, uint64_t addr);

#endif
