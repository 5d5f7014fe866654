/*
 * What a threadproc leaves behind: its memory is unmapped in one go, its addresses go into
 * quarantine.  A child that it made with vfork may still run in that memory, so first
 * everybody who could share it is looked at.
 */
#include "loader/server/threadproc.h"

#include "loader/server/log.h"

#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#define FIRST_RETRY_MS 5
/*
 * Memory of the ended is unmapped when nobody ended for so long, or so many have, or when the
 * space's own memory (what no file is behind) has grown by so many pages (64 MiB) since it was
 * done last.  A few at a time: a launch can have to wait for them.
 */
#define IDLE_MS 20
#define MAX_QUEUED 128
#define MAX_GROWTH 16384
#define MAX_BATCH 8
/* A TiB: more pages than the slots that wait here can have between them. */
#define HUGE_PAGES (UINT64_C(1) << 28)
/* vm.mmap_min_addr lets nobody map anything below. */
#define LOWEST_ADDRESS UINT64_C(0x10000)

struct range {
	uint64_t lo;
	uint64_t hi;
};
#define LAST_RETRY_MS 1000

bool teardown_shares_space(const struct server *server, pid_t pid)
{
	const struct agent_link *agent = &server->agent;
	char path[32];
	struct stat exe;
	long result = -1;

	if (agent->alive)
		result = syscall(SYS_kcmp, pid, agent->pid, KCMP_VM, 0, 0);
	if (result >= 0)
		return result == 0;
	/* Without kcmp, or the agent: who runs the agent's executable did not execve another. */
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return !stat(path, &exe) && exe.st_ino == agent->exe_ino && exe.st_dev == agent->exe_dev;
}

static bool is_known(struct server *server, pid_t pid)
{
	return pid == server->agent.pid || threadproc_find(server, pid);
}

/* True when one of the pids in a text is of an orphan that shares the space. */
static bool names_sharer(struct server *server, char *pids)
{
	char *end;

	for (long pid = strtol(pids, &end, 10); end != pids; pid = strtol(pids, &end, 10)) {
		pids = end;
		if (!is_known(server, (pid_t)pid) && teardown_shares_space(server, (pid_t)pid))
			return true;
	}
	return false;
}

/*
 * True when an orphan shares the space.  Orphans are children of ours that we did not
 * start: the server is a subreaper.
 */
static bool has_sharers(struct server *server)
{
	char list[4096];
	off_t off = 0;

	for (;;) {
		ssize_t n = pread(server->children_fd, list, sizeof(list) - 1, off);
		/* The file gives whole numbers, as many as there is room for. */
		bool last = n < (ssize_t)sizeof(list) / 2;

		/* Whole numbers only; the rest of the last one is read again. */
		while (n > 0 && list[n - 1] != ' ')
			n--;
		if (n <= 0)
			return false;
		list[n] = '\0';
		if (names_sharer(server, list))
			return true;
		if (last)
			return false;
		off += n;
	}
}

static void release_addresses(struct threadproc *tp)
{
	struct server *server = tp->server;

	registry_begin(&server->registry);
	for (uint32_t i = 0; i < tp->run_count; i++)
		slots_quarantine(&server->slots, tp->runs[i]);
	registry_end(&server->registry);
	tp->has_memory = false;
}

/* Its memory is gone.  While its process lives on (execve), so does the struct. */
static void finish(struct threadproc *tp)
{
	struct server *server = tp->server;

	if (tp->has_memory)
		release_addresses(tp);
	if (tp->phase != THREADPROC_DEAD)
		return;
	threadproc_free(tp);
	server_check_idle(server);
}

/* Pages of the space, mapped and resident without a file; zeros when they cannot be read. */
static void read_size(const struct server *server, uint64_t *ret_mapped, uint64_t *ret_own)
{
	char text[64];
	ssize_t n = pread(server->statm_fd, text, sizeof(text) - 1, 0);
	uint64_t resident;
	uint64_t of_files;
	char *end;

	text[n > 0 ? n : 0] = '\0';
	*ret_mapped = strtoull(text, &end, 10);
	resident = strtoull(end, &end, 10);
	of_files = strtoull(end, NULL, 10);
	*ret_own = resident > of_files ? resident - of_files : 0;
}

