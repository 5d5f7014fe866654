#include "lib/read/hits.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <asm/perf_regs.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#define RING_PAGES 64u
#define PAGE 4096u
#define STACK_BYTES 16384u
#define PIECES_MAX 4

/* What every processor has: the hits of all threads on it. */
struct ring {
	int fd; /* the event that it belongs to; -1: none yet */
	struct perf_event_mmap_page *head;
};

struct hits {
	struct hits_options options;
	struct ring *rings;
	size_t cpu_count;
	int *fds;
	size_t fd_count;
	size_t fd_room;
	struct pollfd *polled;
	bool no_kernel; /* what the kernel does may not be watched */
	char notice[160];
	struct hit *batch;
	size_t batch_count;
	size_t batch_room;
	uint64_t lost;
};

/* ---- Events ---------------------------------------------------------------- */

#if defined(__x86_64__)
#define REGISTERS                                                                                  \
	((UINT64_C(1) << PERF_REG_X86_AX | UINT64_C(1) << PERF_REG_X86_BX |                        \
	  UINT64_C(1) << PERF_REG_X86_CX | UINT64_C(1) << PERF_REG_X86_DX |                        \
	  UINT64_C(1) << PERF_REG_X86_SI | UINT64_C(1) << PERF_REG_X86_DI |                        \
	  UINT64_C(1) << PERF_REG_X86_BP | UINT64_C(1) << PERF_REG_X86_SP |                        \
	  UINT64_C(1) << PERF_REG_X86_IP | UINT64_C(1) << PERF_REG_X86_FLAGS |                     \
	  UINT64_C(1) << PERF_REG_X86_CS | UINT64_C(1) << PERF_REG_X86_SS |                        \
	  UINT64_C(0xff) << PERF_REG_X86_R8))
#define REGISTER_COUNT 20u

/* In ascending order of their numbers. */
static void set_registers(const uint64_t *v, struct user_regs_struct *regs)
{
	*regs = (struct user_regs_struct){
		.rax = v[0],
		.rbx = v[1],
		.rcx = v[2],
		.rdx = v[3],
		.rsi = v[4],
		.rdi = v[5],
		.rbp = v[6],
		.rsp = v[7],
		.rip = v[8],
		.eflags = v[9],
		.cs = v[10],
		.ss = v[11],
		.r8 = v[12],
		.r9 = v[13],
		.r10 = v[14],
		.r11 = v[15],
		.r12 = v[16],
		.r13 = v[17],
		.r14 = v[18],
		.r15 = v[19],
		.orig_rax = UINT64_MAX,
	};
}
#else
#error "name the registers of this machine"
#endif

static struct perf_event_attr attributes(const struct hits *hits, uint64_t addr, uint32_t len)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(struct perf_event_attr),
		.bp_type = hits->options.reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W,
		.bp_addr = addr,
		.bp_len = len,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR |
	                       PERF_SAMPLE_REGS_USER |
	                       (hits->options.stacks ? PERF_SAMPLE_STACK_USER : 0u),
		.sample_regs_user = REGISTERS,
		.sample_stack_user = hits->options.stacks ? STACK_BYTES : 0,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.inherit = 1,
		.exclude_kernel = hits->no_kernel,
		.exclude_hv = 1,
		.wakeup_events = 1,
	};
}

static int refused(int os_errno, struct err *err)
{
	switch (os_errno) {
	case EACCES:
	case EPERM:
		return err_set(
			err, ERR_DENIED,
			"the kernel does not permit watching "
			"(/proc/sys/kernel/perf_event_paranoid above 2, or not your process)");
	case ENOSPC:
		return err_set(err, ERR_LIMIT,
		               "the processor's debug registers are in use (a debugger's "
		               "watchpoints, another watch)");
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
	case ENOSYS:
		return err_set(err, ERR_NOT_FOUND,
		               "this machine has no debug registers to watch with (a virtual "
		               "machine without them, or a kernel without perf events)");
	default:
		return err_os(err, os_errno, "cannot watch");
	}
}

