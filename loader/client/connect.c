#include "loader/client/connect.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"

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

static int make_socket(int *ret_sock, struct err *err)
{
	*ret_sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return *ret_sock < 0 ? err_os(err, errno, "cannot make a socket") : 0;
}

static bool nobody_there(int error)
{
	return error == ENOENT || error == ECONNREFUSED;
}

int client_place_open(const char *space, bool create, struct client_place *ret_place,
                      struct err *err)
{
	struct client_place place = {.dir_fd = -1};

	/* mostly it is there already, and nothing has to be made */
	if (space_dir_open(space, 0, &place.dir_fd, err) &&
	    (err->code != ERR_NO_SPACE || !create || space_dir_open(space, 1, &place.dir_fd, err)))
		return -1;
	if (socket_path(space, place.dir_fd, &place.addr, err)) {
		client_place_close(&place);
		return -1;
	}
	*ret_place = place;
	return 0;
}

void client_place_close(struct client_place *place)
{
	cleanup_close(&place->dir_fd);
}

int client_connect_at(const struct client_place *place, int *ret_sock, struct err *err)
{
	AUTO_CLOSE int sock = -1;
	int error;

	if (make_socket(&sock, err))
		return -1;
	error = connect_to(&place->addr, sock);
	if (nobody_there(error))
		return err_set(err, ERR_NO_SPACE, "the space has no server");
	if (error)
		return err_os(err, error, "cannot connect to the server of the space");
	*ret_sock = TAKE_FD(sock);
	return 0;
}

static int connect_or_start(const char *space, const struct client_place *place,
                            const struct server_wanted *start, int *ret_sock, struct err *err)
{
	AUTO_CLOSE int sock = -1;
	int error;

	if (make_socket(&sock, err))
		return -1;
	error = connect_to(&place->addr, sock);
	for (int i = 0; start && nobody_there(error) && i < START_ATTEMPTS; i++) {
		if (start_server(space, start, place->dir_fd, err))
			return err_prefix(err, "cannot start the server of space %s", space);
		error = connect_to(&place->addr, sock);
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

int client_connect(const char *space, const struct server_wanted *start, int *ret_sock,
                   struct err *err)
{
	struct client_place place;
	int result;

	if (client_place_open(space, start, &place, err))
		return -1;
	result = connect_or_start(space, &place, start, ret_sock, err);
	client_place_close(&place);
	return result;
}
