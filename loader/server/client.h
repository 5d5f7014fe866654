/*
 * client.h - connections: what clients ask, and what they are told.
 */
#ifndef TPROC_SERVER_CLIENT_H
#define TPROC_SERVER_CLIENT_H

#include "loader/server/caller.h"
#include "loader/server/server.h"
#include "loader/wire.h"

/* Accepts on the listening socket `fd`. */
int client_listen(struct server *server, int fd, struct err *err);

/*
 * A launch needs addresses of somebody who is just leaving: it is tried again when some become free,
 * and for so long as client_may_wait says.
 */
bool client_may_wait(const struct client *client);
void client_wait(struct client *client, struct request *request);
void client_retry(struct server *server);

/* What the threadproc of this client does.  The last two end the connection. */
void client_started(struct client *client, uint32_t id, pid_t pid, int pidfd, int32_t pgid);
void client_changed(struct client *client, int code, int status);
void client_crashed(struct client *client, uint32_t id, pid_t tid, int sig);
void client_exited(struct client *client, int code, int status);
void client_failed(struct client *client, int kind, int os_errno, const char *reason);

/* The signal that the program wants when its parent dies. */
void client_death_signal(struct client *client, uint32_t signo);

/* This server ends, for one that suits the client better. */
void client_leave(struct client *client);

/* What a debugger is told (debug.h). */
void client_shown(struct client *client, uint32_t id, int error, pid_t holder);
void client_event(struct client *client, const struct wire_event *event);

/* A launch took the client over, or left it (NULL). */
void client_set_threadproc(struct client *client, struct threadproc *tp);

/* tprun, as the socket knows it. */
const struct caller *client_caller(const struct client *client);

#endif
