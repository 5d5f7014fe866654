/*
 * From a request to a process: sources, addresses, record, plan, and what the agent answers.
 */
#include "loader/server/threadproc.h"

#include "lib/base/cleanup.h"
#include "loader/quarantine.h"
#include "loader/server/client.h"
#include "loader/server/suits.h"
#include "loader/server/stack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FAILURE_OURS 125

/*
 * What a launch needs: what was asked for, and the files, opened and parsed.  The plan borrows
 * its descriptors from here; they are described and closed soon after the start.
 */
struct launch_sources {
	struct request *request;
	struct program program;
	struct cached_image *image;
	struct cached_image *interp;
	int interp_fd;
	bool addresses_come; /* those that it needs belong to somebody who is leaving */
};

static void sources_destroy(struct server *server, struct launch_sources *s)
{
	if (s->image)
		image_cache_put(&server->images, s->image);
	if (s->interp)
		image_cache_put(&server->images, s->interp);
	if (s->interp_fd >= 0)
		close(s->interp_fd);
	program_deinit(&s->program);
	if (s->request)
		request_deinit(s->request);
	free(s->request);
	free(s);
}

void launch_publish_files(struct threadproc *tp)
{
	if (tp->sources)
		threadproc_publish_files(tp, tp->sources->request);
}

void launch_drop_sources(struct threadproc *tp)
{
	if (tp->sources)
		sources_destroy(tp->server, TAKE_PTR(tp->sources));
}

static int open_interp(struct server *server, struct launch_sources *s, struct err *err)
{
	const char *path = s->image->image->interp;

	if (!path && (s->request->launch.flags & WIRE_GUARD_FREE))
		return err_set(err, ERR_INVALID,
		               "it is linked statically: --guard-foreign-free cannot be had");
	if (!path)
		return 0;
	if (interp_open(&server->interps, path, &s->interp_fd, err)) {
		if (err->os_errno == ENOENT)
			s->program.failure = PROGRAM_NOT_FOUND;
		return err_prefix(err, "its interpreter");
	}
	if (image_cache_get(&server->images, s->interp_fd, path, &s->interp, err) ||
	    image_check_executable(s->interp->image, err))
		return err_prefix(err, "its interpreter");
	if (s->interp->image->fixed)
		return err_set(err, ERR_INVALID, "its interpreter %s is position-dependent", path);
	return 0;
}

/* On failure s->program.failure says what tprun exits with. */
static int open_sources(struct server *server, pid_t caller, struct launch_sources *s,
                        struct err *err)
{
	const struct request *request = s->request;

	if (program_open(caller, request->cwd_fd, request->path, (int)request->launch.argc,
	                 request->argv, &s->program, err)) {
		s->program = (struct program){.fd = -1, .failure = s->program.failure};
		return -1;
	}
	s->program.failure = PROGRAM_CANNOT_RUN;
	if (image_cache_get(&server->images, s->program.fd, s->program.path, &s->image, err) ||
	    image_check_executable(s->image->image, err))
		return -1;
	return open_interp(server, s, err);
}

/* True for a threadproc whose memory goes as soon as it can. */
static bool is_leaving(const struct server *server, uint32_t index)
{
	const struct threadproc *tp = index ? server->threadprocs[index] : NULL;

	return tp && (tp->phase == THREADPROC_DEAD || tp->phase == THREADPROC_GONE_ON);
}

static int claim_fixed(struct threadproc *tp, const struct image *image, bool *ret_they_come,
		       struct err *err)
{
	struct server *server = tp->server;
	const char *taker = "the toolkit itself";
	uint32_t taken = 0;
	uint64_t lo;
	uint64_t hi;