/* Some that are unmapped with one plan. */
struct batch {
	struct plan_job job;
	struct server *server;
	struct threadproc *members;
};

/* Not at once: what is going on here comes to its end first. */
static void retry_launches(struct server *server)
{
	if (server->waiting)
		loop_arm(&server->loop, &server->retry_timer, 0);
}

static void drain(struct server *server);
static void unmap_some(struct server *server, unsigned count);

static void on_unmapped(struct plan_job *job, const struct plan_done *done)
{
	struct batch *batch = (struct batch *)job;
	struct server *server = batch->server;
	struct threadproc *tp;
	uint64_t mapped;

	server->unmapping--;
	if (done && done->result)
		log_error("the memory of ended threadprocs cannot be unmapped: %s",
			  strerror(-done->result));
	while ((tp = batch->members)) {
		DL_DELETE(batch->members, tp);
		tp->leaving = LEAVING_NOT;
		finish(tp);
	}
	read_size(server, &mapped, &server->own_mark);
	plan_deinit(&job->plan);
	free(batch);
	retry_launches(server);
	if (server->draining && !server->unmapping)
		drain(server);
}

/* Adds a range to what is to be unmapped; slots that follow each other become one. */
static void add_range(struct plan *plan, struct range *last, uint64_t lo, uint64_t hi)
{
	if (last->hi == lo) {
		last->hi = hi;
		return;
	}
	if (last->hi)
		plan_unmap(plan, last->lo, last->hi - last->lo);
	*last = (struct range){ lo, hi };
}

static void add_member(struct plan *plan, struct range *last, const struct threadproc *tp)
{
	for (uint32_t i = 0; i < tp->run_count; i++) {
		uint64_t lo = (uint64_t)tp->runs[i].first << TP_GRANULE_SHIFT;

		add_range(plan, last, lo, lo + ((uint64_t)tp->runs[i].count << TP_GRANULE_SHIFT));
	}
}

static bool is_empty(const struct server *server)
{
	return !server->registry.map->live && !server->launching && !server->shared;
}

/*
 * In a space where nobody lives, whatever there still is besides the toolkit's own are
 * mappings that programs made past us (io_setup, AddressSanitizer's shadow).  They go too.
 */
static void add_leftovers(struct plan *plan, const struct server *server)
{
	plan_unmap(plan, LOWEST_ADDRESS, TP_RESERVED_LO - LOWEST_ADDRESS);
	plan_unmap(plan, TP_RESERVED_HI, server->kernel_lo - TP_RESERVED_HI);
}

void teardown_before_launch(struct server *server)
{
	uint64_t mapped;
	uint64_t own;

	if (!server->unmap_queue || !is_empty(server))
		return;
	read_size(server, &mapped, &own);
	/* Nothing but such mappings reserves that much, and then at addresses that others need. */
	if (mapped > HUGE_PAGES)
		unmap_some(server, server->unmap_count);
}

/* Sends so many of those that wait to the agent. */
static void unmap_some(struct server *server, unsigned count)
{
	struct batch *batch;
	struct threadproc *tp;
	struct range last = { 0 };

	loop_disarm(&server->loop, &server->teardown_timer);
	if (!server->unmap_queue)
		return;
	batch = calloc(1, sizeof(*batch));
	if (!batch) {
		loop_arm(&server->loop, &server->teardown_timer, LAST_RETRY_MS);
		return;
	}
	batch->server = server;
	batch->job.done = on_unmapped;
	plan_init(&batch->job.plan);
	while ((tp = server->unmap_queue) && count--) {
		DL_DELETE(server->unmap_queue, tp);
		server->unmap_count--;
		DL_APPEND(batch->members, tp);
		tp->leaving = LEAVING_AT_AGENT;
		add_member(&batch->job.plan, &last, tp);
	}
	plan_unmap(&batch->job.plan, last.lo, last.hi - last.lo);
	if (is_empty(server) && !server->unmap_queue)
		add_leftovers(&batch->job.plan, server);
	server->unmapping++;
	agent_link_submit(&server->agent, &batch->job);
}

