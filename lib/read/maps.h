/*
 * maps.h - the kernel's own view: which mapping covers an address.
 */
#ifndef TPROC_READ_MAPS_H
#define TPROC_READ_MAPS_H

#include "lib/base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t lo;
	uint64_t hi;
	int prot; /* PROT_ bits */
	bool shared;
	uint64_t offset; /* into the file, bytes */
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;        /* 0: no file */
	char path[PATH_MAX]; /* as the kernel has it: a path, [heap], [vdso], or empty; raw */
	bool partial;        /* from a core file: dev, ino, and unless true shared, are not known */
};

/* One of a list, with as much of a path as it has. */
struct maps_entry {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset;
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
	int prot;
	bool shared;
	bool partial;
	const char *path;
};

struct maps;

/*
 * The mappings of a live process.  Each look-up asks the kernel anew: PROCMAP_QUERY
 * (Linux 6.11), else the text of /proc/PID/maps.  Needs the right to trace it.
 */
int maps_open_live(pid_t pid, struct maps **ret_maps, struct err *err);

/* Mappings from a text in the form of /proc/PID/maps, which is copied. */
int maps_open_text(const char *text, struct maps **ret_maps, struct err *err);

/*
 * Mappings from a list, which is copied; paths are borrowed.  ERR_INVALID unless they ascend and
 * are disjoint.
 */
int maps_open_list(const struct maps_entry *entries, size_t count, struct maps **ret_maps,
                   struct err *err);

void maps_close(struct maps *maps);

/* The mapping that covers addr; ERR_NOT_FOUND when there is none. */
int maps_find(struct maps *maps, uint64_t addr, struct mapping *ret_mapping, struct err *err);

/*
 * Called with each mapping, in ascending order; the mapping is the caller's.  What is not 0
 * ends the walk.
 */
typedef int maps_visitor(void *context, const struct mapping *mapping, struct err *err);

/*
 * Visits every mapping that overlaps [lo, hi).  Returns 0, what the visitor returned, or -1.
 * Of a live process, each mapping is as the kernel has it at that moment.
 */
int maps_each(struct maps *maps, uint64_t lo, uint64_t hi, maps_visitor *visit, void *context,
              struct err *err);

/* One line of /proc/PID/maps, with or without its newline.  ERR_INVALID when it is none. */
int maps_parse_line(const char *line, struct mapping *ret_mapping, struct err *err);

/* "rw-p" and the like; "rw-?" when it is not known whether it is shared. */
const char *mapping_perms(const struct mapping *mapping, char perms[5]);

#endif
