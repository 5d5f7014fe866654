#include "loader/server/debug.h"

#include "lib/base/cleanup.h"
#include "loader/server/client.h"
#include "loader/server/hold.h"
#include "loader/server/log.h"
#include "loader/server/mm_view.h"
#include "loader/server/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#define BREAKPOINT 0xcc
/* Until then a SIGSTOP is a dead debugger's. */
#define LATE_STOP_NS UINT64_C(2000000000)

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
	uint32_t *attached; /* ids of those that it had shown, to attach to them */
	uint32_t attached_count;
	struct debug_session *next;
	struct debug_session *prev;
};

static void answer(struct debug_session *session, uint32_t id, int error, pid_t holder)
{
	client_shown(session->client, id, error, holder);
}

/* ---- showing ------------------------------------------------------------------------------- */

static void grant_next(struct server *server);

/* Who may describe the memory from now on. */
static void publish(struct server *server)
{
	uint32_t debuggers = TP_DEBUGGERS_NONE;

	if (server->debug.holder)
		debuggers = TP_DEBUGGERS_ATTACHING;
	else if (server->debug.sessions)
		debuggers = TP_DEBUGGERS_ATTACHED;
	if (server->registry.map->debuggers == debuggers)
		return;
	registry_begin(&server->registry);
	__atomic_store_n(&server->registry.map->debuggers, debuggers, __ATOMIC_RELEASE);
	registry_end(&server->registry);
}

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

	if (!tp) {
		*ret_mm = debug->own;
		return 0;
	}
	if (mm_view_read(server->agent.pid, ret_mm, err))
		return -1;
	memcpy(ret_mm->aux, debug->own.aux, sizeof(ret_mm->aux));
	ret_mm->aux_count = debug->own.aux_count;
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

static bool has_attached(const struct debug_session *session, uint32_t id)
{
	for (uint32_t i = 0; i < session->attached_count; i++)
		if (session->attached[i] == id)
			return true;
	return false;
}

/* From now on it may have breakpoints there. */
static void note_attached(struct debug_session *session, struct threadproc *tp)
{
	uint32_t *more;

	tp->was_attached = true;
	tp->stopped_at_attach = threadproc_record(tp)->state == TP_STATE_STOPPED;
	tp->debugger_gone_ns = 0;
	if (has_attached(session, tp->id))
		return;
	more = reallocarray(session->attached, session->attached_count + 1, sizeof(*more));
	if (!more)
		return;
	session->attached = more;
	session->attached[session->attached_count++] = tp->id;
}

/* It is this session's turn. */
static void show_for(struct debug_session *session, uint32_t id)
{
	struct server *server = session->server;
	struct threadproc *tp = find_living(server, id);
	int error;

	server->debug.holder = session;
	publish(server);
	if (tp)
		note_attached(session, tp);
	error = tp ? submit(server, session, tp) : ESRCH;
	if (error)
		answer(session, id, error, 0);
}

/* The agent does one thing after the other: who comes next is shown after the space's own. */
static void end_turn(struct server *server, struct debug_session *session)
{
	int error;

	server->debug.holder = NULL;
	publish(server);
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
		answer(session, id, EINPROGRESS, client_caller(holder->client)->pid);
	} else {
		show_for(session, id);
	}
	return 0;
}

/* ---- breakpoints ---------------------------------------------------------------------------- */

bool debug_has_attached(const struct threadproc *tp)
{
	const struct debug_session *session;

	DL_FOREACH(tp->server->debug.sessions, session)
	if (has_attached(session, tp->id))
		return true;
	return false;
}

