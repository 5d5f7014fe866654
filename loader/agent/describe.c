/*
 * What the kernel says of a process's memory to others (/proc/PID/cmdline, environ, auxv, stat):
 * one description for each memory.  In the space that is the agent's.  A forked child has a memory
 * of its own, with one program in it that counts, and says so: debuggers find it by that.
 *
 * Everything is prepared in struct slot, so that the child makes one call.
 */
#include "inspace.h"

#include <linux/auxvec.h>
#include <linux/prctl.h>

/* Where prctl_mm_map has what each of PR_SET_MM's options sets, in words. */
static const uint8_t words[] = {
	[PR_SET_MM_START_CODE] = offsetof(struct prctl_mm_map, start_code) / 8,
	[PR_SET_MM_END_CODE] = offsetof(struct prctl_mm_map, end_code) / 8,
	[PR_SET_MM_START_DATA] = offsetof(struct prctl_mm_map, start_data) / 8,
	[PR_SET_MM_END_DATA] = offsetof(struct prctl_mm_map, end_data) / 8,
	[PR_SET_MM_START_STACK] = offsetof(struct prctl_mm_map, start_stack) / 8,
	[PR_SET_MM_START_BRK] = offsetof(struct prctl_mm_map, start_brk) / 8,
	[PR_SET_MM_BRK] = offsetof(struct prctl_mm_map, brk) / 8,
	[PR_SET_MM_ARG_START] = offsetof(struct prctl_mm_map, arg_start) / 8,
	[PR_SET_MM_ARG_END] = offsetof(struct prctl_mm_map, arg_end) / 8,
	[PR_SET_MM_ENV_START] = offsetof(struct prctl_mm_map, env_start) / 8,
	[PR_SET_MM_ENV_END] = offsetof(struct prctl_mm_map, env_end) / 8,
};

/* Without success the memory looks like the agent's, which harms nobody. */
static void describe(const struct prctl_mm_map *map)
{
	sys5(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, map, sizeof(*map), 0);
}

void describe_child(const struct slot *slot)
{
	if (slot->describes)
		describe(&slot->memory);
}

void describe_for_fork(const struct slot *slot)
{
	struct prctl_mm_map map = slot->memory;
	uint64_t aux[SLOT_AUX_WORDS];
	uint32_t count = 0;

	if (!slot->describes)
		return;
	for (uint32_t i = 0; i + 1 < SLOT_AUX_WORDS; i += 2) {
		if (slot->aux[i] == AT_PAGESZ)
			continue;
		aux[count++] = slot->aux[i];
		aux[count++] = slot->aux[i + 1];
		if (slot->aux[i] == AT_NULL)
			break;
	}
	map.start_stack = slot->agent_stack; /* by which others tell what it is */
	map.auxv = (__u64 *)aux;
	map.auxv_size = (uint32_t)(count * sizeof(aux[0]));
	describe(&map);
}

/* The kernel has taken as many bytes from there. */
static void take_aux(struct slot *slot, uint64_t from, uint64_t size)
{
	if (size > sizeof(slot->aux))
		return;
	arch_copy(slot->aux, (const void *)from, size);
	slot->memory.auxv_size = (uint32_t)size;
}

static void take_map(struct slot *slot, uint64_t from)
{
	struct prctl_mm_map map;

	arch_copy(&map, (const void *)from, sizeof(map));
	if (map.auxv_size)
		take_aux(slot, (uint64_t)map.auxv, map.auxv_size);
	map.auxv = slot->memory.auxv;
	map.auxv_size = slot->memory.auxv_size;
	map.exe_fd = slot->memory.exe_fd;
	slot->memory = map;
}

long describe_set(struct slot *slot, const struct arch_call *call)
{
	uint64_t option = call->arg[1];
	long result = arch_pass(call);

	if (result)
		return result;
	if (option == PR_SET_MM_MAP)
		take_map(slot, call->arg[2]);
	else if (option == PR_SET_MM_AUXV)
		take_aux(slot, call->arg[2], call->arg[3]);
	else if (option >= PR_SET_MM_START_CODE && option < sizeof(words))
		((uint64_t *)&slot->memory)[words[option]] = call->arg[2];
	return 0;
}
