/*
 * threadproc.h - all there is to know of one threadproc: for `list` and `show`.
 */
#ifndef TPROC_INSPECT_THREADPROC_H
#define TPROC_INSPECT_THREADPROC_H

#include "inspect/session.h"

#include "lib/read/usage.h"

/* What is not on record, but found out by looking. */
struct vitals {
	size_t threads; /* 0: not known */
	bool has_usage; /* mapped and reserved are known */
	bool has_pages; /* resident, dirty and swapped are */
	struct usage usage;
};

/* What cannot be had, because it has ended or may not be looked at, is left out. */
void threadproc_vitals(const struct target *target, const struct reg_threadproc *tp,
                       struct vitals *ret_vitals);

/* How long it has lived, or did; 0 when that is not known. */
uint64_t threadproc_age(const struct reg_threadproc *tp);

/* Hexadecimal build-id of its program; "" when there is none. */
const char *threadproc_build_id(const struct snapshot *snapshot, const struct reg_threadproc *tp,
                                char text[2 * TP_BUILD_ID_SIZE + 1]);

/* The members that `list` and `show` have in common; NULL when memory is short. */
json_t *threadproc_json(const struct target *target, const struct reg_threadproc *tp);

#endif
