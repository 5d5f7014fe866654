#include "loader/server/threadproc.h"

#include "lib/base/cleanup.h"
#include "loader/server/client.h"
#include "loader/server/crash.h"
#include "loader/server/debug.h"
#include "loader/server/hold.h"
#include "loader/server/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* All children: those that CLONE_PARENT made have no exit signal, which needs __WALL. */
#define ANY_CHILD __WALL
#define CHANGES (WSTOPPED | WCONTINUED | WNOHANG | ANY_CHILD)
/* After the start, until the link map is first looked at. */
#define FIRST_LOOK_MS 3

struct tp_threadproc *threadproc_record(const struct threadproc *tp)
{
	return &tp->server->registry.threadprocs[tp->index];
}

void threadproc_count_live(struct server *server, int change)
{
	registry_begin(&server->registry);
	server->registry.map->live += (uint32_t)change;
	registry_end(&server->registry);
}

static void on_ended(struct loop_source *source, uint32_t events);
static void on_exec_timer(struct loop_timer *timer);
static void on_first_look(struct loop_timer *timer);

struct threadproc *threadproc_create(struct server *server, struct client *client)
{
	struct threadproc *tp = calloc(1, sizeof(*tp));

	if (!tp)
		return NULL;
	tp->server = server;
	tp->client = client;
	tp->pidfd = (struct loop_source){ .fd = -1, .ready = on_ended };
	tp->exec_timer.fire = on_exec_timer;
	tp->first_look.fire = on_first_look;
	return tp;
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

int threadproc_watch(struct threadproc *tp, pid_t pid, struct err *err)
{
	struct server *server = tp->server;

	if (pid <= 0 || threadproc_find(server, pid))
		return err_set(err, ERR_PROTOCOL, "the agent answered with pid %d", (int)pid);
	tp->pid = pid;
	HASH_ADD(hh, server->by_pid, pid, sizeof(tp->pid), tp);
	tp->pidfd.fd = (int)syscall(SYS_pidfd_open, tp->pid, 0);
	if (tp->pidfd.fd < 0)
		return err_os(err, errno, "cannot watch the new process %d", (int)tp->pid);
	if (loop_add(&server->loop, &tp->pidfd, EPOLLIN, err)) {
		threadproc_kill(tp);
		return -1;
	}
	return 0;
}

void threadproc_started(struct threadproc *tp)
{
	tp->phase = THREADPROC_LIVING;
	threadproc_publish_state(tp, TP_STATE_RUNNING);
	loop_arm(&tp->server->loop, &tp->first_look, FIRST_LOOK_MS);
	hold_begin(tp);
	debug_tell(tp->server, WIRE_EVENT_STARTED, tp, 0);
	if (tp->client)
		client_started(tp->client, tp->id, tp->pid, tp->pidfd.fd,
			       tp->pgid ? tp->pgid : tp->pid);
	else
		threadproc_kill(tp);
	/* It may have been so quick as to ask, to crash or to execve before anybody knew it. */
	service_mailbox(tp->server, tp->index);
}

/* ---- living -------------------------------------------------------------------------------- */

void threadproc_signal(const struct threadproc *tp, int sig)
{
	if (tp->pidfd.fd >= 0)
		syscall(SYS_pidfd_send_signal, tp->pidfd.fd, sig, NULL, 0);
}

void threadproc_kill(struct threadproc *tp)
{
	threadproc_signal(tp, SIGKILL);
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

	if (stopped && debug_undo_stop(tp, info->si_status))
		return;
	if (tp->phase == THREADPROC_LIVING)
		threadproc_publish_state(tp, stopped ? TP_STATE_STOPPED : TP_STATE_RUNNING);
	/* Its launcher is not to stop along with it. */
	if (tp->client && !tp->frozen && !tp->held_by)
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
	struct threadproc *tp = container_of(timer, struct threadproc, exec_timer);
	const struct tp_mailbox *mailbox = mailboxes_at(&tp->server->mailboxes, tp->index);

	if (tp->phase != THREADPROC_LIVING)
		return;
	if (!teardown_shares_space(tp->server, tp->pid)) {
		tp->phase = THREADPROC_GONE_ON;
		threadproc_publish_state(tp, TP_STATE_EXECED);
		debug_tell(tp->server, WIRE_EVENT_EXECED, tp, 0);
		names_ended(tp);
		threadproc_count_live(tp->server, -1);
		teardown_begin(tp);
		return;
	}
	if (__atomic_load_n(&mailbox->exec_state, __ATOMIC_ACQUIRE) != TP_EXEC_TRYING)
		return;
	tp->exec_wait_ms = tp->exec_wait_ms < 500 ? tp->exec_wait_ms * 2 : 1000;
	loop_arm(&tp->server->loop, timer, tp->exec_wait_ms);
}

void threadproc_look(struct threadproc *tp)
{
	mailboxes_listen(&tp->server->mailboxes, tp->index);
	launch_publish_files(tp);
	launch_drop_sources(tp);
	if (tp->phase != THREADPROC_LIVING)
		return;
	modules_refresh(tp);
	threadproc_publish_looked(tp);
}

static bool has_scanned(const struct threadproc *tp)
{
	return mailboxes_at(&tp->server->mailboxes, tp->index)->scanned != 0;
}

static void on_first_look(struct loop_timer *timer)
{
	threadproc_look(container_of(timer, struct threadproc, first_look));
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
	/* Who waits for the launcher may then look at the registry: it comes first.  Whatever else
	 * there is to do is not worth waiting for. */
	if (info.si_code != CLD_EXITED)
		crash_publish_rest(tp);
	threadproc_publish_end(tp, info.si_code, info.si_status);
	debug_tell(server, WIRE_EVENT_EXITED, tp, 0);
	if (tp->phase == THREADPROC_LIVING) {
		names_ended(tp);
		threadproc_count_live(server, -1);
	}
	crash_ended(tp);
	tp->client = NULL;
	if (client)
		client_exited(client, info.si_code, info.si_status);
	loop_remove(&server->loop, &tp->pidfd);
	close(TAKE_FD(tp->pidfd.fd));
	loop_disarm(&server->loop, &tp->exec_timer);
	loop_disarm(&server->loop, &tp->first_look);
	loop_disarm(&server->loop, &tp->hold_timer);
	/* One that came and went before the first look, did nothing wrong and mapped nothing new
	 * left nothing that somebody could want to know. */
	if (!tp->sources || info.si_code != CLD_EXITED || has_scanned(tp))
		threadproc_look(tp);
	launch_drop_sources(tp);
	crash_keep(tp, info.si_code, info.si_status);
	tp->phase = THREADPROC_DEAD;
	teardown_begin(tp);
}
