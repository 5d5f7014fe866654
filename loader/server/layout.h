/*
 * layout.h - where everything of a launch goes in its slot.  Numbers only.
 */
#ifndef TPROC_SERVER_LAYOUT_H
#define TPROC_SERVER_LAYOUT_H

#include "loader/server/image.h"

struct layout {
	uint64_t lo; /* the slot's first run */
	uint64_t hi;
	uint64_t stack_lo;
	uint64_t stack_hi;
	uint64_t self;
	uint64_t state;
	uint64_t stubs;	      /* for what lies in the slot */
	uint64_t fixed_stubs; /* for a fixed program, behind it; 0: none */
	uint64_t fixed_lo;    /* what a fixed program occupies, stubs included; 0: none */
	uint64_t fixed_hi;
	uint64_t program_bias;
	uint64_t interp_bias;
	uint64_t brk_lo;
	uint64_t brk_hi;
	uint64_t mmap_lo;
	uint64_t mmap_hi;
};

/* The stack's size for a soft RLIMIT_STACK in bytes (UINT64_MAX: unlimited): whole pages. */
uint64_t layout_stack_size(uint64_t limit);

/* How many granules the first run needs.  interp may be NULL, here and below. */
uint32_t layout_granules(uint64_t stack_size, const struct image *program,
			 const struct image *interp);

/* What a fixed program occupies, its stubs included. */
void layout_fixed_range(const struct image *program, uint64_t *ret_lo, uint64_t *ret_hi);

/* Fills in *layout for a slot of so many granules that begins at lo. */
void layout_compute(uint64_t lo, uint32_t granules, uint64_t stack_size,
		    const struct image *program, const struct image *interp,
		    struct layout *layout);

#endif
