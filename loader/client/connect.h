/*
 * connect.h - a connection to the server of a space.
 */
#ifndef TPROC_CLIENT_CONNECT_H
#define TPROC_CLIENT_CONNECT_H

#include "lib/base/err.h"

#include <stdbool.h>

/*
 * Connects to the server of the space; with start, starts one where there is none.
 * *ret_sock (blocking, close-on-exec) is the caller's.  ERR_NO_SPACE when there is no server,
 * or none could be started.
 */
int client_connect(const char *space, bool start, int *ret_sock, struct err *err);

#endif
