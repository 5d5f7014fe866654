#include "lib/read/asleep.h"
#include "lib/read/component.h"
#include "lib/read/target.h"

#include <stdlib.h>

/* A live target's source. */
struct live {
	pid_t pid; /* some process of the space */
	bool has_pages;
	struct pages_live pages;
};

static struct live *live_create(pid_t pid)
{
	struct live *live = calloc(1, sizeof(*live));

	if (live)
		live->pid = pid;
	return live;
}

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
	target->source = live_create(pid);
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

static int live_thread_info(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                            struct thread_info *ret_info, struct err *err)
{
	return thread_info_read(tp->abi.pid, tid, ret_info, err);
}

static int live_asleep(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                       uint64_t *ret_ns, struct err *err)
{
	return thread_asleep(tp->abi.pid, tid, ret_ns, err);
}

static int live_files(const struct target *target, const struct reg_threadproc *tp,
                      struct open_files *ret_files, struct err *err)
{
	return open_files_read(tp->abi.pid, ret_files, err);
}

static int live_file(const struct target *target, const struct reg_threadproc *tp, int fd,
                     struct open_file *ret_file, struct err *err)
{
	return open_file_read(tp->abi.pid, fd, ret_file, err);
}

static int live_compare_files(const struct target *target, const struct reg_threadproc *tp_a,
                              int fd_a, const struct reg_threadproc *tp_b, int fd_b, int *ret_order,
                              struct err *err)
{
	return open_file_compare(tp_a->abi.pid, fd_a, tp_b->abi.pid, fd_b, ret_order, err);
}

static int live_pages(const struct target *target, uint64_t lo, uint64_t hi, pages_visitor *visit,
                      void *context, struct err *err)
{
	struct live *live = target->source;

	if (!live)
		return err_set(err, ERR_NOT_FOUND, "pages are not known");
	if (!live->has_pages && pages_live_open(live->pid, &live->pages, err))
		return -1;
	live->has_pages = true;
	return pages_live_each(&live->pages, lo, hi, visit, context, err);
}

static void live_close(struct target *target)
{
	struct live *live = target->source;

	if (live && live->has_pages)
		pages_live_close(&live->pages);
	free(live);
}

void target_open_live(const struct snapshot *snapshot, struct symcache *symbols,
                      struct target *ret_target)
{
	static const struct target_ops ops = {
		.threads = live_threads,
		.capture = live_capture,
		.thread_info = live_thread_info,
		.asleep = live_asleep,
		.files = live_files,
		.file = live_file,
		.compare_files = live_compare_files,
		.pages = live_pages,
		.close = live_close,
	};
	struct target target = {.ops = &ops, .snapshot = snapshot, .symbols = symbols};
	bool found = snapshot->header.agent_state == TP_AGENT_ALIVE &&
	             open_process(snapshot, snapshot->header.agent_pid, &target);

	for (size_t i = 1; i < snapshot->threadproc_count && !found; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		found = reg_threadproc_lives(tp) && open_process(snapshot, tp->abi.pid, &target);
	}
	target.components = components_create(snapshot);
	*ret_target = target;
}