/* The next few; while programs are launched only until it is half of what may wait. */
static void drain(struct server *server)
{
	server->draining = server->unmap_queue != NULL;
	if (server->launching && server->unmap_count < MAX_QUEUED / 2) {
		server->draining = false;
		loop_arm(&server->loop, &server->teardown_timer, IDLE_MS);
	}
	if (server->draining)
		unmap_some(server, MAX_BATCH);
}

void teardown_flush(struct server *server)
{
	if (!server->draining)
		drain(server);
}

bool teardown_hurry(struct server *server)
{
	teardown_flush(server);
	return server->unmapping;
}

/*
 * The range of a position-dependent program is wanted by the next one: it is unmapped at once, and
 * free from now on, since the agent carries out plans in order.
 */
static void unmap_fixed(struct threadproc *tp)
{
	struct server *server = tp->server;
	struct batch *batch = tp->fixed_hi > tp->fixed_lo ? calloc(1, sizeof(*batch)) : NULL;

	if (batch) {
		batch->server = server;
		batch->job.done = on_unmapped;
		plan_init(&batch->job.plan);
		plan_unmap(&batch->job.plan, tp->fixed_lo, tp->fixed_hi - tp->fixed_lo);
		server->unmapping++;
		agent_link_submit(&server->agent, &batch->job);
	}
	registry_begin(&server->registry);
	slots_release_fixed(&server->slots, tp->index, tp->generation);
	registry_end(&server->registry);
	retry_launches(server);
}

/*
 * To be unmapped soon.  Not at once: the next launch, should there be one, needs the agent
 * and the memory map more.
 */
static void unmap(struct threadproc *tp)
{
	struct server *server = tp->server;
	uint64_t mapped;
	uint64_t own;

	unmap_fixed(tp);
	tp->leaving = LEAVING_QUEUED;
	DL_APPEND(server->unmap_queue, tp);
	read_size(server, &mapped, &own);
	if (++server->unmap_count >= MAX_QUEUED || own > server->own_mark + MAX_GROWTH)
		teardown_flush(server);
	else
		loop_arm(&server->loop, &server->teardown_timer, IDLE_MS);
}

static void wait_for_sharers(struct threadproc *tp)
{
	struct server *server = tp->server;

	if (tp->leaving == LEAVING_NOT) {
		tp->leaving = LEAVING_SHARED;
		DL_APPEND(server->shared, tp);
	}
	if (server->sharers_timer.deadline_ns)
		return;
	server->sharers_wait_ms = server->sharers_wait_ms ? server->sharers_wait_ms * 2 :
							    FIRST_RETRY_MS;
	if (server->sharers_wait_ms > LAST_RETRY_MS)
		server->sharers_wait_ms = LAST_RETRY_MS;
	loop_arm(&server->loop, &server->sharers_timer, server->sharers_wait_ms);
}

void teardown_begin(struct threadproc *tp)
{
	/* After execve the memory goes first; this is then the end of the process, and the
	 * struct goes with the later of the two. */
	if (tp->leaving != LEAVING_NOT)
		return;
	if (!tp->has_memory)
		finish(tp);
	else if (has_sharers(tp->server))
		wait_for_sharers(tp);
	else
		unmap(tp);
}

void teardown_retry(struct server *server)
{
	struct threadproc *tp;

	if (!server->shared)
		return;
	if (has_sharers(server)) {
		wait_for_sharers(server->shared);
		retry_launches(server);
		return;
	}
	loop_disarm(&server->loop, &server->sharers_timer);
	server->sharers_wait_ms = 0;
	while ((tp = server->shared)) {
		DL_DELETE(server->shared, tp);
		unmap(tp);
	}
}
