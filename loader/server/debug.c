#include "loader/server/debug.h"

#include "loader/server/client.h"
#include "loader/server/log.h"
#include "loader/server/mm_view.h"
#include "loader/server/threadproc.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* What the agent is to show for a session. */
struct show_job {
	struct plan_job job;
	struct server *server;
	struct debug_session *session; /* NULL: gone meanwhile, or nobody asked */
	uint32_t id;
};

struct debug_session {
	struct server *server;
	struct client *client;
	uint32_t flags;       /* enum wire_debug_flags */
	uint32_t wanted;      /* waits for its turn to show this one; 0: does not wait */
	struct show_job *job; /* at the agent */
	struct debug_session *next;
	struct debug_session *prev;
};

static void answer(struct debug_session *session, uint32_t id, int error, pid_t holder)
{
	client_shown(session->client, id, error, holder);
}

/* ---- showing ------------------------------------------------------------------------------- */

static void grant_next(struct server *server);

static void on_shown(struct plan_job *job, const struct plan_done *done)
{
	struct show_job *show = container_of(job, struct show_job, job);
	struct debug_session *session = show->session;
	int error = !done ? EOPNOTSUPP : -done->result;

	/* -EINVAL is what a kernel without the call says. */
	if (error == EINVAL || error == EPERM)
		error = EOPNOTSUPP;
	if (session) {
		session->job = NULL;
		answer(session, show->id, error, 0);
	} else if (error && done) {
		log_error("the space's auxiliary vector cannot be shown: %s", strerror(error));
	}
	plan_deinit(&job->plan);
	free(show);
}

/* The vector of threadproc tp, or the space's own for NULL. */
static int make_view(struct server *server, const struct threadproc *tp, struct plan_mm *ret_mm,
                     struct err *err)
{
	const struct debug_state *debug = &server->debug;
	const struct tp_threadproc *record;

	if (mm_view_read(server->agent.pid, ret_mm, err))
		return -1;
	memcpy(ret_mm->aux, debug->own.aux, sizeof(ret_mm->aux));
	ret_mm->aux_count = debug->own.aux_count;
	if (!tp)
		return 0;
	record = threadproc_record(tp);
	mm_view_set_program(ret_mm, &(struct mm_program){
					    .phdr = record->phdr,
					    .phnum = record->phnum,
					    .entry = record->entry,
					    .base = record->interp_bias,
					    .execfn = tp->execfn,
				    });
	return 0;
}

/* Returns 0 when the job is at the agent, or a positive errno. */
static int submit(struct server *server, struct debug_session *session, const struct threadproc *tp)
{
	struct show_job *show;
	struct plan_mm mm;
	struct err err;

	if (!server->debug.can_show)
		return EOPNOTSUPP;
	if (make_view(server, tp, &mm, &err))
		return server->agent.alive ? err.os_errno ? err.os_errno : EIO : EOPNOTSUPP;
	show = calloc(1, sizeof(*show));
	if (!show)
		return ENOMEM;
	show->server = server;
	show->session = session;
	show->id = tp ? tp->id : 0;
	show->job.done = on_shown;
	plan_init(&show->job.plan);
	plan_set_mm(&show->job.plan, &mm);
	if (session)
		session->job = show;
	agent_link_submit(&server->agent, &show->job);
	return 0;
}

static struct threadproc *find_living(struct server *server, uint32_t id)
{
	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++) {
		struct threadproc *tp = server->threadprocs[i];

		if (tp && tp->id == id && tp->phase == THREADPROC_LIVING)
			return tp;
	}
	return NULL;
}

/* It is this session's turn. */
static void show_for(struct debug_session *session, uint32_t id)
{
	struct server *server = session->server;
	const struct threadproc *tp = find_living(server, id);
	int error;

	server->debug.holder = session;
	error = tp ? submit(server, session, tp) : ESRCH;
	if (error)
		answer(session, id, error, 0);
}

/* The agent does one thing after the other: who comes next is shown after the space's own. */
static void end_turn(struct server *server, struct debug_session *session)
{
	int error;

	server->debug.holder = NULL;
	error = submit(server, session, NULL);
	if (error && session)
		answer(session, 0, error, 0);
	grant_next(server);
}

static void grant_next(struct server *server)
{
	struct debug_session *session;

	DL_FOREACH(server->debug.sessions, session)
	{
		uint32_t id = session->wanted;

		if (!id)
			continue;
		session->wanted = 0;
		show_for(session, id);
		return;
	}
}

int debug_show(struct debug_session *session, uint32_t id, struct err *err)
{
	struct server *server = session->server;
	struct debug_session *holder = server->debug.holder;

	if (session->job || session->wanted)
		return err_set(err, ERR_PROTOCOL, "a debugger's next request before the answer");
	if (!id && holder == session) {
		end_turn(server, session);
	} else if (!id) {
		answer(session, 0, 0, 0);
	} else if (holder && holder != session) {
		session->wanted = id;
		answer(session, id, EINPROGRESS, client_pid(holder->client));
	} else {
		show_for(session, id);
	}
	return 0;
}

/* ---- sessions ------------------------------------------------------------------------------ */

int debug_start(struct server *server, struct err *err)
{
	struct debug_state *debug = &server->debug;
	struct err refused = {0};
	struct plan plan;
	int result;

	if (mm_view_read(server->agent.pid, &debug->own, err))
		return -1;
	plan_init(&plan);
	plan_set_mm(&plan, &debug->own);
	result = agent_link_run_now(&server->agent, &plan, &refused);
	plan_deinit(&plan);
	debug->can_show = !result;
	if (result && refused.os_errno != EINVAL && refused.os_errno != EPERM) {
		*err = refused;
		return -1;
	}
	return 0;
}

struct debug_session *debug_open(struct server *server, struct client *client, uint32_t flags)
{
	struct debug_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->server = server;
	session->client = client;
	session->flags = flags;
	DL_APPEND(server->debug.sessions, session);
	return session;
}

void debug_close(struct debug_session *session)
{
	struct server *server = session->server;

	DL_DELETE(server->debug.sessions, session);
	if (session->job)
		session->job->session = NULL;
	if (server->debug.holder == session)
		end_turn(server, NULL);
	free(session);
}

void debug_release(struct debug_session *session, uint32_t id)
{
	(void)session;
	(void)id;
}

void debug_tell(struct server *server, enum wire_event_kind kind, const struct threadproc *tp,
                uint64_t address)
{
	const struct tp_threadproc *record;
	struct debug_session *session;
	struct debug_session *next;
	struct wire_event event;

	if (!server->debug.sessions)
		return;
	record = threadproc_record(tp);
	event = (struct wire_event){
		.kind = kind,
		.id = tp->id,
		.pid = tp->pid,
		.code = record->exit_code,
		.status = record->exit_status,
		.address = address,
	};
	DL_FOREACH_SAFE(server->debug.sessions, session, next)
	if (session->flags & WIRE_WANTS_EVENTS)
		client_event(session->client, &event);
}
