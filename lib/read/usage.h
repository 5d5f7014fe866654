/*
 * usage.h - how much memory a threadproc has, and what for.
 */
#ifndef TPROC_READ_USAGE_H
#define TPROC_READ_USAGE_H

#include "lib/base/err.h"
#include "lib/read/identify.h"
#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes.  Mapped is what can be accessed, reserved what only holds a place (PROT_NONE).  Dirty is
 * the part of resident that is nowhere else: anonymous memory, and what was copied on write.
 */
struct usage {
	uint64_t mapped;
	uint64_t reserved;
	uint64_t resident;
	uint64_t dirty;
	uint64_t swapped;
};

void usage_add(struct usage *sum, const struct usage *more);

/* One mapping of the kernel's. */
struct area {
	uint64_t lo;
	uint64_t hi;
	int prot; /* PROT_ bits */
	bool shared;
	struct owner owner;
	enum place place;
	pid_t tid;                       /* as in struct identity */
	const struct reg_module *module; /* likewise */
	char *path;                      /* raw; NULL when it has none */
	struct usage usage;
};

struct areas {
	struct area *list; /* ascending */
	size_t count;
	bool has_pages; /* else resident, dirty and swapped are not known and 0 */
};

/*
 * The mappings that begin in [lo, hi), each with its use.  ERR_NOT_FOUND when no process of the
 * space can be looked at.  To be released.
 */
int areas_read(const struct target *target, uint64_t lo, uint64_t hi, struct areas *ret_areas,
               struct err *err);
void areas_deinit(struct areas *areas);

/*
 * All of a threadproc's mappings together: its slot's, and those of an image outside it.
 * *ret_has_pages as in struct areas.  Costs no look at what they are used for.
 */
int usage_of(const struct target *target, const struct reg_threadproc *tp, struct usage *ret_usage,
             bool *ret_has_pages, struct err *err);

#endif
