/*
 * What a target offers, by a core file.
 */
#include "lib/read/core_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <string.h>

/* ---- Threads -------------------------------------------------------------------- */

/*
 * glibc has the head of the robust list in the thread's descriptor, to which the thread pointer
 * leads.  It points to itself while no robust mutex is held, and tells where a mutex has its
 * futex: a small negative distance, as nothing else beside it.
 */
static uint64_t robust_head_of(struct core *core, uint64_t thread_pointer)
{
	enum { DESCRIPTOR = 0x900, FUTEX_DISTANCE = -32 };
	uint64_t words[DESCRIPTOR / sizeof(uint64_t)];
	size_t got;

	if (!thread_pointer || thread_pointer % sizeof(words[0]))
		return 0;
	got = core_read_dumped(core, thread_pointer, words, sizeof(words)) / sizeof(words[0]);
	for (size_t i = 0; i + 2 < got; i++) {
		if (words[i] == thread_pointer + i * sizeof(words[0]) &&
		    words[i + 1] == (uint64_t)FUTEX_DISTANCE && !words[i + 2])
			return words[i];
	}
	return 0;
}

static bool is_of(const struct core_thread *thread, const struct reg_threadproc *tp)
{
	return thread->pid == tp->abi.pid || (!thread->pid && thread->tid == tp->abi.pid);
}

static int no_threads(const struct core *core, const struct reg_threadproc *tp, struct err *err)
{
	if (!core->thread_count)
		return err_set(err, ERR_NOT_FOUND, "the core has no threads");
	return err_set(err, ERR_NOT_FOUND,
	               "the core has no threads of threadproc %" PRIu32 ", only of process %d",
	               tp->abi.id, (int)core->threads[0].pid);
}

static int core_threads(const struct target *target, const struct reg_threadproc *tp,
                        struct threads *ret_threads, struct err *err)
{
	struct core *core = target->source;
	struct threads threads = {0};

	threads.list = calloc(core->thread_count + 1, sizeof(*threads.list));
	if (!threads.list)
		return err_os(err, ENOMEM, "threads of a core file");
	for (size_t i = 0; i < core->thread_count; i++) {
		const struct core_thread *thread = &core->threads[i];

		if (!is_of(thread, tp))
			continue;
		threads.list[threads.count++] = (struct thread){
			.tid = thread->tid,
			.robust_head = robust_head_of(core, thread->regs.fs_base),
			.sp = thread->regs.rsp,
		};
	}
	if (!threads.count) {
		threads_deinit(&threads);
		return no_threads(core, tp, err);
	}
	*ret_threads = threads;
	return 0;
}

static const struct core_thread *find_thread(const struct core *core,
                                             const struct reg_threadproc *tp, pid_t tid)
{
	for (size_t i = 0; i < core->thread_count; i++) {
		if (core->threads[i].tid == tid && is_of(&core->threads[i], tp))
			return &core->threads[i];
	}
	return NULL;
}

static int core_capture(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                        struct capture *ret_capture, struct err *err)
{
	const struct core *core = target->source;
	const struct core_thread *thread = find_thread(core, tp, tid);

	if (!thread)
		return no_threads(core, tp, err);
	*ret_capture = (struct capture){.tid = tid, .regs = thread->regs};
	return 0;
}

static uint64_t nanoseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_usec * 1000;
}

/* orig_rax is the number of the system call, -1 outside of one. */
static struct thread_place place_of(const struct user_regs_struct *r)
{
	struct thread_place place = {.sp = r->rsp, .pc = r->rip};

	if ((int64_t)r->orig_rax < 0)
		return place;
	place = (struct thread_place){THREAD_IN_CALL,
	                              (long)r->orig_rax,
	                              {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9},
	                              r->rsp,
	                              r->rip};
	return place;
}

static int core_thread_info(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                            struct thread_info *ret_info, struct err *err)
{
	const struct core *core = target->source;
	const struct core_thread *thread = find_thread(core, tp, tid);

	if (!thread)
		return no_threads(core, tp, err);
	*ret_info = (struct thread_info){
		.tid = tid,
		.place = place_of(&thread->regs),
		.has_times = true,
		.user_ns = nanoseconds(&thread->user),
		.system_ns = nanoseconds(&thread->system),
		.has_signals = true,
		.pending = thread->pending,
		.blocked = thread->blocked,
	};
	return 0;
}

/* ---- Pages ---------------------------------------------------------------------- */

static int core_pages(const struct target *target, uint64_t lo, uint64_t hi, pages_visitor *visit,
                      void *context, struct err *err)
{
	struct core *core = target->source;

	while (lo < hi) {
		const struct core_load *load = core_load_at(core, lo);
		int ret = 0;

		if (!load) {
			lo = core_next_load(core, lo);
			continue;
		}
		if (lo - load->lo < load->filed)
			ret = core_each_data(core, load, lo, hi < load->hi ? hi : load->hi, visit,
			                     context, err);
		if (ret)
			return ret;
		lo = load->hi;
	}
	return 0;
}

/* --------------------------------------------------------------------------------- */

/* The snapshot is not needed any more, and goes before the core does. */
static void core_target_close(struct target *target)
{
	struct core *core = target->source;

	core->snapshot = NULL;
}

int target_open_core(struct core *core, const struct snapshot *snapshot, struct symcache *symbols,
                     struct target *ret_target, struct err *err)
{
	static const struct target_ops ops = {
		.threads = core_threads,
		.capture = core_capture,
		.thread_info = core_thread_info,
		.pages = core_pages,
		.dump = true,
		.close = core_target_close,
	};
	struct target target = {
		.ops = &ops,
		.snapshot = snapshot,
		.symbols = symbols,
		.mem = core_mem(core),
		.source = core,
	};

	core->snapshot = snapshot;
	if (core_maps(core, &target.maps, err)) {
		core->snapshot = NULL;
		return -1;
	}
	target.components = components_create(snapshot);
	*ret_target = target;
	return 0;
}
