#include "lib/read/live.h"

static bool open_process(const struct snapshot *snapshot, pid_t pid, struct target *target)
{
	struct mapping m;
	struct maps *maps;
	struct err err;

	if (pid <= 0 || maps_open_live(pid, &maps, &err))
		return false;
	if (maps_find(maps, snapshot->header.address, &m, &err) || !m.shared ||
	    mem_open_live(pid, &target->mem, &err)) {
		maps_close(maps);
		return false;
	}
	target->maps = maps;
	return true;
}

void live_open(const struct snapshot *snapshot, struct symcache *symbols, struct target *ret_target)
{
	struct target target = {
		.snapshot = snapshot,
		.symbols = symbols,
		.read_threads = threads_read,
	};
	bool found = snapshot->header.agent_state == TP_AGENT_ALIVE &&
	             open_process(snapshot, snapshot->header.agent_pid, &target);

	for (size_t i = 1; i < snapshot->threadproc_count && !found; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		found = reg_threadproc_lives(tp) && open_process(snapshot, tp->abi.pid, &target);
	}
	*ret_target = target;
}

void live_close(struct target *target)
{
	maps_close(target->maps);
	mem_close(target->mem);
	target->maps = NULL;
	target->mem = NULL;
}
