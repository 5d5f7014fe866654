#include "loader/server/threadproc.h"

#include "lib/base/cleanup.h"
#include "loader/server/client.h"
#include "loader/server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURE_OURS 125
/* All children: those that CLONE_PARENT made have no exit signal, which needs __WALL. */
#define ANY_CHILD __WALL
#define CHANGES (WSTOPPED | WCONTINUED | WNOHANG | ANY_CHILD)
/* After the start, until the link map is first looked at. */
#define FIRST_LOOK_MS 3

struct tp_threadproc *threadproc_record(const struct threadproc *tp)
{
	return &tp->server->registry.threadprocs[tp->index];
}

static void set_live(struct server *server, int change)
{
	registry_begin(&server->registry);
	server->registry.map->live += (uint32_t)change;
	registry_end(&server->registry);
}

/* ---- launch ---------------------------------------------------------------------------- */

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
	request_deinit(s->request);
	free(s->request);
	free(s);
}

static void drop_sources(struct threadproc *tp)
{
	if (tp->sources)
		sources_destroy(tp->server, TAKE_PTR(tp->sources));
}

static int open_interp(struct server *server, struct launch_sources *s, struct err *err)
{
	const char *path = s->image->image->interp;

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
static int open_sources(struct server *server, struct launch_sources *s, struct err *err)
{
	const struct request *request = s->request;

	if (program_open(request->cwd_fd, request->path, (int)request->launch.argc, request->argv,
			 &s->program, err)) {
		s->program = (struct program){ .fd = -1, .failure = s->program.failure };
		return -1;
	}
	s->program.failure = PROGRAM_CANNOT_RUN;
	if (image_cache_get(&server->images, s->program.fd, s->program.path, &s->image, err) ||
	    image_check_executable(s->image->image, err))
		return -1;
	return open_interp(server, s, err);
}

static int claim_fixed(struct threadproc *tp, const struct image *image, struct err *err)
{
	struct server *server = tp->server;
	const char *taker = "the toolkit itself";
	uint32_t taken = 0;
	uint64_t lo;
	uint64_t hi;

	layout_fixed_range(image, &lo, &hi);
	if (slots_claim_fixed(&server->slots, lo, hi, tp->index, tp->generation, &taken, err)) {
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
		 struct err *err)
{
	struct server *server = tp->server;
	int result;

	registry_begin(&server->registry);
	result = slots_claim(&server->slots, granules, (uint16_t)tp->index, tp->generation,
			     &tp->runs[0], err);
	if (!result && image->fixed) {
		result = claim_fixed(tp, image, err);
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

void threadproc_free(struct threadproc *tp)
{
	struct server *server = tp->server;

	if (tp->failed) {
		threadproc_publish_state(tp, TP_STATE_NONE);
		modules_drop(server, tp->index);
	}
	if (tp->pid)
		HASH_DEL(server->by_pid, tp);
	server->threadprocs[tp->index] = NULL;
	registry_retire_threadproc(&server->registry, tp->index);
	free(tp);
}

static void on_launched(struct plan_job *job, const struct plan_done *done);
static void on_exec_timer(struct loop_timer *timer);
static void on_first_look(struct loop_timer *timer);

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
	if (claim(tp, image, granules, err))
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
	tp->pgid = request->launch.sid == server->launch.server_sid ? request->launch.pgid : 0;
	tp->has_memory = true;
	threadproc_publish_start(tp, &input, name_for(request, &s->program, name));
	modules_publish_first(tp);
	set_live(server, 1);
	client_set_threadproc(tp->client, tp);
	tp->sources = s;
	server->launching++;
	tp->job.done = on_launched;
	agent_link_submit(&server->agent, &tp->job);
	return 0;
}

/* Why nothing can be launched just now; 0 when it can. */
static int check_open(const struct server *server, struct err *err)
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
	return 0;
}

/* On failure *ret_kind is what tprun exits with, and the sources are still the caller's. */
static int launch(struct server *server, struct client *client, struct launch_sources *sources,
		  int *ret_kind, struct err *err)
{
	struct threadproc *tp;

	*ret_kind = FAILURE_OURS;
	if (check_open(server, err))
		return -1;
	if (open_sources(server, sources, err)) {
		*ret_kind = sources->program.failure;
		return -1;
	}
	tp = calloc(1, sizeof(*tp));
	if (!tp)
		return err_os(err, ENOMEM, "no memory for a launch");
	tp->server = server;
	tp->pidfd.fd = -1;
	tp->client = client;
	tp->exec_timer.fire = on_exec_timer;
	tp->first_look.fire = on_first_look;
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
	struct err err = { 0 };
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
	if (!launch(server, client, sources, &kind, &err))
		return;
	sources_destroy(server, sources);
	client_failed(client, kind, err.os_errno, err.text);
}

/* ---- the agent answered ------------------------------------------------------------------ */

static void describe_failure(const struct threadproc *tp, const struct plan_done *done,
			     struct err *err)
{
	const struct plan_op *op = done->failed_op < tp->job.plan.op_count ?
					   &tp->job.plan.ops[done->failed_op] :
					   NULL;

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
	set_live(tp->server, -1);
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

static void on_ended(struct loop_source *source, uint32_t events);

static void launch_succeeded(struct threadproc *tp)
{
	tp->phase = THREADPROC_LIVING;
	threadproc_publish_state(tp, TP_STATE_RUNNING);
	loop_arm(&tp->server->loop, &tp->first_look, FIRST_LOOK_MS);
	if (tp->client)
		client_started(tp->client, tp->id, tp->pid, tp->pidfd.fd,
			       tp->pgid ? tp->pgid : tp->pid);
	else
		threadproc_kill(tp);
}

static void on_launched(struct plan_job *job, const struct plan_done *done)
{
	struct threadproc *tp = (struct threadproc *)((char *)job - offsetof(struct threadproc, job));
	struct server *server = tp->server;
	struct err err = { 0 };

	if (!done) {
		err_set(&err, ERR_LIMIT, "the agent of space %s died during the launch",
			server->options->space);
	} else if (done->result) {
		describe_failure(tp, done, &err);
		shrink_fixed(tp, done->failed_op);
	} else if (done->pid <= 0 || threadproc_find(server, done->pid)) {
		err_set(&err, ERR_PROTOCOL, "the agent answered with pid %d", done->pid);
	} else {
		tp->pid = done->pid;
		HASH_ADD(hh, server->by_pid, pid, sizeof(tp->pid), tp);
		/* Only a child of ours can be what we asked for. */
		tp->pidfd.fd = (int)syscall(SYS_pidfd_open, tp->pid, 0);
		tp->pidfd.ready = on_ended;
		if (tp->pidfd.fd < 0)
			err_os(&err, errno, "cannot watch the new process %d", (int)tp->pid);
		else if (loop_add(&server->loop, &tp->pidfd, EPOLLIN, &err))
			kill(tp->pid, SIGKILL);
	}
	plan_deinit(&job->plan);
	plan_init(&job->plan);
	server->launching--;
	if (err.code) {
		drop_sources(tp);
		launch_failed(tp, done ? PROGRAM_CANNOT_RUN : FAILURE_OURS, &err);
	} else {
		launch_succeeded(tp);
	}
	if (server->reap_again)
		threadproc_reap(server);
}

/* ---- living -------------------------------------------------------------------------------- */

void threadproc_kill(struct threadproc *tp)
{
	if (tp->pidfd.fd >= 0)
		syscall(SYS_pidfd_send_signal, tp->pidfd.fd, SIGKILL, NULL, 0);
}

void threadproc_abandon(struct threadproc *tp)
{
	tp->client = NULL;
	threadproc_kill(tp);
}

struct threadproc *threadproc_find(struct server *server, pid_t pid)
{
	struct threadproc *tp = NULL;

	HASH_FIND(hh, server->by_pid, &pid, sizeof(pid), tp);
	return tp;
}

static void on_changed(struct threadproc *tp, const siginfo_t *info)
{
	bool stopped = info->si_code == CLD_STOPPED || info->si_code == CLD_TRAPPED;

	if (tp->phase == THREADPROC_LIVING)
		threadproc_publish_state(tp, stopped ? TP_STATE_STOPPED : TP_STATE_RUNNING);
	if (tp->client)
		client_changed(tp->client, info->si_code, info->si_status);
}

/* Takes the stops and continues that are there. */
static void reap_changes(struct server *server)
{
	for (;;) {
		siginfo_t info = { 0 };
		struct threadproc *tp;

		if (waitid(P_ALL, 0, &info, CHANGES | WNOWAIT) || !info.si_pid)
			return;
		tp = threadproc_find(server, info.si_pid);
		/* It may be what the agent is about to tell us of. */
		if (!tp && server->launching) {
			server->reap_again = true;
			return;
		}
		if (waitid(P_PID, (id_t)info.si_pid, &info, CHANGES))
			return;
		if (tp && tp->phase != THREADPROC_DEAD)
			on_changed(tp, &info);
	}
}

/*
 * Takes the ends that are there: those of threadprocs as their pidfd would, and those of
 * orphans, children of threadprocs that outlived them and came to us, the subreaper.
 */
static void reap_ends(struct server *server)
{
	bool orphans = false;

	for (;;) {
		siginfo_t info = { 0 };
		struct threadproc *tp;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | ANY_CHILD) ||
		    !info.si_pid)
			break;
		tp = threadproc_find(server, info.si_pid);
		if (tp && tp->pidfd.fd >= 0) {
			tp->pidfd.ready(&tp->pidfd, 0);
			continue;
		}
		/* It may be what the agent is about to tell us of. */
		if (server->launching) {
			server->reap_again = true;
			break;
		}
		if (waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG | ANY_CHILD))
			break;
		orphans = true;
	}
	if (orphans)
		teardown_retry(server);
}

