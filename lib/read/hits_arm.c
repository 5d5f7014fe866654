#include "lib/read/hits_arm.h"

#include "lib/base/room.h"
#include "lib/read/hits_regs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/hw_breakpoint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES 16384u
#define PIECES_MAX 4

/* ---- Events ---------------------------------------------------------------- */

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
		.sample_regs_user = HITS_REGISTERS,
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

/* A thread that is traced stops at the access: the signal is its debugger's to see. */
static struct perf_event_attr trap_attributes(const struct hits *hits, uint64_t addr, uint32_t len)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(struct perf_event_attr),
		.bp_type = hits->options.reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W,
		.bp_addr = addr,
		.bp_len = len,
		.sample_period = 1,
		.sigtrap = 1,
		.sig_data = hits->options.cookie,
		.remove_on_exec = 1, /* the kernel demands it */
		.inherit = 1,
		.inherit_thread = 1, /* children are not traced */
		.exclude_kernel = hits->no_kernel,
		.exclude_hv = 1,
	};
}

static int keep_event(struct hits *hits, struct hits_event event, struct err *err)
{
	if (!ROOM_FOR_ONE(hits->events, hits->event_room, hits->event_count)) {
		close(event.fd);
		return err_os(err, ENOMEM, "watch");
	}
	hits->events[hits->event_count++] = event;
	return 0;
}

static bool has_ring(const struct hits *hits, int fd)
{
	for (size_t i = 0; i < hits->cpu_count; i++) {
		if (hits->rings[i].fd == fd)
			return true;
	}
	return false;
}

/* Those of a process that are, or are not, traps. */
static void drop_events(struct hits *hits, pid_t pid, bool trap)
{
	size_t kept = 0;

	for (size_t i = 0; i < hits->event_count; i++) {
		const struct hits_event *event = &hits->events[i];

		if (event->pid == pid && event->trap == trap && !has_ring(hits, event->fd))
			close(event->fd);
		else
			hits->events[kept++] = *event;
	}
	hits->event_count = kept;
}

static bool has_events(const struct hits *hits, pid_t pid, bool trap)
{
	for (size_t i = 0; i < hits->event_count; i++) {
		if (hits->events[i].pid == pid && hits->events[i].trap == trap)
			return true;
	}
	return false;
}

bool hits_has_traps(const struct hits *hits, pid_t pid)
{
	return has_events(hits, pid, true);
}

/* The first event on a processor has the ring, the others write to it. */
static int join_ring(struct hits_ring *ring, int fd, struct err *err)
{
	void *head;

	if (ring->fd >= 0)
		return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd)
		               ? err_os(err, errno, "cannot watch")
		               : 0;
	head = mmap(NULL, (size_t)(HITS_RING_PAGES + 1) * HITS_PAGE, PROT_READ | PROT_WRITE,
	            MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		return err_os(err, errno, "cannot map the kernel's hits");
	ring->head = head;
	ring->fd = fd;
	return 0;
}

static int open_event(struct hits *hits, pid_t tid, int cpu, bool trap, uint64_t addr, uint32_t len)
{
	struct perf_event_attr attr =
		trap ? trap_attributes(hits, addr, len) : attributes(hits, addr, len);
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM) && !hits->no_kernel) {
		hits->no_kernel = true;
		return open_event(hits, tid, cpu, trap, addr, len);
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

/* Its events on one processor, or (traps) on any.  1: the processor is off, or the thread gone. */
static int arm_on(struct hits *hits, pid_t pid, pid_t tid, int cpu, bool trap, struct err *err)
{
	const uint64_t end = hits->options.addr + hits->options.len;

	for (uint64_t at = hits->options.addr; at < end; at += piece_length(at, end)) {
		int fd = open_event(hits, tid, cpu, trap, at, piece_length(at, end));

		if (fd < 0 && ((errno == ENODEV && cpu >= 0) || errno == ESRCH))
			return 1;
		if (fd < 0)
			return refused(errno, err);
		if (keep_event(hits, (struct hits_event){fd, pid, trap}, err) ||
		    (!trap && join_ring(&hits->rings[cpu], fd, err)))
			return -1;
	}
	return 0;
}

static int arm_thread(struct hits *hits, pid_t pid, pid_t tid, bool trap, struct err *err)
{
	if (trap)
		return arm_on(hits, pid, tid, -1, trap, err) < 0 ? -1 : 0;
	for (size_t cpu = 0; cpu < hits->cpu_count; cpu++) {
		if (arm_on(hits, pid, tid, (int)cpu, trap, err) < 0)
			return -1;
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
static int arm_process(struct hits *hits, pid_t pid, bool trap, struct err *err)
{
	struct threads known = {0}, now;
	struct err unknown;
	bool more = true;
	int ret = 0;

	while (more && !ret && !threads_read(pid, &now, &unknown)) {
		more = false;
		for (size_t i = 0; i < now.count && !ret; i++) {
			if (knows(&known, now.list[i].tid))
				continue;
			more = true;
			ret = arm_thread(hits, pid, now.list[i].tid, trap, err);
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

	if (s->header.agent_state == TP_AGENT_ALIVE &&
	    !arm_thread(hits, s->header.agent_pid, s->header.agent_pid, false, &err))
		return;
	snprintf(hits->notice, sizeof(hits->notice), "%.150s", err.text);
}

int hits_arm_all(struct hits *hits, const struct target *target, struct err *err)
{
	const struct snapshot *s = target->snapshot;

	arm_agent(hits, s);
	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (reg_threadproc_lives(&s->threadprocs[i]) &&
		    arm_process(hits, s->threadprocs[i].abi.pid, false, err))
			return -1;
	}
	if (!hits->event_count)
		return err_set(err, ERR_NOT_FOUND, "there is nobody to watch%s%s",
		               *hits->notice ? ": " : "", hits->notice);
	return 0;
}

int hits_check_range(const struct hits_options *o, struct err *err)
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

/*
 * A child of vfork has the debug registers of the thread that made it, but for traps: these would
 * kill it. So what tells hits is left to be handed on, beside the traps, as long as there are
 * registers for both.
 */
int hits_trap(struct hits *hits, pid_t pid, bool *ret_children, struct err *err)
{
	struct err ignored;
	bool children;

	if (hits_gather(hits, err))
		return -1;
	children = arm_process(hits, pid, true, err) == 0;
	if (!children) {
		drop_events(hits, pid, true);
		if (err->code != ERR_LIMIT)
			return -1;
		drop_events(hits, pid, false);
		if (arm_process(hits, pid, true, err)) {
			drop_events(hits, pid, true);
			arm_process(hits, pid, false, &ignored);
			return -1;
		}
	}
	*ret_children = children;
	return 0;
}

int hits_untrap(struct hits *hits, pid_t pid, struct err *err)
{
	int ret = 0;

	if (!hits_has_traps(hits, pid))
		return 0;
	if (hits_gather(hits, err))
		return -1;
	if (!has_events(hits, pid, false))
		ret = arm_process(hits, pid, false, err);
	drop_events(hits, pid, true);
	return ret;
}

void hits_spare(struct hits *hits, pid_t pid)
{
	if (hits_has_traps(hits, pid))
		drop_events(hits, pid, false);
}
