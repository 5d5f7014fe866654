#include "loader/server/client.h"

#include "loader/packet.h"
#include "loader/server/crash.h"
#include "loader/server/debug.h"
#include "loader/server/log.h"
#include "loader/server/threadproc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#define FAILURE_OURS 125
/* Who leaves takes a moment, unless a child of his still uses his memory. */
#define LONGEST_WAIT_NS UINT64_C(3000000000)

struct client {
	struct loop_source source;
	struct server *server;
	struct threadproc *threadproc;
	struct request *request;     /* while its descriptors come in */
	struct debug_session *debug; /* NULL: no debugger */
	struct caller caller;
	bool told_stopped;
	bool waits;          /* the request is complete, and to be tried again */
	uint64_t waits_from; /* CLOCK_MONOTONIC, 0: never had to */
	struct client *next;
	struct client *prev;
};

static void resume_accepting(struct server *server)
{
	struct err err;

	if (server->accept_paused && !loop_add(&server->loop, &server->listener, EPOLLIN, &err))
		server->accept_paused = false;
}

static void close_client(struct client *client)
{
	struct server *server = client->server;

	if (client->threadproc)
		threadproc_abandon(client->threadproc);
	if (client->debug)
		debug_close(client->debug);
	if (client->request) {
		request_deinit(client->request);
		free(client->request);
	}
	server->waiting -= client->waits;
	loop_remove(&server->loop, &client->source);
	close(client->source.fd);
	caller_deinit(&client->caller);
	DL_DELETE(server->clients, client);
	server->client_count--;
	free(client);
	resume_accepting(server);
	server_check_idle(server);
}

/* A client that does not take its few messages is as good as gone. */
static bool tell(struct client *client, enum wire_type type, union packet_body *body,
                 const int *fds, unsigned count)
{
	struct err err;

	return packet_send(client->source.fd, type, body, fds, count, &err) == PACKET_OK;
}

void client_started(struct client *client, uint32_t id, pid_t pid, int pidfd, int32_t pgid)
{
	union packet_body body = {.started = {.id = id, .pid = pid, .pgid = pgid}};

	if (!tell(client, WIRE_STARTED, &body, &pidfd, 1))
		close_client(client);
}

/*
 * Who was told of a stop has stopped himself, and hears of nothing.  Shells wake both, by
 * their group; this is for a program that was continued, or killed, alone.
 */
static void wake(struct client *client)
{
	if (client->told_stopped)
		kill(client->caller.pid, SIGCONT);
	client->told_stopped = false;
}

void client_changed(struct client *client, int code, int status)
{
	union packet_body body = {.status = {.code = code, .status = status}};

	if (!tell(client, WIRE_CHANGED, &body, NULL, 0)) {
		close_client(client);
		return;
	}
	if (code == CLD_CONTINUED)
		wake(client);
	else
		client->told_stopped = true;
}

void client_death_signal(struct client *client, uint32_t signo)
{
	union packet_body body = {.death_signal = {.signo = signo}};

	tell(client, WIRE_DEATH_SIGNAL, &body, NULL, 0);
}

void client_leave(struct client *client)
{
	union packet_body body = {0};

	tell(client, WIRE_LEAVING, &body, NULL, 0);
}

void client_crashed(struct client *client, uint32_t id, pid_t tid, int sig)
{
	union packet_body body = {.crashed = {.id = id, .tid = tid, .sig = sig}};

	if (!tell(client, WIRE_CRASHED, &body, NULL, 0))
		close_client(client);
}

void client_exited(struct client *client, int code, int status)
{
	union packet_body body = {.status = {.code = code, .status = status}};

	client->threadproc = NULL;
	tell(client, WIRE_EXITED, &body, NULL, 0);
	wake(client);
	close_client(client);
}

void client_failed(struct client *client, int kind, int os_errno, const char *reason)
{
	union packet_body body = {.failed = {.kind = kind, .os_errno = os_errno}};

	client->threadproc = NULL;
	snprintf(body.failed.reason, sizeof(body.failed.reason), "%s", reason);
	tell(client, WIRE_FAILED, &body, NULL, 0);
	close_client(client);
}