	layout_fixed_range(image, &lo, &hi);
	if (slots_claim_fixed(&server->slots, lo, hi, tp->index, tp->generation, &taken, err)) {
		*ret_they_come = is_leaving(server, taken);
		if (taken)
			taker = server->registry.threadprocs[taken].name;
		return err_set(err, ERR_LIMIT,
		               "it is position-dependent and needs 0x%" PRIx64 "-0x%" PRIx64
		               ", taken by %s",
		               lo, hi, taker);
	}
	tp->fixed_lo = lo;
	tp->fixed_hi = hi;
	return 0;
}

/* Addresses for it: the slot, and the range of a fixed image. */
static int claim(struct threadproc *tp, const struct image *image, uint32_t granules,
                 bool *ret_they_come, struct err *err)
{
	struct server *server = tp->server;
	int result;

	registry_begin(&server->registry);
	result = slots_claim(&server->slots, granules, (uint16_t)tp->index, tp->generation,
	                     &tp->runs[0], err);
	if (result)
		*ret_they_come = teardown_hurry(server);
	if (!result && image->fixed) {
		result = claim_fixed(tp, image, ret_they_come, err);
		if (result)
			slots_unclaim(&server->slots, tp->runs[0]);
	}
	registry_end(&server->registry);
	if (!result)
		tp->run_count = 1;
	return result;
}

static const char *name_for(const struct request *request, const struct program *program,
                            char name[TP_NAME_SIZE])
{
	const char *slash;

	if (request->launch.name[0])
		return request->launch.name;
	slash = strrchr(program->execfn, '/');
	snprintf(name, TP_NAME_SIZE, "%s", slash ? slash + 1 : program->execfn);
	return name;
}

/* An index for it, and what an earlier user of the record left behind dropped. */
static int take_record(struct threadproc *tp, struct err *err)
{
	struct server *server = tp->server;

	registry_begin(&server->registry);
	tp->index = registry_new_threadproc(&server->registry);
	if (tp->index)
		tp->id = ++server->registry.map->last_id;
	registry_end(&server->registry);
	if (!tp->index)
		return err_set(err, ERR_LIMIT, "the space is full: %u threadprocs live in it",
		               TP_THREADPROCS - 1);
	modules_drop(server, tp->index);
	tp->generation = threadproc_record(tp)->generation;
	server->threadprocs[tp->index] = tp;
	mailboxes_reset(&server->mailboxes, tp->index, tp->generation);
	return 0;
}

static void on_launched(struct plan_job *job, const struct plan_done *done);

/* Builds the plan and publishes the record; the plan is at the agent when 0 is returned. */
static int begin(struct threadproc *tp, struct launch_sources *s, struct err *err)
{
	struct server *server = tp->server;
	const struct request *request = s->request;
	const struct image *image = s->image->image;
	const struct image *interp = s->interp ? s->interp->image : NULL;
	uint64_t stack = layout_stack_size(request->launch.rlimits[RLIMIT_STACK].soft);
	uint32_t granules = layout_granules(stack, image, interp);
	char name[TP_NAME_SIZE];
	struct layout layout;
	struct launch_input input = {
		.request = request,
		.caller = client_caller(tp->client),
		.program = &s->program,
		.image = s->image,
		.interp = s->interp,
		.interp_fd = s->interp_fd,
		.layout = &layout,
		.index = tp->index,
		.generation = tp->generation,
		.id = tp->id,
	};

	teardown_before_launch(server);
	if (claim(tp, image, granules, &s->addresses_come, err))
		return -1;
	layout_compute((uint64_t)tp->runs[0].first << TP_GRANULE_SHIFT, granules, stack, image,
	               interp, &layout);
	plan_init(&tp->job.plan);
	if (launch_plan_build(&tp->job.plan, &server->launch, &input, err)) {
		plan_deinit(&tp->job.plan);
		registry_begin(&server->registry);
		slots_unclaim(&server->slots, tp->runs[0]);
		slots_release_fixed(&server->slots, tp->index, tp->generation);
		registry_end(&server->registry);
		return -1;
	}
	tp->image = s->image;
	tp->interp = s->interp;
	tp->program_bias = layout.program_bias;
	tp->interp_bias = layout.interp_bias;
	tp->execfn = stack_execfn(layout.stack_hi, s->program.execfn);
	tp->hold_crash = request->launch.flags & WIRE_HOLD_CRASH;
	tp->stops_space = request->launch.flags & WIRE_CRASH_STOPS_SPACE;
	tp->pgid = request->launch.sid == server->launch.server_sid ? request->launch.pgid : 0;
	tp->has_memory = true;
	threadproc_publish_start(tp, &input, name_for(request, &s->program, name));
	modules_publish_first(tp);
	threadproc_count_live(server, 1);
	client_set_threadproc(tp->client, tp);
	tp->sources = s;
	server->launching++;
	tp->job.done = on_launched;
	agent_link_submit(&server->agent, &tp->job);
	return 0;
}

