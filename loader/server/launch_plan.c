#include "loader/server/launch_plan.h"

#include "lib/base/cleanup.h"
#include "loader/agent/slot.h"
#include "loader/server/launch_slot.h"
#include "loader/server/stack.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* Between what a program finds on its stack and what its start leaves below. */
#define LIST_DISTANCE 128
#define SMALL 0xa000

_Static_assert(SLOT_ALT + SLOT_ALT_SIZE == SLOT_STATE &&
		       SLOT_STATE + SLOT_STATE_SIZE == SLOT_SELF,
	       "plan_state maps all at once");

static uint64_t up(uint64_t x)
{
	return (x + SLOT_PAGE - 1) & ~(SLOT_PAGE - 1);
}

static uint64_t down(uint64_t x)
{
	return x & ~(SLOT_PAGE - 1);
}

/* ---- images ------------------------------------------------------------------------- */

/* Stubs as they will lie at area->stubs.at, and their bytes until then. */
struct stub_area {
	struct patch_stubs stubs;
	uint8_t bytes[SLOT_STUBS_SIZE];
};

static void stub_area_init(struct stub_area *area, uint64_t at, uint64_t state, uint64_t cpuid,
			   const struct launch_space *space)
{
	const struct patch_stub_head head = {
		.slot = state,
		.entry = space->entry,
		.filter = space->filter,
		.module_hook = space->module_hook,
		.cpuid = cpuid,
	};

	patch_stubs_init(&area->stubs, area->bytes, at, sizeof(area->bytes), &head);
}

static void plan_stubs(struct plan *plan, const struct stub_area *area)
{
	uint64_t size = up(area->stubs.used);

	if (area->stubs.used == sizeof(struct patch_stub_head))
		return;
	plan_map_anon(plan, area->stubs.at, size, PROT_READ | PROT_WRITE, 0);
	plan_write(plan, area->stubs.at, area->bytes, area->stubs.used);
	plan_protect(plan, area->stubs.at, size, PROT_READ | PROT_EXEC);
}

/* Rewrites the segment's sites; the text is writable meanwhile. */
static void plan_sites(struct plan *plan, const struct cached_image *cached, uint32_t segment,
		       uint64_t bias, struct stub_area *area)
{
	const struct image_segment *s = &cached->image->segments[segment];

	for (uint32_t i = 0; i < cached->span_count; i++) {
		const struct image_span *span = &cached->spans[i];
		uint64_t at = bias + s->vaddr + (span->off - s->offset);
		uint8_t *text;

		if (span->segment != segment)
			continue;
		text = plan_write(plan, at, span->text, span->len);
		for (uint32_t k = 0; text && k < span->site_count; k++) {
			const struct image_site *site = &cached->sites[span->first_site + k];
			uint32_t off = site->site.off - span->off;

			patch_site(&area->stubs, &site->site, site->text, at + off, text + off);
		}
	}
}

static bool holds_debug_state(const struct cached_image *cached, const struct image_segment *s)
{
	uint64_t vaddr = cached->image->dl_debug_state;

	return cached->has_debug_state_text && vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz;
}

static void plan_hook(struct plan *plan, const struct cached_image *cached, uint64_t bias,
		      struct stub_area *area)
{
	uint64_t at = bias + cached->image->dl_debug_state;
	uint8_t patched[PATCH_HOOK_BYTES];
	uint32_t len;

	if (patch_module_hook(&area->stubs, cached->debug_state_text, at, patched, &len))
		plan_write(plan, at, patched, len);
}

static bool has_sites(const struct cached_image *cached, uint32_t segment)
{
	for (uint32_t i = 0; i < cached->span_count; i++)
		if (cached->spans[i].segment == segment)
			return true;
	return false;
}

