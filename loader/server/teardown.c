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

		/* Whole numbers only; the rest of the last one is read again. */
		while (n > 0 && list[n - 1] != ' ')
			n--;
		if (n <= 0)
			return false;
		list[n] = '\0';
		if (names_sharer(server, list))
			return true;
		off += n;
	}
}

static void release_addresses(struct threadproc *tp)
{
	struct server *server = tp->server;

	registry_begin(&server->registry);
	for (uint32_t i = 0; i < tp->run_count; i++)
		slots_quarantine(&server->slots, tp->runs[i]);
	slots_release_fixed(&server->slots, tp->index, tp->generation);
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

static void on_unmapped(struct plan_job *job, const struct plan_done *done)
{
	struct threadproc *tp = (struct threadproc *)((char *)job - offsetof(struct threadproc, job));

	plan_deinit(&job->plan);
	plan_init(&job->plan);
	if (done && done->result)
		log_error("threadproc %u: its memory cannot be unmapped: %s", tp->id,
			  strerror(-done->result));
	finish(tp);
}

/*
 * A run in pieces where it is known to be full: while one is unmapped nobody else of the
 * space can map anything, and a new program wants to just then.
 */
static void plan_unmap_run(struct plan *plan, const struct threadproc *tp, uint32_t i)
{
	uint64_t at = (uint64_t)tp->runs[i].first << TP_GRANULE_SHIFT;
	uint64_t end = at + ((uint64_t)tp->runs[i].count << TP_GRANULE_SHIFT);

	for (int k = 0; i == 0 && k < TEARDOWN_CUTS; k++) {
		uint64_t cut = tp->cuts[k];

		if (cut <= at || cut >= end)
			continue;
		plan_unmap(plan, at, cut - at);
		at = cut;
	}
	plan_unmap(plan, at, end - at);
}

static void unmap(struct threadproc *tp)
{
	struct plan *plan = &tp->job.plan;

	plan_init(plan);
	for (uint32_t i = 0; i < tp->run_count; i++)
		plan_unmap_run(plan, tp, i);
	if (tp->fixed_hi > tp->fixed_lo)
		plan_unmap(plan, tp->fixed_lo, tp->fixed_hi - tp->fixed_lo);
	tp->job.done = on_unmapped;
	agent_link_submit_background(&tp->server->agent, &tp->job);
}

static void wait_for_sharers(struct threadproc *tp)
{
	struct server *server = tp->server;

	if (!tp->is_leaving) {
		tp->is_leaving = true;
		DL_APPEND(server->leaving, tp);
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
	/* After execve the memory went first, and this is the end of the process; or the
	 * other way around, when it waits for a sharer or for the agent. */
	if (tp->is_leaving || tp->job.done == on_unmapped) {
		if (!tp->has_memory)
			finish(tp);
		return;
	}
	if (has_sharers(tp->server))
		wait_for_sharers(tp);
	else
		unmap(tp);
}

bool teardown_is_sure(const struct threadproc *tp)
{
	return tp->job.done == on_unmapped && !tp->is_leaving;
}

void teardown_retry(struct server *server)
{
	struct threadproc *tp;

	if (!server->leaving)
		return;
	if (has_sharers(server)) {
		wait_for_sharers(server->leaving);
		return;
	}
	loop_disarm(&server->loop, &server->sharers_timer);
	server->sharers_wait_ms = 0;
	while ((tp = server->leaving)) {
		DL_DELETE(server->leaving, tp);
		tp->is_leaving = false;
		unmap(tp);
	}
}
