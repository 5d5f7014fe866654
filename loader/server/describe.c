/* A threadproc's record in the registry. */
#include "loader/server/threadproc.h"

#include "loader/server/client.h"
#include "loader/server/fdmap.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void record_begin(struct threadproc *tp)
{
	registry_begin(&tp->server->registry);
	registry_seq_begin(&threadproc_record(tp)->seq);
}

static void record_end(struct threadproc *tp)
{
	registry_seq_end(&threadproc_record(tp)->seq);
	registry_end(&tp->server->registry);
}

/* Strings one after the other, as /proc/PID/cmdline has them. */
static struct tp_ref put_argv(struct heap *heap, int argc, char *const argv[])
{
	struct tp_ref ref = {0};
	size_t length = 0;
	char *joined;
	char *p;

	for (int i = 0; i < argc; i++)
		length += strlen(argv[i]) + 1;
	joined = malloc(length + 1);
	if (!joined)
		return ref;
	p = joined;
	for (int i = 0; i < argc; i++)
		p = stpcpy(p, argv[i]) + 1;
	ref = heap_put(heap, joined, (uint32_t)length);
	free(joined);
	return ref;
}

static struct tp_ref put_link(struct heap *heap, int fd)
{
	struct tp_ref none = {0};
	char path[40];
	char target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return none;
	target[n] = '\0';
	return heap_put_string(heap, target);
}

void threadproc_publish_start(struct threadproc *tp, const struct launch_input *input,
                              const char *name)
{
	struct heap *heap = &tp->server->registry.heap;
	struct tp_threadproc *record = threadproc_record(tp);
	const struct layout *layout = input->layout;
	const struct wire_launch *wire = &input->request->launch;
	const struct image *image = input->image->image;

	record_begin(tp);
	record->id = tp->id;
	record->state = TP_STATE_STARTING;
	record->launcher_pid = client_caller(tp->client)->pid;
	snprintf(record->name, sizeof(record->name), "%s", name);
	record->start_ns = registry_now_ns();
	record->self_addr = layout->self;
	record->load_bias = layout->program_bias;
	record->entry = image->entry + layout->program_bias;
	record->phdr = image->phdr ? image->phdr + layout->program_bias : 0;
	record->phnum = image->phnum;
	record->interp_bias = layout->interp_bias;
	record->interp_entry =
		input->interp ? input->interp->image->entry + layout->interp_bias : 0;
	record->r_debug = launch_plan_r_debug(input);
	record->stack_lo = layout->stack_lo;
	record->stack_hi = layout->stack_hi;
	record->brk_lo = layout->brk_lo;
	record->brk_hi = layout->brk_hi;
	record->fixed_lo = layout->fixed_lo;
	record->fixed_hi = layout->fixed_hi;
	record->sig_blocked = wire->sig_blocked;
	record->sig_ignored = wire->sig_ignored;
	record->sig_forwarded = wire->sig_forwarded;
	record->program_image = input->image->index;
	record->interp_image = input->interp ? input->interp->index : 0;
	record->run_count = tp->run_count;
	memcpy(record->runs, tp->runs, sizeof(record->runs));
	record->exe = heap_put_string(heap, input->program->path);
	record->argv = put_argv(heap, input->program->argc, input->program->argv);
	if (wire->flags & WIRE_WAIT_DEBUGGER)
		record->flags |= TP_THREADPROC_WAITS;
	record_end(tp);
}

void threadproc_publish_files(struct threadproc *tp, const struct request *request)
{
	struct heap *heap = &tp->server->registry.heap;
	struct tp_fd *list = calloc(request->fd_count + 1, sizeof(*list));
	unsigned count = 0;

	if (!list)
		return;
	record_begin(tp);
	for (unsigned i = 0; i < request->fd_count; i++) {
		struct fdmap_entry entry;

		if (fdmap_describe(request->fds[i].fd, &entry))
			continue;
		list[count++] = (struct tp_fd){
			.launcher_fd = request->fds[i].target,
			.fd = request->fds[i].target,
			.kind = entry.kind,
			.flags = entry.flags,
			.dev = entry.dev,
			.ino = entry.ino,
			.target = heap_put_string(heap, entry.target),
		};
	}
	threadproc_record(tp)->fds = heap_put(heap, list, count * (uint32_t)sizeof(*list));
	threadproc_record(tp)->cwd = put_link(heap, request->cwd_fd);
	record_end(tp);
	free(list);
}

void threadproc_publish_state(struct threadproc *tp, enum tp_state state)
{
	struct tp_threadproc *record = threadproc_record(tp);

	record_begin(tp);
	record->state = state;
	record->pid = tp->pid;
	record_end(tp);
}

bool threadproc_is_fault(int sig)
{
	switch (sig) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

void threadproc_publish_end(struct threadproc *tp, int code, int status)
{
	struct tp_threadproc *record = threadproc_record(tp);
	bool crashed = code != CLD_EXITED && threadproc_is_fault(status);

	record_begin(tp);
	record->state = crashed ? TP_STATE_CRASHED : TP_STATE_EXITED;
	record->exit_code = code;
	record->exit_status = status;
	record->end_ns = registry_now_ns();
	record_end(tp);
}

void threadproc_publish_runs(struct threadproc *tp)
{
	struct tp_threadproc *record = threadproc_record(tp);

	record_begin(tp);
	record->run_count = tp->run_count;
	memcpy(record->runs, tp->runs, sizeof(record->runs));
	record_end(tp);
}

void threadproc_publish_crash(struct threadproc *tp, const struct tp_crash *crash)
{
	struct tp_threadproc *record = threadproc_record(tp);
	struct heap *heap = &tp->server->registry.heap;

	record_begin(tp);
	heap_free(heap, &record->crash);
	do {
		record->crash = heap_put(heap, crash, sizeof(*crash));
	} while (!record->crash.len && registry_drop_crash(&tp->server->registry));
	record_end(tp);
}

void threadproc_publish_held(struct threadproc *tp, bool held)
{
	struct tp_threadproc *record = threadproc_record(tp);

	if (held == !!(record->flags & TP_THREADPROC_HELD))
		return;
	record_begin(tp);
	record->flags ^= TP_THREADPROC_HELD;
	record_end(tp);
}

void threadproc_publish_let_go(struct threadproc *tp)
{
	struct tp_threadproc *record = threadproc_record(tp);

	record_begin(tp);
	__atomic_fetch_and(&record->flags, ~(uint32_t)TP_THREADPROC_WAITS, __ATOMIC_RELEASE);
	record_end(tp);
	syscall(SYS_futex, &record->flags, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void threadproc_publish_looked(struct threadproc *tp)
{
	record_begin(tp);
	threadproc_record(tp)->flags |= TP_THREADPROC_LOOKED;
	record_end(tp);
}