/* The part of a segment that the file fills, and what of its last page the file does not. */
static void plan_file_part(struct plan *plan, const struct cached_image *cached, uint32_t segment,
			   uint64_t bias, int32_t file, bool hook, struct stub_area *area)
{
	const struct image_segment *s = &cached->image->segments[segment];
	uint64_t lo = down(bias + s->vaddr);
	uint64_t end = bias + s->vaddr + s->filesz;
	bool patched = has_sites(cached, segment);
	bool hooked = hook && holds_debug_state(cached, s);
	int prot = patched || hooked ? PROT_READ | PROT_WRITE : s->prot;
	int populate;

	/* What is small is used, and data written by the relocation: better all of it at once. */
	populate = prot == s->prot && up(end) - lo <= SMALL ? MAP_POPULATE : 0;
	plan_map(plan, lo, up(end) - lo, prot, MAP_PRIVATE | populate, file, down(s->offset));
	if (patched)
		plan_sites(plan, cached, segment, bias, area);
	if (hooked)
		plan_hook(plan, cached, bias, area);
	if (prot != s->prot)
		plan_protect(plan, lo, up(end) - lo, s->prot);
	if (s->memsz > s->filesz && (s->prot & PROT_WRITE))
		plan_zero(plan, end, up(end) - end);
}

/*
 * As the kernel maps an image (fs/binfmt_elf.c, elf_map and set_brk), but the text comes
 * patched.
 */
static void plan_image(struct plan *plan, const struct cached_image *cached, uint64_t bias,
		       int32_t file, bool hook, struct stub_area *area)
{
	for (uint32_t i = 0; i < cached->image->segment_count; i++) {
		const struct image_segment *s = &cached->image->segments[i];
		uint64_t start = s->filesz ? up(bias + s->vaddr + s->filesz) : down(bias + s->vaddr);
		uint64_t end = up(bias + s->vaddr + s->memsz);

		if (s->filesz)
			plan_file_part(plan, cached, i, bias, file, hook, area);
		if (end > start)
			plan_map_anon(plan, start, end - start, s->prot, 0);
	}
}

/* ---- the slot's own state --------------------------------------------------------------- */

static void fill_self(struct tp_self *self, const struct launch_input *input)
{
	*self = (struct tp_self){
		.magic = TP_SELF_MAGIC,
		.abi_version = TP_ABI_VERSION,
		.index = input->index,
		.generation = input->generation,
		.id = input->id,
		.flags = input->request->launch.flags & WIRE_FORK_ALL ? TP_SELF_FORK_ALL : 0,
		.registry = TP_REGISTRY_ADDR,
		.mailbox = TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE +
			   (uint64_t)input->index * TP_MAILBOX_STRIDE,
		.mailbox_header = TP_MAILBOX_ADDR,
		.handlers = input->layout->self + TP_HANDLERS_OFFSET,
	};
}

/* ---- all together --------------------------------------------------------------------- */

uint64_t launch_plan_r_debug(const struct launch_input *input)
{
	/* Run as a program, the interpreter is its own. */
	if (input->interp && input->interp->image->r_debug)
		return input->layout->interp_bias + input->interp->image->r_debug;
	if (!input->interp && input->image->image->r_debug)
		return input->layout->program_bias + input->image->image->r_debug;
	return 0;
}

static int build_stack(const struct launch_space *space, const struct launch_input *input,
		       struct stack_image *stack, struct err *err)
{
	const struct layout *layout = input->layout;
	const struct image *image = input->image->image;
	const struct stack_input in = {
		.top = layout->stack_hi,
		.size = layout->stack_hi - layout->stack_lo,
		.argc = input->program->argc,
		.argv = input->program->argv,
		.envc = (int)input->request->launch.envc,
		.envp = input->request->envp,
		.execfn = input->program->execfn,
		.vdso = space->vdso,
		.phdr = image->phdr ? image->phdr + layout->program_bias : 0,
		.phnum = image->phnum,
		.base = input->interp ? layout->interp_bias : 0,
		.entry = image->entry + layout->program_bias,
		.self = layout->self,
	};

	return stack_build(&in, stack, err);
}

/*
 * The stack, and below it, where the program will not look, the list of its descriptors.
 * They come first in the plan, in order, so that the agent gets them as 0, 1, 2 ...
 */