/* Threads that wait on a breakpoint look whether it is still there, and ask again if it is. */
static void release(struct threadproc *tp)
{
	struct tp_mailbox *mailbox = mailboxes_at(&tp->server->mailboxes, tp->index);

	__atomic_fetch_add(&mailbox->trap_release, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &mailbox->trap_release, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/*
 * The stop of a debugger that is gone may still come: it was sent to a thread that the kernel sets free
 * in these moments.
 */
static void wake_up(struct threadproc *tp)
{
	tp->debugger_gone_ns = registry_now_ns();
	if (threadproc_record(tp)->state == TP_STATE_STOPPED && !tp->held_by)
		kill(tp->pid, SIGCONT);
}

bool debug_undo_stop(struct threadproc *tp, int sig)
{
	if (sig != SIGSTOP || !tp->debugger_gone_ns || tp->held_by ||
	    registry_now_ns() - tp->debugger_gone_ns > LATE_STOP_NS)
		return false;
	kill(tp->pid, SIGCONT);
	return true;
}

/*
 * A debugger that ended may have left breakpoints, also in others than those it was attached to.
 * Where another debugger is at work it has the say.
 */
static void clean_up(struct server *server, const struct debug_session *gone)
{
	unsigned count = 0;

	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++) {
		struct threadproc *tp = server->threadprocs[i];

		if (!tp || tp->phase != THREADPROC_LIVING)
			continue;
		if (!debug_has_attached(tp))
			count += text_restore(tp);
		if (has_attached(gone, tp->id) && !tp->stopped_at_attach)
			wake_up(tp);
		release(tp);
	}
	if (count)
		log_error("a debugger left %u breakpoints behind; they are gone", count);
}

pid_t debug_tracer(pid_t pid, char *ret_state)
{
	static const char tracer_field[] = "\nTracerPid:";
	static const char state_field[] = "\nState:\t";
	AUTO_CLOSE int fd = -1;
	char text[2048];
	char path[40];
	const char *tracer;
	const char *state;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	tracer = strstr(text, tracer_field);
	state = strstr(text, state_field);
	if (!tracer || !state)
		return 0;
	*ret_state = state[strlen(state_field)];
	return (pid_t)strtol(tracer + strlen(tracer_field), NULL, 10);
}

uint64_t debug_trapped(struct threadproc *tp, uint64_t addr, uint64_t flags)
{
	struct server *server = tp->server;
	int original;
	char state;

	/* What a debugger wanted to hear of when it ended; the program itself does no such thing. */
	if (flags & TP_TRAP_NO_BREAKPOINT)
		return tp->was_attached ? TP_TRAP_GO_ON : TP_TRAP_NOT_OURS;
	original = text_original(server, addr);
	if (original < 0 || original == BREAKPOINT)
		return TP_TRAP_NOT_OURS;
	if (flags & TP_TRAP_IN_CHILD)
		return TP_TRAP_PUT_BACK | (uint64_t)original << 8;
	if (debug_tracer(tp->pid, &state))
		return TP_TRAP_GO_ON;
	if (!server->debug.sessions) {
		text_restore_at(server, addr);
		return TP_TRAP_GO_ON;
	}
	debug_tell(server, WIRE_EVENT_TRAPPED, tp, addr);
	return TP_TRAP_WAIT;
}

/* ---- holding ------------------------------------------------------------------------------- */

int debug_hold(struct debug_session *session, uint32_t id)
{
	struct threadproc *tp = find_living(session->server, id);

	if (!tp)
		return ESRCH;
	if (tp->held_by)
		return tp->held_by == session ? 0 : EBUSY;
	if (tp->frozen || threadproc_record(tp)->state == TP_STATE_STOPPED)
		return EALREADY;
	tp->held_by = session;
	threadproc_signal(tp, SIGSTOP);
	return 0;
}

static void let_go(struct threadproc *tp)
{
	tp->held_by = NULL;
	threadproc_signal(tp, SIGCONT);
}

int debug_unhold(struct debug_session *session, uint32_t id)
{
	struct threadproc *tp = find_living(session->server, id);

	if (!tp || tp->held_by != session)
		return ESRCH;
	let_go(tp);
	return 0;
}

static void let_all_go(struct server *server, const struct debug_session *session)
{
	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++) {
		struct threadproc *tp = server->threadprocs[i];

		if (tp && tp->held_by == session)
			let_go(tp);
	}
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
	server->launch.can_describe = !result;
	server->launch.brk = debug->own.start_brk;
	server->launch.agent_stack = debug->own.start_stack;
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
	publish(server);
	return session;
}

void debug_close(struct debug_session *session)
{
	struct server *server = session->server;

	DL_DELETE(server->debug.sessions, session);
	if (session->job)
		session->job->session = NULL;
	/* Who forked under the debugger has left what it said. */
	if (!server->debug.holder || server->debug.holder == session)
		end_turn(server, NULL);
	let_all_go(server, session);
	if (session->attached_count)
		clean_up(server, session);
	free(session->attached);
	free(session);
}

void debug_release(struct debug_session *session, uint32_t id)
{
	struct threadproc *tp = find_living(session->server, id);

	if (!tp)
		return;
	release(tp);
	if (has_attached(session, id))
		hold_end(tp);
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
