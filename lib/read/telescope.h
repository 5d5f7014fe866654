/*
 * telescope.h - a word of memory, and where it leads, hop by hop.
 */
#ifndef TPROC_READ_TELESCOPE_H
#define TPROC_READ_TELESCOPE_H

#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELESCOPE_HOPS_MAX 64
#define TELESCOPE_TEXT_MAX 128

/* How it ends. */
enum telescope_end {
	TELESCOPE_VALUE,      /* the last hop is no address of anything mapped: a number */
	TELESCOPE_TEXT,       /* at the last hop is a text */
	TELESCOPE_CODE,       /* at the last hop is code */
	TELESCOPE_LOOP,       /* the last hop leads to an earlier one, or to the beginning */
	TELESCOPE_LIMIT,      /* there would be more hops */
	TELESCOPE_UNREADABLE, /* at the last hop is memory that cannot be read */
};

struct telescope {
	uint64_t hops[TELESCOPE_HOPS_MAX]; /* the word, what lies there, and so on */
	size_t count;
	enum telescope_end end;
	size_t loop; /* TELESCOPE_LOOP: to which hop; SIZE_MAX: to the address it began at */
	char text[TELESCOPE_TEXT_MAX]; /* TELESCOPE_TEXT: its bytes, raw */
	size_t text_len;
	bool text_ends; /* with a NUL */
};

/*
 * Follows the word at addr, at most hops_max hops (1 up to TELESCOPE_HOPS_MAX).  False when it
 * cannot be read.
 */
bool telescope_follow(const struct target *target, uint64_t addr, size_t hops_max,
                      struct telescope *ret_telescope);

#endif