static int plan_stack(struct plan *plan, const struct request *request,
		      const struct layout *layout, const struct stack_image *stack,
		      uint64_t *ret_list, struct err *err)
{
	size_t size = request->fd_count * sizeof(struct slot_fd);
	uint64_t at = (stack->sp - LIST_DISTANCE - size) & ~UINT64_C(15);
	size_t length = (size_t)(stack->sp - at) + stack->length;
	AUTO_FREE uint8_t *bytes = NULL;
	struct slot_fd *list;

	if (at - SLOT_START_STACK < layout->stack_lo)
		return err_os(err, E2BIG,
			      "arguments, environment and descriptors leave nothing of its stack");
	bytes = calloc(1, length);
	if (!bytes)
		return err_os(err, ENOMEM, "cannot make its stack");
	list = (struct slot_fd *)bytes;
	for (unsigned i = 0; i < request->fd_count; i++) {
		plan_add_fd(plan, request->fds[i].fd);
		list[i] = (struct slot_fd){ .from = -1, .to = request->fds[i].target };
	}
	memcpy(bytes + (stack->sp - at), stack->bytes, stack->length);
	plan_write(plan, at, bytes, length);
	*ret_list = at;
	return 0;
}

/* What the slot has of its own: a stack for signals, struct slot, and behind it struct tp_self. */
static void plan_state(struct plan *plan, const struct launch_input *input, const struct slot *slot)
{
	const struct layout *layout = input->layout;
	struct tp_self self;

	fill_self(&self, input);
	plan_map_anon(plan, layout->state - SLOT_ALT_SIZE,
		      SLOT_ALT_SIZE + SLOT_STATE_SIZE + SLOT_PAGE, PROT_READ | PROT_WRITE, 0);
	plan_write(plan, layout->state, slot,
		   offsetof(struct slot, exe) + slot->exe_length + 1);
	plan_write(plan, layout->self, &self, sizeof(self));
	plan_advise(plan, layout->self, SLOT_PAGE, MADV_WIPEONFORK);
}

int launch_plan_build(struct plan *plan, const struct launch_space *space,
		      const struct launch_input *input, struct err *err)
{
	const struct layout *layout = input->layout;
	const struct image *image = input->image->image;
	const int stack_prot = PROT_READ | PROT_WRITE | (image->exec_stack ? PROT_EXEC : 0);
	const struct request *request = input->request;
	AUTO_FREE struct stub_area *areas = malloc(2 * sizeof(*areas));
	struct stub_area *own = areas;
	struct stub_area *fixed = areas + 1;
	struct stack_image stack;
	struct slot slot;
	int32_t program_file;
	int32_t cwd;

	if (!areas)
		return err_os(err, ENOMEM, "cannot put the launch together");
	if (build_stack(space, input, &stack, err))
		return -1;
	launch_slot_fill(&slot, space, input, &stack);
	slot.launch.entry = input->interp ? input->interp->image->entry + layout->interp_bias :
					    image->entry + layout->program_bias;

	/* Where there is an interpreter, it alone asks for the processor through the slot's stubs. */
	stub_area_init(own, layout->stubs, layout->state,
		       input->interp ? space->cpuid_early : space->cpuid, space);
	stub_area_init(fixed, layout->fixed_stubs, layout->state, space->cpuid, space);
	plan_map_anon(plan, layout->stack_lo, layout->stack_hi - layout->stack_lo, stack_prot,
		      MAP_NORESERVE | MAP_STACK);
	if (plan_stack(plan, request, layout, &stack, &slot.launch.fds, err)) {
		stack_image_deinit(&stack);
		return -1;
	}
	stack_image_deinit(&stack);
	cwd = plan_add_fd(plan, request->cwd_fd);
	program_file = plan_add_fd(plan, input->program->fd);
	plan_image(plan, input->image, layout->program_bias, program_file, !input->interp,
		   image->fixed ? fixed : own);
	if (input->interp)
		plan_image(plan, input->interp, layout->interp_bias,
			   plan_add_fd(plan, input->interp_fd), true, own);
	slot.crash_stub = patch_signal_stub(&own->stubs, layout->state, input->index, space->crash);
	plan_stubs(plan, own);
	plan_stubs(plan, fixed);
	plan_state(plan, input, &slot);
	plan_clone(plan, layout->state, request->fd_count, cwd);
	return plan_finish(plan, err);
}
