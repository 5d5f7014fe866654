#include "loader/server/stop.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"
#include "loader/packet.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_to(const char *space, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (space_dir_open(space, 0, &dir, err))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_os(err, errno, "socket");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/socket", dir);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return err_set(err, ERR_NO_SPACE, "no such space: %s", space);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int stop_space(const char *space, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	union packet_body body = { 0 };
	struct packet packet;

	if (connect_to(space, &fd, err))
		return -1;
	if (packet_send(fd, WIRE_SHUTDOWN, &body, NULL, 0, err) == PACKET_ERROR)
		return -1;
	/* The answer, then the end of the connection, which is that of the server. */
	while (packet_recv(fd, PACKET_FROM_SERVER, &packet, err) == PACKET_OK)
		packet_deinit(&packet);
	return 0;
}

int thaw_space(const char *space, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	union packet_body body = { 0 };
	struct packet packet;

	if (connect_to(space, &fd, err))
		return -1;
	if (packet_send(fd, WIRE_THAW, &body, NULL, 0, err) == PACKET_ERROR)
		return -1;
	switch (packet_recv(fd, PACKET_FROM_SERVER, &packet, err)) {
	case PACKET_OK:
		packet_deinit(&packet);
		return 0;
	case PACKET_ERROR:
		return -1;
	default:
		return err_set(err, ERR_NO_SPACE, "the space %s has just ended", space);
	}
}