static int keep_fd(struct hits *hits, int fd, struct err *err)
{
	if (hits->fd_count == hits->fd_room) {
		size_t room = hits->fd_room ? hits->fd_room * 2 : 64;
		int *grown = reallocarray(hits->fds, room, sizeof(*grown));

		if (!grown) {
			close(fd);
			return err_os(err, ENOMEM, "watch");
		}
		hits->fds = grown;
		hits->fd_room = room;
	}
	hits->fds[hits->fd_count++] = fd;
	return 0;
}

/* The first event on a processor has the ring, the others write to it. */
static int join_ring(struct ring *ring, int fd, struct err *err)
{
	void *head;

	if (ring->fd >= 0)
		return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd)
		               ? err_os(err, errno, "cannot watch")
		               : 0;
	head = mmap(NULL, (size_t)(RING_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	            0);
	if (head == MAP_FAILED)
		return err_os(err, errno, "cannot map the kernel's hits");
	ring->head = head;
	ring->fd = fd;
	return 0;
}

static int open_event(struct hits *hits, pid_t tid, int cpu, uint64_t addr, uint32_t len)
{
	struct perf_event_attr attr = attributes(hits, addr, len);
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM) && !hits->no_kernel) {
		hits->no_kernel = true;
		return open_event(hits, tid, cpu, addr, len);
	}
	return fd;
}

/* The longest piece at addr that a register holds: a power of two, aligned to itself. */
static uint32_t piece_length(uint64_t addr, uint64_t end)
{
	uint32_t len = 8;

	while (len > 1 && (addr % len || addr + len > end))
		len /= 2;
	return len;
}

/* ERR_NOT_FOUND with os_errno ESRCH: the thread is gone. */
static int arm_thread(struct hits *hits, pid_t tid, struct err *err)
{
	const uint64_t end = hits->options.addr + hits->options.len;

	for (size_t cpu = 0; cpu < hits->cpu_count; cpu++) {
		for (uint64_t at = hits->options.addr; at < end; at += piece_length(at, end)) {
			int fd = open_event(hits, tid, (int)cpu, at, piece_length(at, end));

			if (fd < 0 && errno == ENODEV) /* a processor that is off */
				break;
			if (fd < 0 && errno == ESRCH)
				return 0;
			if (fd < 0)
				return refused(errno, err);
			if (keep_fd(hits, fd, err) || join_ring(&hits->rings[cpu], fd, err))
				return -1;
		}
	}
	return 0;
}

/* ---- Threads ---------------------------------------------------------------- */

static bool knows(const struct threads *known, pid_t tid)
{
	for (size_t i = 0; i < known->count; i++) {
		if (known->list[i].tid == tid)
			return true;
	}
	return false;
}

/* A thread that was created by one not yet armed may be new: until there is none. */
static int arm_process(struct hits *hits, const struct target *target,
                       const struct reg_threadproc *tp, struct err *err)
{
	struct threads known = {0}, now;
	struct err unknown;
	bool more = true;
	int ret = 0;

	while (more && !ret && !target_threads(target, tp, &now, &unknown)) {
		more = false;
		for (size_t i = 0; i < now.count && !ret; i++) {
			if (knows(&known, now.list[i].tid))
				continue;
			more = true;
			ret = arm_thread(hits, now.list[i].tid, err);
		}
		threads_deinit(&known);
		known = now;
	}
	threads_deinit(&known);
	return ret;
}

/* Each component is a clone of the agent's, so that it has what the agent has. */
static void arm_agent(struct hits *hits, const struct snapshot *s)
{
	struct err err = {.text = "the space has no agent any more"};

	if (s->header.agent_state == TP_AGENT_ALIVE && !arm_thread(hits, s->header.agent_pid, &err))
		return;
	snprintf(hits->notice, sizeof(hits->notice), "%.150s", err.text);
}

static int arm_all(struct hits *hits, const struct target *target, struct err *err)
{
	const struct snapshot *s = target->snapshot;

	arm_agent(hits, s);
	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (reg_threadproc_lives(&s->threadprocs[i]) &&
		    arm_process(hits, target, &s->threadprocs[i], err))
			return -1;
	}
	if (!hits->fd_count)
		return err_set(err, ERR_NOT_FOUND, "there is nobody to watch%s%s",
		               *hits->notice ? ": " : "", hits->notice);
	return 0;
}

