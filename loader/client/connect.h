/*
 * connect.h - a connection to the server of a space.
 */
#ifndef TPROC_CLIENT_CONNECT_H
#define TPROC_CLIENT_CONNECT_H

#include "lib/base/err.h"

#include "loader/client/start.h"

#include <stdbool.h>
#include <sys/un.h>

/*
 * Connects to the server of the space; starts one where there is none, unless start is NULL.
 * *ret_sock (blocking, close-on-exec) is the caller's.  ERR_NO_SPACE when there is no server,
 * or none could be started.
 */
int client_connect(const char *space, const struct server_wanted *start, int *ret_sock,
                   struct err *err);

/* Where the server of a space listens, for those that connect often. */
struct client_place {
	int dir_fd;
	struct sockaddr_un addr;
};

/*
 * Finds and checks the space's directory; with create, makes it.  ERR_NO_SPACE when there is
 * none, ERR_DENIED when it is not the user's own.
 */
int client_place_open(const char *space, bool create, struct client_place *ret_place,
                      struct err *err);
void client_place_close(struct client_place *place);

/* As client_connect, without a start. */
int client_connect_at(const struct client_place *place, int *ret_sock, struct err *err);

#endif
