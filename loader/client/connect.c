#include "loader/client/connect.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"
#include "loader/client/start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * A server that says "already there" may speak of one that does not listen yet, or of one
 * that is about to end.  Starting another then asks again; so often at most.
 */
#define START_ATTEMPTS 100

/*
 * The socket's own path where it fits.  A runtime directory may be longer than sun_path; then
 * the path leads through the directory's descriptor, which costs a look into /proc.
 */
static int socket_path(const char *space, int dir_fd, struct sockaddr_un *addr, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (space_dir_path(space, "socket", &path, err))
		return -1;
	addr->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(addr->sun_path))
		strcpy(addr->sun_path, path);
	else
		snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/socket", dir_fd);
	return 0;
}

/* Returns 0 or an errno value. */
static int connect_to(const struct sockaddr_un *addr, int sock)
{
	while (connect(sock, (const struct sockaddr *)addr, sizeof(*addr))) {
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

static bool nobody_there(int error)
{
	return error == ENOENT || error == ECONNREFUSED;
}

int client_connect(const char *space, bool start, int *ret_sock, struct err *err)
{
	AUTO_CLOSE int dir_fd = -1;
	AUTO_CLOSE int sock = -1;
	struct sockaddr_un addr = {0};
	int error;

	/* mostly it is there already, and nothing has to be made */
	if (space_dir_open(space, 0, &dir_fd, err) &&
	    (err->code != ERR_NO_SPACE || !start || space_dir_open(space, 1, &dir_fd, err)))
		return -1;
	if (socket_path(space, dir_fd, &addr, err))
		return -1;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_os(err, errno, "cannot make a socket");
	error = connect_to(&addr, sock);
	for (int i = 0; start && nobody_there(error) && i < START_ATTEMPTS; i++) {
		if (start_server(space, dir_fd, err))
			return err_prefix(err, "cannot start the server of space %s", space);
		error = connect_to(&addr, sock);
	}
	if (nobody_there(error))
		return err_set(err, ERR_NO_SPACE,
		               start ? "the server of space %s does not answer"
		                     : "space %s has no server",
		               space);
	if (error)
		return err_os(err, error, "cannot connect to the server of space %s", space);
	*ret_sock = TAKE_FD(sock);
	return 0;
}