void threadproc_reap(struct server *server)
{
	server->reap_again = false;
	reap_changes(server);
	reap_ends(server);
}

/*
 * execve takes the process out of the space, and nothing tells when: the mailbox says
 * that it tries, then its memory is looked at until it is another, or it gave up.
 */
static void on_exec_timer(struct loop_timer *timer)
{
	struct threadproc *tp =
		(struct threadproc *)((char *)timer - offsetof(struct threadproc, exec_timer));
	const struct tp_mailbox *mailbox = mailboxes_at(&tp->server->mailboxes, tp->index);

	if (tp->phase != THREADPROC_LIVING)
		return;
	if (!teardown_shares_space(tp->server, tp->pid)) {
		tp->phase = THREADPROC_GONE_ON;
		threadproc_publish_state(tp, TP_STATE_EXECED);
		service_drop_names(tp);
		set_live(tp->server, -1);
		teardown_begin(tp);
		return;
	}
	if (__atomic_load_n(&mailbox->exec_state, __ATOMIC_ACQUIRE) != TP_EXEC_TRYING)
		return;
	tp->exec_wait_ms = tp->exec_wait_ms < 500 ? tp->exec_wait_ms * 2 : 1000;
	loop_arm(&tp->server->loop, timer, tp->exec_wait_ms);
}

