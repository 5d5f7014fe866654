#include "loader/server/launch_slot.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are copied as they are");

/* Only what differs from what the process has anyway is set. */
static void fill_limits(struct slot_launch *launch, const struct wire_launch *wire,
                        const struct launch_space *space)
{
	for (uint32_t i = 0; i < RLIM_NLIMITS && i < WIRE_RLIMITS; i++) {
		const struct wire_rlimit *want = &wire->rlimits[i];

		if (want->soft == space->rlimits[i].rlim_cur &&
		    want->hard == space->rlimits[i].rlim_max)
			continue;
		launch->rlimits[launch->rlimit_count++] =
			(struct slot_rlimit){.resource = i, .soft = want->soft, .hard = want->hard};
	}
}

/* The kernel takes it from what execve was given, cut to 15 bytes. */
static void fill_comm(char comm[16], const char *execfn)
{
	const char *slash = strrchr(execfn, '/');

	snprintf(comm, 16, "%s", slash ? slash + 1 : execfn);
}

/* A server with other groups than the caller has was found to be able to change them. */
static void fill_caller(struct slot_launch *launch, const struct caller *caller)
{
	if (!caller->same_groups) {
		launch->flags |= SLOT_SET_GROUPS;
		launch->gid = caller->gid;
		launch->group_count = caller->group_count;
		memcpy(launch->groups, caller->groups, caller->group_count * sizeof(gid_t));
	}
	if (!caller->same_capabilities) {
		launch->flags |= SLOT_SET_CAPABILITIES;
		launch->capabilities = caller->capabilities;
	}
}

static void fill_launch(struct slot_launch *launch, const struct launch_space *space,
                        const struct launch_input *input)
{
	const struct wire_launch *wire = &input->request->launch;

	launch->server_pid = space->server_pid;
	launch->fd_count = input->request->fd_count;
	launch->pgid = wire->sid == space->server_sid ? wire->pgid : 0;
	launch->umask_bits = wire->umask_bits;
	launch->sig_blocked = wire->sig_blocked;
	launch->sig_ignored = wire->sig_ignored;
	if (wire->timer_slack_ns != space->timer_slack_ns)
		launch->timer_slack_ns = wire->timer_slack_ns;
	launch->ioprio = wire->ioprio;
	launch->nice = wire->nice;
	launch->sched_policy = wire->sched_policy;
	launch->sched_priority = wire->sched_priority;
	launch->personality = wire->personality;
	memcpy(launch->affinity, wire->affinity, sizeof(launch->affinity));
	if (wire->flags & WIRE_NO_NEW_PRIVS)
		launch->flags |= SLOT_NO_NEW_PRIVS;
	if ((wire->flags & WIRE_HAS_AFFINITY) &&
	    memcmp(wire->affinity, space->affinity, sizeof(space->affinity)))
		launch->flags |= SLOT_SET_AFFINITY;
	if ((wire->flags & WIRE_HAS_IOPRIO) && wire->ioprio != space->ioprio)
		launch->flags |= SLOT_SET_IOPRIO;
	if (wire->sched_policy != SCHED_OTHER)
		launch->flags |= SLOT_SET_SCHED;
	if (wire->nice != space->nice)
		launch->flags |= SLOT_SET_NICE;
	if (wire->personality != space->personality)
		launch->flags |= SLOT_SET_PERSONALITY;
	fill_limits(launch, wire, space);
	fill_caller(launch, input->caller);
	fill_comm(launch->comm, input->program->execfn);
}

/*
 * To the kernel /dev/tty is the terminal of the server's session.  A caller of another session
 * means his own: that which he has as a standard descriptor.
 */
static void fill_terminal(char terminal[SLOT_TERMINAL_SIZE], const struct launch_space *space,
                          const struct request *request)
{
	if (!(request->launch.flags & WIRE_HAS_TERMINAL) ||
	    request->launch.sid == space->server_sid)
		return;
	for (unsigned i = 0; i < request->fd_count && request->fds[i].target <= STDERR_FILENO;
	     i++) {
		if (isatty(request->fds[i].fd) &&
		    !ttyname_r(request->fds[i].fd, terminal, SLOT_TERMINAL_SIZE))
			return;
	}
	terminal[0] = '\0';
}

/* As the kernel notes it of what it executes (fs/binfmt_elf.c). */
static void fill_image(struct prctl_mm_map *memory, const struct image *image, uint64_t bias)
{
	memory->start_code = UINT64_MAX;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		uint64_t lo = segment->vaddr + bias;
		uint64_t end = lo + segment->filesz;

		memory->start_data = lo;
		if (end > memory->end_data)
			memory->end_data = end;
		if (!(segment->prot & PROT_EXEC))
			continue;
		if (lo < memory->start_code)
			memory->start_code = lo;
		memory->end_code = end;
	}
}

static void fill_memory(struct slot *slot, const struct launch_space *space,
                        const struct layout *layout, const struct stack_image *stack)
{
	struct prctl_mm_map *memory = &slot->memory;

	memory->start_brk = space->brk;
	memory->brk = space->brk;
	memory->start_stack = stack->sp;
	memory->arg_start = stack->args;
	memory->arg_end = stack->args_end;
	memory->env_start = stack->args_end;
	memory->env_end = stack->env_end;
	memory->exe_fd = UINT32_MAX;
	memcpy(slot->aux, stack->aux, stack->aux_size);
	memory->auxv_size = (uint32_t)stack->aux_size;
	memory->auxv = (__u64 *)(layout->state + offsetof(struct slot, aux));
}

void launch_slot_fill(struct slot *slot, const struct launch_space *space,
                      const struct launch_input *input, const struct stack_image *stack)
{
	const struct layout *layout = input->layout;
	const struct image *image = input->image->image;

	memset(slot, 0, sizeof(*slot));
	slot->magic = SLOT_MAGIC;
	slot->index = input->index;
	slot->generation = input->generation;
	slot->self = layout->self;
	slot->mailbox = TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE +
	                (uint64_t)input->index * TP_MAILBOX_STRIDE;
	slot->mailbox_header = TP_MAILBOX_ADDR;
	slot->registry = TP_REGISTRY_ADDR;
	slot->r_debug = launch_plan_r_debug(input);
	slot->dynamic = image->dynamic ? image->dynamic + layout->program_bias : 0;
	slot->lo = layout->lo;
	slot->hi = layout->hi;
	slot->brk_lo = layout->brk_lo;
	slot->brk_hi = layout->brk_hi;
	slot->brk_now = layout->brk_lo;
	slot->brk_mapped = layout->brk_lo;
	slot->entry = space->entry;
	slot->filter = space->filter;
	slot->module_hook = space->module_hook;
	slot->cpuid = space->cpuid;
	slot->alt_stack = layout->state - SLOT_ALT_SIZE;
	slot->range_count = 1;
	slot->ranges[0].lo = layout->mmap_lo;
	slot->ranges[0].hi = layout->mmap_hi;
	slot->ranges[0].cursor = layout->mmap_lo;
	snprintf(slot->exe, sizeof(slot->exe), "%s", input->program->path);
	slot->exe_length = (uint32_t)strlen(slot->exe);
	slot->agent_stack = space->agent_stack;
	slot->describes = space->can_describe;
	fill_image(&slot->memory, image, layout->program_bias);
	fill_memory(slot, space, layout, stack);
	slot->launcher = (uint32_t)input->caller->pid;
	slot->death_signal = input->request->launch.death_signal;
	fill_terminal(slot->terminal, space, input->request);
	fill_launch(&slot->launch, space, input);
	slot->launch.sp = stack->sp;
}