/* A descriptor for each thread, processor and piece. */
static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int check_range(const struct hits_options *o, struct err *err)
{
	uint64_t at = o->addr;
	int pieces = 0;

	if (!o->len || o->len > HITS_LENGTH_MAX || o->addr + o->len < o->addr)
		return err_set(err, ERR_USAGE, "1 to %u bytes can be watched", HITS_LENGTH_MAX);
	for (; at < o->addr + o->len; at += piece_length(at, o->addr + o->len))
		pieces++;
	if (pieces > PIECES_MAX)
		return err_set(err, ERR_USAGE,
		               "these %" PRIu32 " bytes take %d debug registers, and there are %d: "
		               "begin at a multiple of 8",
		               o->len, pieces, PIECES_MAX);
	return 0;
}

int hits_open(const struct target *target, const struct hits_options *options,
              struct hits **ret_hits, struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct hits *hits;

	if (check_range(options, err))
		return -1;
	hits = calloc(1, sizeof(*hits));
	if (!hits)
		return err_os(err, ENOMEM, "watch");
	hits->options = *options;
	hits->cpu_count = cpus > 0 ? (size_t)cpus : 1;
	hits->rings = calloc(hits->cpu_count, sizeof(*hits->rings));
	hits->polled = calloc(hits->cpu_count, sizeof(*hits->polled));
	if (!hits->rings || !hits->polled) {
		hits_close(hits);
		return err_os(err, ENOMEM, "watch");
	}
	for (size_t i = 0; i < hits->cpu_count; i++)
		hits->rings[i].fd = -1;
	want_descriptors();
	if (arm_all(hits, target, err)) {
		hits_close(hits);
		return -1;
	}
	*ret_hits = hits;
	return 0;
}

static void drop_batch(struct hits *hits)
{
	for (size_t i = 0; i < hits->batch_count; i++)
		capture_deinit(&hits->batch[i].capture);
	hits->batch_count = 0;
}

void hits_close(struct hits *hits)
{
	if (!hits)
		return;
	for (size_t i = 0; hits->rings && i < hits->cpu_count; i++) {
		if (hits->rings[i].head)
			munmap(hits->rings[i].head, (size_t)(RING_PAGES + 1) * PAGE);
	}
	for (size_t i = 0; i < hits->fd_count; i++)
		close(hits->fds[i]);
	drop_batch(hits);
	free(hits->batch);
	free(hits->rings);
	free(hits->polled);
	free(hits->fds);
	free(hits);
}

const char *hits_notice(const struct hits *hits)
{
	return hits->notice;
}

/* ---- Records ---------------------------------------------------------------- */

/* Takes what comes next of a record. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool ok;
};

static void take(struct cursor *c, void *dst, size_t len)
{
	if (c->left < len) {
		c->ok = false;
		memset(dst, 0, len);
		return;
	}
	memcpy(dst, c->at, len);
	c->at += len;
	c->left -= len;
}

static int take_stack(struct cursor *c, struct capture *capture, struct err *err)
{
	uint64_t size, used;

	take(c, &size, sizeof(size));
	if (!c->ok || !size || size > c->left)
		return 0;
	capture->stack = malloc(size);
	if (!capture->stack)
		return err_os(err, ENOMEM, "copy of a stack");
	take(c, capture->stack, size);
	take(c, &used, sizeof(used));
	capture->stack_lo = capture_sp(capture);
	capture->stack_len = used < size ? used : size;
	return 0;
}

static int take_sample(struct hits *hits, uint16_t misc, struct cursor *c, struct err *err)
{
	uint64_t registers[REGISTER_COUNT], abi;
	struct hit hit = {.kernel = (misc & PERF_RECORD_MISC_CPUMODE_MASK) ==
	                            PERF_RECORD_MISC_KERNEL};
	uint32_t ids[2];

	take(c, ids, sizeof(ids));
	take(c, &hit.time_ns, sizeof(hit.time_ns));
	take(c, &hit.addr, sizeof(hit.addr));
	take(c, &abi, sizeof(abi));
	if (!c->ok || abi != PERF_SAMPLE_REGS_ABI_64)
		return 0;
	take(c, registers, sizeof(registers));
	if (!c->ok)
		return 0;
	hit.pid = (pid_t)ids[0];
	hit.tid = (pid_t)ids[1];
	hit.capture = (struct capture){.tid = hit.tid, .moving = true};
	set_registers(registers, &hit.capture.regs);
	if (hits->options.stacks && take_stack(c, &hit.capture, err))
		return -1;
	if (hits->batch_count == hits->batch_room) {
		size_t room = hits->batch_room ? hits->batch_room * 2 : 64;
		struct hit *grown = reallocarray(hits->batch, room, sizeof(*grown));

		if (!grown) {
			capture_deinit(&hit.capture);
			return err_os(err, ENOMEM, "hits");
		}
		hits->batch = grown;
		hits->batch_room = room;
	}
	hits->batch[hits->batch_count++] = hit;
	return 0;
}

static int take_record(struct hits *hits, const struct perf_event_header *head, struct cursor *c,
                       struct err *err)
{
	uint64_t lost[2]; /* event, how many */

	if (head->type == PERF_RECORD_SAMPLE)
		return take_sample(hits, head->misc, c, err);
	if (head->type == PERF_RECORD_LOST) {
		take(c, lost, sizeof(lost));
		hits->lost += lost[1];
	}
	return 0;
}