/*
 * What can wait until the program is under way: what its descriptors are, and the link
 * map (the dynamic linker should be through; if it is not, it will ring).
 */
static void look(struct threadproc *tp)
{
	mailboxes_listen(&tp->server->mailboxes, tp->index);
	if (tp->sources)
		threadproc_publish_files(tp, tp->sources->request);
	drop_sources(tp);
	if (tp->phase == THREADPROC_LIVING)
		modules_refresh(tp);
}

static bool has_scanned(const struct threadproc *tp)
{
	return mailboxes_at(&tp->server->mailboxes, tp->index)->scanned != 0;
}

static void on_first_look(struct loop_timer *timer)
{
	look((struct threadproc *)((char *)timer - offsetof(struct threadproc, first_look)));
}

/* ---- end --------------------------------------------------------------------------------------- */

static void on_ended(struct loop_source *source, uint32_t events)
{
	struct threadproc *tp = (struct threadproc *)source;
	struct server *server = tp->server;
	struct client *client = tp->client;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, (id_t)tp->pid, &info, WEXITED | WNOHANG | ANY_CHILD) || !info.si_pid) {
		if (errno != ECHILD)
			return;
		/* Not our child: the agent lied about it. */
		info.si_code = CLD_KILLED;
		info.si_status = SIGKILL;
		log_error("pid %d of threadproc %u is no child", (int)tp->pid, tp->id);
	}
	/* The launcher first: nothing that follows is worth waiting for. */
	tp->client = NULL;
	if (client)
		client_exited(client, info.si_code, info.si_status);
	loop_remove(&server->loop, &tp->pidfd);
	close(TAKE_FD(tp->pidfd.fd));
	loop_disarm(&server->loop, &tp->exec_timer);
	loop_disarm(&server->loop, &tp->first_look);
	/* One that came and went before the first look, did nothing wrong and mapped nothing new
	 * left nothing that somebody could want to know. */
	if (!tp->sources || info.si_code != CLD_EXITED || has_scanned(tp))
		look(tp);
	drop_sources(tp);
	if (tp->phase == THREADPROC_LIVING) {
		service_drop_names(tp);
		set_live(server, -1);
	}
	tp->phase = THREADPROC_DEAD;
	threadproc_publish_end(tp, info.si_code, info.si_status);
	teardown_begin(tp);
}
