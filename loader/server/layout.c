#include "loader/server/layout.h"

#include "loader/agent/slot.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
/* What "unlimited" means: far more than a recursion uses, and nothing until it is touched. */
#define MAX_STACK (4 * GIB)
/* Whatever the limit, a program may be given 128 KiB of arguments, and then needs some to run. */
#define MIN_STACK (256u << 10)
/* brk gets this much behind a large program at least. */
#define MIN_BRK GIB

static uint64_t up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & ~(align - 1);
}

uint64_t layout_stack_size(uint64_t limit)
{
	if (limit > MAX_STACK)
		return MAX_STACK;
	return up(limit < MIN_STACK ? MIN_STACK : limit, SLOT_PAGE);
}

/* From the slot's start; a multiple of 2 MiB (slot.h). */
static uint64_t core_offset(uint64_t stack_size)
{
	return up(SLOT_MARGIN + stack_size, 2 * MIB);
}

static uint64_t span(const struct image *image)
{
	return image->vaddr_hi - image->vaddr_lo;
}

/* Where an image begins when it is put at or after addr. */
static uint64_t image_at(uint64_t addr, const struct image *image)
{
	return up(addr, image->align) + image->vaddr_lo % image->align;
}

/* End of the images that lie in the slot, for a slot at address lo. */
static uint64_t place_images(uint64_t lo, uint64_t stack_size, const struct image *program,
			     const struct image *interp, struct layout *layout)
{
	uint64_t at = lo + core_offset(stack_size) + SLOT_IMAGES;

	layout->interp_bias = 0;
	layout->program_bias = 0;
	if (interp && !interp->fixed) {
		at = image_at(at, interp);
		layout->interp_bias = at - interp->vaddr_lo;
		at += span(interp) + SLOT_PAGE;
	}
	if (!program->fixed) {
		at = image_at(at, program);
		layout->program_bias = at - program->vaddr_lo;
		at += span(program) + SLOT_PAGE;
	}
	return at;
}

/* The mmap zone begins on a GiB, after brk's zone. */
static uint64_t mmap_offset(uint64_t images_end)
{
	uint64_t least = up(images_end + MIN_BRK, GIB);

	return least < SLOT_MMAP ? SLOT_MMAP : least;
}

uint32_t layout_granules(uint64_t stack_size, const struct image *program,
			 const struct image *interp)
{
	struct layout scratch;
	uint64_t end = place_images(0, stack_size, program, interp, &scratch);

	/* At least as much for mmap as in the smallest slot. */
	return (uint32_t)(up(mmap_offset(end) + TP_GRANULE_SIZE / 2, TP_GRANULE_SIZE) >>
			  TP_GRANULE_SHIFT);
}

void layout_fixed_range(const struct image *program, uint64_t *ret_lo, uint64_t *ret_hi)
{
	*ret_lo = program->vaddr_lo;
	*ret_hi = program->vaddr_hi + (program->site_count ? SLOT_STUBS_SIZE : 0);
}

void layout_compute(uint64_t lo, uint32_t granules, uint64_t stack_size,
		    const struct image *program, const struct image *interp,
		    struct layout *layout)
{
	uint64_t core = lo + core_offset(stack_size);
	uint64_t end;

	*layout = (struct layout){ .lo = lo };
	layout->hi = lo + ((uint64_t)granules << TP_GRANULE_SHIFT);
	layout->stack_hi = core + SLOT_STACK_TOP;
	layout->stack_lo = layout->stack_hi - stack_size;
	layout->self = core + SLOT_SELF;
	layout->state = core + SLOT_STATE;
	layout->stubs = core + SLOT_STUBS;
	end = place_images(lo, stack_size, program, interp, layout);
	if (program->fixed) {
		layout_fixed_range(program, &layout->fixed_lo, &layout->fixed_hi);
		if (program->site_count)
			layout->fixed_stubs = program->vaddr_hi;
	}
	layout->mmap_lo = lo + mmap_offset(end - lo);
	layout->mmap_hi = layout->hi - SLOT_TAIL;
	layout->brk_lo = end;
	layout->brk_hi = layout->mmap_lo - SLOT_TAIL;
}