/* A space cannot change it: it was made with one. */
static int check_quarantine(const struct server *server, const struct wire_launch *launch,
                            struct err *err)
{
	char size[QUARANTINE_TEXT];

	if (!(launch->flags & WIRE_HAS_QUARANTINE) ||
	    launch->quarantine == server->options->quarantine)
		return 0;
	quarantine_text(server->options->quarantine, size);
	return err_set(err, ERR_LIMIT,
	               "space %s was started with --quarantine=%s: end it with \"tpserver --space "
	               "%s --stop\", or use another space (-s)",
	               server->options->space, size, server->options->space);
}

/* Why nothing can be launched just now; 0 when it can. */
static int check_open(const struct server *server, const struct wire_launch *launch,
                      struct err *err)
{
	const char *space = server->options->space;

	if (!server->agent.alive)
		return err_set(err, ERR_LIMIT,
		               "the agent of space %s died; what runs in it lives on, but nothing "
		               "new can start: end it with \"tpserver --space %s --stop\", or use "
		               "another space (-s)",
		               space, space);
	if (server->ending)
		return err_set(err, ERR_LIMIT, "the space %s is ending", space);
	return check_quarantine(server, launch, err);
}

/* A server that a caller started, and that has nobody to care for, can make room for another. */
static bool may_leave(const struct server *server)
{
	if (server->options->stay || server->options->ready_fd < 0 || server->client_count > 1)
		return false;
	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++)
		if (server->threadprocs[i] && server->threadprocs[i]->phase != THREADPROC_DEAD)
			return false;
	return true;
}

/* True when it leaves; then err is not set. */
static bool leaves_instead(struct server *server, struct client *client,
                           const struct request *request, struct err *err)
{
	enum suits suits = suits_caller(&server->launch, client_caller(client), &request->launch);
	struct err other;

	if ((suits != SUITS || check_quarantine(server, &request->launch, &other)) &&
	    may_leave(server)) {
		server->loop.done = true;
		return true;
	}
	if (suits == SUITS_NOT)
		err_set(err, ERR_DENIED,
		        "the server of space %s has other groups than you have; use another space "
		        "(-s)",
		        server->options->space);
	return false;
}

/* On failure *ret_kind is what tprun exits with, and the sources are still the caller's. */
static int launch(struct server *server, struct client *client, struct launch_sources *sources,
                  int *ret_kind, struct err *err)
{
	struct threadproc *tp;

	*ret_kind = FAILURE_OURS;
	if (check_open(server, &sources->request->launch, err) || err->code)
		return -1;
	if (open_sources(server, client_caller(client)->pid, sources, err)) {
		*ret_kind = sources->program.failure;
		return -1;
	}
	tp = threadproc_create(server, client);
	if (!tp)
		return err_os(err, ENOMEM, "no memory for a launch");
	if (take_record(tp, err)) {
		free(tp);
		return -1;
	}
	if (begin(tp, sources, err)) {
		*ret_kind = PROGRAM_CANNOT_RUN;
		tp->failed = true;
		threadproc_free(tp);
		return -1;
	}
	return 0;
}

