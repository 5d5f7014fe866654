#include "loader/server/agent_link.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* So soon programs have to follow each other, and so long a spare waits. */
#define SOON_MS 200

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The end of its connection ends it, unless it was told what to become. */
static void part(struct agent_link *link)
{
	struct agent_spare *spare = &link->spare;

	loop_disarm(link->loop, &spare->timer);
	loop_remove(link->loop, &spare->source);
	close(spare->source.fd);
	spare->source.fd = -1;
}

bool agent_spare_waits(const struct agent_link *link)
{
	return link->spare.source.fd >= 0 && link->spare.theirs < 0;
}

void agent_spare_dismiss(struct agent_link *link)
{
	if (!agent_spare_waits(link))
		return;
	if (link->spare.pid)
		kill(link->spare.pid, SIGKILL);
	/* With a plan its end is waited for. */
	if (!link->at_spare)
		part(link);
}

void agent_spare_reaped(struct agent_link *link, pid_t pid)
{
	if (link->spare.pid == pid)
		link->spare.pid = 0;
}

static void on_timer(struct loop_timer *timer)
{
	struct agent_link *link = container_of(timer, struct agent_link, spare.timer);

	if (!link->at_spare)
		part(link);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	const struct plan_done gone = {.result = -ECONNRESET, .failed_op = PLAN_SPARE_ENDED};
	struct agent_link *link = container_of(source, struct agent_link, spare.source);
	struct agent_spare *spare = &link->spare;
	bool had_plan = link->at_spare;
	struct plan_done done;
	ssize_t n = recv(source->fd, &done, sizeof(done), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !had_plan || !agent_link_answers(link, &done, n) ||
	    (!done.result && done.pid != spare->pid)) {
		link->at_spare = false;
		agent_spare_dismiss(link);
		if (had_plan)
			agent_link_finish(link, &gone);
		return;
	}
	if (done.result) {
		loop_arm(link->loop, &spare->timer, SOON_MS);
	} else {
		spare->pid = 0;
		part(link);
	}
	agent_link_finish(link, &done);
}

/* The agent's memory is open to every program: what it says is not believed. */
static bool is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 && !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
}

static void on_made(struct plan_job *job, const struct plan_done *done)
{
	struct agent_link *link = container_of(job, struct agent_link, spare.making);
	struct agent_spare *spare = &link->spare;
	struct err err;

	plan_deinit(&job->plan);
	close(spare->theirs);
	spare->theirs = -1;
	if (done && !done->result && is_child(done->pid) &&
	    !loop_add(link->loop, &spare->source, EPOLLIN, &err)) {
		spare->pid = done->pid;
		loop_arm(link->loop, &spare->timer, SOON_MS);
		return;
	}
	close(spare->source.fd);
	spare->source.fd = -1;
}

static void make(struct agent_link *link)
{
	struct agent_spare *spare = &link->spare;
	struct plan *plan = &spare->making.plan;
	struct err err;
	int pair[2];

	if (agent_link_pair(pair, &err))
		return;
	plan_init(plan);
	plan_spare(plan, plan_add_fd(plan, pair[1]), getpid());
	if (plan_finish(plan, &err)) {
		plan_deinit(plan);
		close(pair[0]);
		close(pair[1]);
		return;
	}
	spare->source.fd = pair[0];
	spare->theirs = pair[1];
	agent_link_submit(link, &spare->making);
}

void agent_spare_want(struct agent_link *link)
{
	struct agent_spare *spare = &link->spare;
	uint64_t now = now_ns();
	bool soon = now - spare->wanted_ns < UINT64_C(1000000) * SOON_MS;

	spare->wanted_ns = now;
	/* Where others wait for the agent already, making one would hold them up. */
	if (soon && link->alive && !link->jobs && spare->source.fd < 0)
		make(link);
}

void agent_spare_init(struct agent_link *link)
{
	link->spare = (struct agent_spare){
		.source = {.fd = -1, .ready = on_ready},
		.timer.fire = on_timer,
		.making.done = on_made,
		.theirs = -1,
	};
}
