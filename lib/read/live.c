#include "lib/read/target.h"

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

static int live_threads(const struct target *target, const struct reg_threadproc *tp,
                        struct threads *ret_threads, struct err *err)
{
	return threads_read(tp->abi.pid, ret_threads, err);
}

/* Where the stack that sp is in should end: the main thread's is on record, the others' not. */
static int live_capture(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                        struct capture *ret_capture, struct err *err)
{
	uint64_t stack_hi = tid == tp->abi.pid ? tp->abi.stack_hi : threads_robust_head(tid);

	return capture_live(tp->abi.pid, tid, stack_hi, ret_capture, err);
}

void target_open_live(const struct snapshot *snapshot, struct symcache *symbols,
                      struct target *ret_target)
{
	static const struct target_ops ops = {.threads = live_threads, .capture = live_capture};
	struct target target = {.ops = &ops, .snapshot = snapshot, .symbols = symbols};
	bool found = snapshot->header.agent_state == TP_AGENT_ALIVE &&
	             open_process(snapshot, snapshot->header.agent_pid, &target);

	for (size_t i = 1; i < snapshot->threadproc_count && !found; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		found = reg_threadproc_lives(tp) && open_process(snapshot, tp->abi.pid, &target);
	}
	*ret_target = target;
}