void threadproc_launch(struct server *server, struct client *client, struct request *request)
{
	struct launch_sources *sources = calloc(1, sizeof(*sources));
	struct err err = {0};
	int kind;

	if (!sources) {
		request_deinit(request);
		free(request);
		client_failed(client, FAILURE_OURS, ENOMEM, "no memory for a launch");
		return;
	}
	sources->request = request;
	sources->program.fd = -1;
	sources->interp_fd = -1;
	if (leaves_instead(server, client, request, &err)) {
		sources_destroy(server, sources);
		client_leave(client);
		return;
	}
	if (!launch(server, client, sources, &kind, &err))
		return;
	if (sources->addresses_come && client_may_wait(client)) {
		client_wait(client, TAKE_PTR(sources->request));
		sources_destroy(server, sources);
		return;
	}
	sources_destroy(server, sources);
	client_failed(client, kind, err.os_errno, err.text);
}

/* ---- the agent answered ------------------------------------------------------------------ */

static void describe_failure(const struct threadproc *tp, const struct plan_done *done,
                             struct err *err)
{
	const struct plan_op *op =
		done->failed_op < tp->job.plan.op_count ? &tp->job.plan.ops[done->failed_op] : NULL;

	if (!op)
		err_os(err, -done->result, "the agent cannot carry out its plan");
	else if (op->op == PLAN_MAP && done->result == -EEXIST)
		err_set(err, ERR_LIMIT,
		        "it needs 0x%" PRIx64 "-0x%" PRIx64 ", where something lies already",
		        op->addr, op->addr + op->len);
	else if (op->op == PLAN_MAP)
		err_os(err, -done->result, "cannot map 0x%" PRIx64 "-0x%" PRIx64, op->addr,
		       op->addr + op->len);
	else if (op->op == PLAN_CLONE)
		err_os(err, -done->result, "cannot make a process");
	else
		err_os(err, -done->result, "cannot set up its memory (step %u)", done->failed_op);
}

/* The launch failed after something of it was put into the space, or might have been. */
static void launch_failed(struct threadproc *tp, int kind, const struct err *err)
{
	struct client *client = tp->client;

	tp->client = NULL;
	tp->phase = THREADPROC_DEAD;
	tp->failed = true;
	threadproc_count_live(tp->server, -1);
	if (client)
		client_failed(client, kind, err->os_errno, err->text);
	teardown_begin(tp);
}

/*
 * Of a fixed image's range only what the plan got to is ours: the rest may be what was in
 * the way.  Segments are mapped in ascending order.
 */
static void shrink_fixed(struct threadproc *tp, uint32_t failed_op)
{
	const struct plan *plan = &tp->job.plan;
	uint64_t hi = tp->fixed_lo;

	for (uint32_t i = 0; i < failed_op && i < plan->op_count; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->op == PLAN_MAP && op->addr >= tp->fixed_lo && op->addr < tp->fixed_hi)
			hi = op->addr + op->len;
	}
	tp->fixed_hi = hi;
}

static void on_launched(struct plan_job *job, const struct plan_done *done)
{
	struct threadproc *tp = container_of(job, struct threadproc, job);
	struct server *server = tp->server;
	struct err err = {0};

	if (!done) {
		err_set(&err, ERR_LIMIT, "the agent of space %s died during the launch",
		        server->options->space);
	} else if (done->result) {
		describe_failure(tp, done, &err);
		shrink_fixed(tp, done->failed_op);
	} else {
		threadproc_watch(tp, done->pid, &err);
	}
	plan_deinit(&job->plan);
	plan_init(&job->plan);
	server->launching--;
	if (err.code) {
		launch_drop_sources(tp);
		launch_failed(tp, done ? PROGRAM_CANNOT_RUN : FAILURE_OURS, &err);
	} else {
		threadproc_started(tp);
	}
	if (server->reap_again)
		threadproc_reap(server);
}
