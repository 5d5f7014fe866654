/*
 * registry_source.h - what the parts of the registry reader share.
 */
#ifndef TPROC_READ_REGISTRY_SOURCE_H
#define TPROC_READ_REGISTRY_SOURCE_H

#include "lib/read/registry.h"

struct registry {
	char *base; /* page-aligned when mapped, else malloc'd */
	uint64_t length;
	bool mapped;
};

/* A copy of the header, checked: every table lies within the first `length` bytes. */
int registry_header(const struct registry *registry, struct tp_registry *ret_header,
                    struct err *err);

/*
 * One pass over a registry.  The header is a checked copy; the rest of the memory may
 * change at any time.
 */
struct reg_pass {
	const char *base;
	const struct tp_registry *header;
	struct snapshot *snapshot;
	uint64_t budget; /* bytes that refs may still copy: a hostile heap is no endless one */
};

/*
 * Fill in one record from shared memory: copy, check the copy, empty what is wrong and
 * say so in health.  They do not look at sequence counters.  Return 0, or -1 when memory
 * is short.  The record is to be zeroed before, and released after, by record_*_deinit.
 */
int record_threadproc_fill(struct reg_pass *pass, const struct tp_threadproc *raw,
                           struct reg_threadproc *tp);
int record_image_fill(struct reg_pass *pass, const struct tp_image *raw, struct reg_image *image);
void record_name_fill(struct reg_pass *pass, const struct tp_name *raw, struct reg_name *name);

void record_threadproc_deinit(struct reg_threadproc *tp);
void record_image_deinit(struct reg_image *image);

#endif