/* The ring's end is where its beginning follows. */
static void copy_out(const struct ring *ring, uint64_t at, void *dst, size_t len)
{
	const uint8_t *data = (const uint8_t *)ring->head + PAGE;
	const uint64_t size = (uint64_t)RING_PAGES * PAGE;
	size_t first = (size_t)(size - at % size);

	if (first > len)
		first = len;
	memcpy(dst, data + at % size, first);
	memcpy((uint8_t *)dst + first, data, len - first);
}

static int drain(struct hits *hits, const struct ring *ring, struct err *err)
{
	uint64_t head = __atomic_load_n(&ring->head->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->head->data_tail;
	AUTO_FREE uint8_t *record = malloc(UINT16_MAX);
	int ret = 0;

	if (!record)
		return err_os(err, ENOMEM, "hits");
	while (tail < head && !ret) {
		struct perf_event_header header;
		struct cursor c;

		copy_out(ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break;
		copy_out(ring, tail, record, header.size);
		c = (struct cursor){record + sizeof(header), header.size - sizeof(header), true};
		ret = take_record(hits, &header, &c, err);
		tail += header.size;
	}
	__atomic_store_n(&ring->head->data_tail, head, __ATOMIC_RELEASE);
	return ret;
}

/* ---- Waiting ---------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* 1: nobody is left who could do it. */
static int wait_for_rings(struct hits *hits, struct err *err)
{
	size_t open = 0;

	for (size_t i = 0; i < hits->cpu_count; i++)
		hits->polled[i] = (struct pollfd){hits->rings[i].fd, POLLIN, 0};
	if (poll(hits->polled, hits->cpu_count, -1) < 0)
		return errno == EINTR ? err_set(err, ERR_STOPPED, "stopped")
		                      : err_os(err, errno, "cannot wait for hits");
	for (size_t i = 0; i < hits->cpu_count; i++)
		open += hits->rings[i].fd >= 0 && !(hits->polled[i].revents & POLLHUP);
	return !open;
}

static int visit_batch(struct hits *hits, hits_visitor *visit, void *context, struct err *err)
{
	int ret = 0;

	if (hits->batch_count)
		qsort(hits->batch, hits->batch_count, sizeof(*hits->batch), by_time);
	for (size_t i = 0; i < hits->batch_count && !ret; i++)
		ret = visit(context, &hits->batch[i], err);
	drop_batch(hits);
	return ret;
}

int hits_wait(struct hits *hits, hits_visitor *visit, void *context, uint64_t *ret_lost,
              struct err *err)
{
	int ended = wait_for_rings(hits, err);
	int ret;

	if (ended < 0)
		return -1;
	hits->lost = 0;
	for (size_t i = 0; i < hits->cpu_count; i++) {
		if (hits->rings[i].head && drain(hits, &hits->rings[i], err))
			return -1;
	}
	*ret_lost = hits->lost;
	if (ended && !hits->batch_count)
		return err_set(err, ERR_NO_SPACE, "nobody is left to watch");
	ret = visit_batch(hits, visit, context, err);
	return ret;
}