void client_shown(struct client *client, uint32_t id, int error, pid_t holder)
{
	union packet_body body = {
		.shown = {.id = id, .error = error, .holder = (int32_t)holder},
	};

	/* Its end, should it be gone, comes through the loop. */
	tell(client, WIRE_SHOWN, &body, NULL, 0);
}

void client_event(struct client *client, const struct wire_event *event)
{
	union packet_body body = {.event = *event};

	tell(client, WIRE_EVENT, &body, NULL, 0);
}

void client_set_threadproc(struct client *client, struct threadproc *tp)
{
	client->threadproc = tp;
}

const struct caller *client_caller(const struct client *client)
{
	return &client->caller;
}

/* ---- requests ------------------------------------------------------------------------------ */

static void launch_when_complete(struct client *client)
{
	struct request *request = client->request;

	if (!request_complete(request))
		return;
	client->request = NULL;
	threadproc_launch(client->server, client, request);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool client_may_wait(const struct client *client)
{
	return !client->waits_from || now_ns() - client->waits_from < LONGEST_WAIT_NS;
}

void client_wait(struct client *client, struct request *request)
{
	if (!client->waits_from)
		client->waits_from = now_ns();
	client->request = request;
	client->waits = true;
	client->server->waiting++;
}

void client_retry(struct server *server)
{
	struct client *client;
	struct client *next;

	DL_FOREACH_SAFE(server->clients, client, next)
	{
		if (!client->waits)
			continue;
		client->waits = false;
		server->waiting--;
		launch_when_complete(client);
	}
}

static int on_launch(struct client *client, struct packet *packet, struct err *err)
{
	struct request *request;

	if (client->request || client->threadproc || client->debug)
		return err_set(err, ERR_PROTOCOL, "a second launch on one connection");
	request = calloc(1, sizeof(*request));
	if (!request)
		return err_os(err, ENOMEM, "no memory for a launch");
	if (request_init(request, packet, err)) {
		free(request);
		return -1;
	}
	client->request = request;
	launch_when_complete(client);
	return 0;
}

static int on_fds(struct client *client, struct packet *packet, struct err *err)
{
	if (!client->request || client->waits)
		return err_set(err, ERR_PROTOCOL, "descriptors without a launch");
	if (request_add_fds(client->request, packet, err))
		return -1;
	launch_when_complete(client);
	return 0;
}

static int on_debug(struct client *client, const struct wire_debug *debug, struct err *err)
{
	if (client->request || client->threadproc || client->debug)
		return err_set(err, ERR_PROTOCOL, "a debugger's connection is for that alone");
	if ((debug->flags & ~(uint32_t)WIRE_WANTS_EVENTS) || debug->pad)
		return err_set(err, ERR_PROTOCOL, "flags 0x%x of a debugger", debug->flags);
	client->debug = debug_open(client->server, client, debug->flags);
	if (!client->debug)
		return err_os(err, ENOMEM, "no memory for a debugger");
	client_shown(client, 0, client->server->debug.can_show ? 0 : EOPNOTSUPP, 0);
	return 0;
}

static int on_show(struct client *client, const struct wire_show *show, struct err *err)
{
	if (!client->debug)
		return err_set(err, ERR_PROTOCOL, "not a debugger's connection");
	if (show->pad)
		return err_set(err, ERR_PROTOCOL, "padding that is not zero");
	switch (show->h.type) {
	case WIRE_SHOW:
		return debug_show(client->debug, show->id, err);
	case WIRE_HOLD:
		client_shown(client, show->id, debug_hold(client->debug, show->id), 0);
		return 0;
	case WIRE_UNHOLD:
		client_shown(client, show->id, debug_unhold(client->debug, show->id), 0);
		return 0;
	default:
		debug_release(client->debug, show->id);
		return 0;
	}
}

static void pong(struct client *client)
{
	const struct server *server = client->server;
	union packet_body body = {
		.pong =
			{
				.server_pid = getpid(),
				.agent_pid = server->agent.alive ? server->agent.pid : 0,
				.live = server->registry.map->live,
			},
	};

	if (!tell(client, WIRE_PONG, &body, NULL, 0))
		close_client(client);
}

static int handle(struct client *client, struct packet *packet, struct err *err)
{
	struct server *server = client->server;

	switch (packet->body.h.type) {
	case WIRE_LAUNCH:
		return on_launch(client, packet, err);
	case WIRE_FDS:
		return on_fds(client, packet, err);
	case WIRE_DEBUG:
		return on_debug(client, &packet->body.debug, err);
	case WIRE_SHOW:
	case WIRE_RELEASE:
	case WIRE_HOLD:
	case WIRE_UNHOLD:
		return on_show(client, &packet->body.show, err);
	case WIRE_LET_DIE:
		if (!client->threadproc)
			return err_set(err, ERR_PROTOCOL,
			               "nothing was launched by this connection");
		crash_release(client->threadproc);
		return 0;
	case WIRE_THAW:
		crash_thaw(server);
		pong(client);
		return 0;
	case WIRE_PING:
		pong(client);
		return 0;
	case WIRE_SHUTDOWN:
		pong(client);
		server_shutdown(server);
		return 0;
	default:
		return err_set(err, ERR_PROTOCOL, "a message that clients do not send");
	}
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct client *client = (struct client *)source;
	struct packet packet;
	struct err err = {0};
	int result;

	(void)events;
	switch (packet_recv(source->fd, PACKET_FROM_CLIENT, &packet, &err)) {
	case PACKET_AGAIN:
		return;
	case PACKET_EOF:
		close_client(client);
		return;
	case PACKET_ERROR:
		break;
	case PACKET_OK:
		result = handle(client, &packet, &err);
		packet_deinit(&packet);
		if (!result)
			return;
		break;
	}
	/* With a threadproc behind it, that is abandoned as by any other end of the connection. */
	if (client->threadproc)
		threadproc_abandon(client->threadproc);
	client_failed(client, FAILURE_OURS, err.os_errno, err.text);
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Takes fd and what the caller owns. */
static void take(struct server *server, int fd, struct caller *caller)
{
	struct client *client = calloc(1, sizeof(*client));
	struct err err;

	if (!client) {
		caller_deinit(caller);
		close(fd);
		return;
	}
	client->source = (struct loop_source){.fd = fd, .ready = on_ready};
	client->server = server;
	client->caller = *caller;
	if (loop_add(&server->loop, &client->source, EPOLLIN, &err)) {
		log_error("%s", err.text);
		caller_deinit(caller);
		close(fd);
		free(client);
		return;
	}
	DL_APPEND(server->clients, client);
	server->client_count++;
	loop_disarm(&server->loop, &server->idle_timer);
}

static void refuse(int fd, const struct err *why)
{
	union packet_body body = {.failed = {.kind = FAILURE_OURS, .os_errno = EPERM}};
	struct err err;

	snprintf(body.failed.reason, sizeof(body.failed.reason), "%s", why->text);
	packet_send(fd, WIRE_FAILED, &body, NULL, 0, &err);
	close(fd);
}

static void on_connect(struct loop_source *source, uint32_t events)
{
	struct server *server = server_of(source, listener);
	struct caller caller;
	struct err err;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* Nobody is turned away: they wait in the backlog until a descriptor is free. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_error("cannot accept a client: %s", strerror(errno));
			loop_remove(&server->loop, source);
			server->accept_paused = true;
		}
		return;
	}
	if (caller_init(&caller, fd, &err))
		refuse(fd, &err);
	else
		take(server, fd, &caller);
}

int client_listen(struct server *server, int fd, struct err *err)
{
	server->listener = (struct loop_source){.fd = fd, .ready = on_connect};
	return loop_add(&server->loop, &server->listener, EPOLLIN, err);
}
