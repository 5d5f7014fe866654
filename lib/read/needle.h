/*
 * needle.h - bytes to look for in memory, some of which may be anything.
 *
 * Like memmem(3), which for short needles in memory that is mostly alike is slower than memory is.
 */
#ifndef TPROC_READ_NEEDLE_H
#define TPROC_READ_NEEDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEEDLE_MAX 4096

struct needle {
	uint8_t bytes[NEEDLE_MAX];
	uint8_t mask[NEEDLE_MAX]; /* 0xff, or 0 where any byte will do */
	size_t len;
	bool any; /* some mask is 0 */
	/* What is looked for: the two bytes that are rarest, in ascending order. */
	size_t first;
	size_t second;
};

/* bytes, mask and len are set, len is 1 at least; false when every byte may be anything. */
bool needle_prepare(struct needle *needle);

/* Where it begins, at `from` or later; len when it is not there. */
size_t needle_find(const struct needle *needle, const uint8_t *hay, size_t len, size_t from);

#endif
