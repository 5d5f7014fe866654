#include "loader/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel lets one message carry (include/net/scm.h); packets stay below it. */
#define KERNEL_MAX_FDS 253

/* The form of every message: who sends it, how long it is, what comes with it. */
static const struct packet_form {
	enum packet_side side;
	unsigned length;
	unsigned min_fds;
	unsigned max_fds;
	unsigned max_extra; /* bytes that may follow, in place of the first descriptor */
} forms[] = {
	[WIRE_LAUNCH] = {PACKET_FROM_CLIENT, sizeof(struct wire_launch), 2, 2 + WIRE_FIRST_FDS,
                         WIRE_INLINE_STRINGS},
	[WIRE_FDS] = {PACKET_FROM_CLIENT, sizeof(struct wire_fds), 1, WIRE_FDS_PER_PACKET},
	[WIRE_STARTED] = {PACKET_FROM_SERVER, sizeof(struct wire_started), 1, 1},
	[WIRE_CHANGED] = {PACKET_FROM_SERVER, sizeof(struct wire_status), 0, 0},
	[WIRE_EXITED] = {PACKET_FROM_SERVER, sizeof(struct wire_status), 0, 0},
	[WIRE_FAILED] = {PACKET_FROM_SERVER, sizeof(struct wire_failed), 0, 0},
	[WIRE_PING] = {PACKET_FROM_CLIENT, sizeof(struct wire_header), 0, 0},
	[WIRE_PONG] = {PACKET_FROM_SERVER, sizeof(struct wire_pong), 0, 0},
	[WIRE_SHUTDOWN] = {PACKET_FROM_CLIENT, sizeof(struct wire_header), 0, 0},
	[WIRE_DEBUG] = {PACKET_FROM_CLIENT, sizeof(struct wire_debug), 0, 0},
	[WIRE_SHOW] = {PACKET_FROM_CLIENT, sizeof(struct wire_show), 0, 0},
	[WIRE_SHOWN] = {PACKET_FROM_SERVER, sizeof(struct wire_shown), 0, 0},
	[WIRE_RELEASE] = {PACKET_FROM_CLIENT, sizeof(struct wire_show), 0, 0},
	[WIRE_CRASHED] = {PACKET_FROM_SERVER, sizeof(struct wire_crashed), 0, 0},
	[WIRE_LET_DIE] = {PACKET_FROM_CLIENT, sizeof(struct wire_header), 0, 0},
	[WIRE_THAW] = {PACKET_FROM_CLIENT, sizeof(struct wire_header), 0, 0},
	[WIRE_EVENT] = {PACKET_FROM_SERVER, sizeof(struct wire_event), 0, 0},
	[WIRE_DEATH_SIGNAL] = {PACKET_FROM_SERVER, sizeof(struct wire_death_signal), 0, 0},
	[WIRE_LEAVING] = {PACKET_FROM_SERVER, sizeof(struct wire_header), 0, 0},
	[WIRE_HOLD] = {PACKET_FROM_CLIENT, sizeof(struct wire_show), 0, 0},
	[WIRE_UNHOLD] = {PACKET_FROM_CLIENT, sizeof(struct wire_show), 0, 0},
};

static const struct packet_form *form_of(unsigned type)
{
	if (type >= sizeof(forms) / sizeof(forms[0]) || !forms[type].length)
		return NULL;
	return &forms[type];
}

static bool fds_allowed(const struct packet_form *form, unsigned extra, unsigned fds)
{
	unsigned instead = extra ? 1 : 0;

	return fds + instead >= form->min_fds && fds + instead <= form->max_fds;
}

unsigned packet_length(enum wire_type type)
{
	const struct packet_form *form = form_of(type);

	return form ? form->length : 0;
}

void packet_deinit(struct packet *packet)
{
	while (packet->fd_count)
		close(packet->fds[--packet->fd_count]);
}

/*
 * Collects the descriptors of one message.  Those beyond what a packet may hold are
 * closed at once; the return value counts them too.
 */
static unsigned collect_fds(struct msghdr *msg, struct packet *packet)
{
	unsigned total = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (unsigned i = 0; i < count; i++, total++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (packet->fd_count < WIRE_FDS_PER_PACKET)
				packet->fds[packet->fd_count++] = fd;
			else
				close(fd);
		}
	}
	return total;
}

static int check_form(const struct wire_header *h, size_t got, enum packet_side from,
                      unsigned fd_count, struct err *err)
{
	const struct packet_form *form;

	if (got < sizeof(*h))
		return err_set(err, ERR_PROTOCOL, "a packet of %zu bytes has no header", got);
	if (h->magic != WIRE_MAGIC)
		return err_set(err, ERR_PROTOCOL, "not a packet of this protocol (magic 0x%08x)",
		               h->magic);
	if (h->version != WIRE_VERSION)
		return err_set(err, ERR_PROTOCOL,
		               "protocol version %u, this side speaks version %u", h->version,
		               WIRE_VERSION);
	form = form_of(h->type);
	if (!form || form->side != from)
		return err_set(err, ERR_PROTOCOL, "message type %u is not one that a %s sends",
		               h->type, from == PACKET_FROM_CLIENT ? "client" : "server");
	if (got < form->length || got - form->length > form->max_extra || h->length != got)
		return err_set(err, ERR_PROTOCOL,
		               "message type %u has %zu bytes and claims %u, it should have %u",
		               h->type, got, h->length, form->length);
	if (fd_count != h->fds)
		return err_set(err, ERR_PROTOCOL,
		               "message type %u came with %u descriptors and claims %u", h->type,
		               fd_count, h->fds);
	if (!fds_allowed(form, (unsigned)got - form->length, fd_count))
		return err_set(err, ERR_PROTOCOL,
		               "message type %u came with %u descriptors, %u to %u are allowed",
		               h->type, fd_count, form->min_fds, form->max_fds);
	return 0;
}

static int check_flags(int flags, struct err *err)
{
	if (flags & MSG_CTRUNC)
		return err_set(err, ERR_PROTOCOL,
		               "descriptors were lost: more than can be open at once");
	if (flags & MSG_TRUNC)
		return err_set(err, ERR_PROTOCOL, "a packet is longer than any message");
	return 0;
}

/*
 * A peer that closes with something of ours unread leaves ECONNRESET before what it
 * had sent.  The kernel reports that once; what was sent can be read after it.
 */
static ssize_t receive(int sock, struct msghdr *msg)
{
	ssize_t got;

	do
		got = recvmsg(sock, msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	return got;
}

enum packet_result packet_recv(int sock, enum packet_side from, struct packet *packet,
                               struct err *err)
{
	/* Room for all that the kernel may deliver: what has no room is lost unseen. */
	union {
		char bytes[CMSG_SPACE(KERNEL_MAX_FDS * sizeof(int)) +
		           CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {packet->bytes, sizeof(packet->bytes)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	unsigned fd_count;
	ssize_t got;

	packet->fd_count = 0;
	got = receive(sock, &msg);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return PACKET_AGAIN;
	if (got < 0)
		return err_os(err, errno, "cannot receive a packet");
	fd_count = collect_fds(&msg, packet);
	/* An empty packet looks like the end; a peer that sends one gets what it asked for. */
	if (got == 0) {
		packet_deinit(packet);
		return PACKET_EOF;
	}
	if (check_flags(msg.msg_flags, err) ||
	    check_form(&packet->body.h, (size_t)got, from, fd_count, err)) {
		packet_deinit(packet);
		return PACKET_ERROR;
	}
	packet->extra = packet->bytes + packet_length(packet->body.h.type);
	packet->extra_length = (unsigned)got - packet_length(packet->body.h.type);
	return PACKET_OK;
}

static void attach_fds(struct msghdr *msg, const int *fds, unsigned fd_count)
{
	struct cmsghdr *c;

	msg->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
}

enum packet_result packet_send(int sock, enum wire_type type, union packet_body *body,
                               const int *fds, unsigned fd_count, struct err *err)
{
	return packet_send_more(sock, type, body, NULL, 0, fds, fd_count, err);
}

enum packet_result packet_send_more(int sock, enum wire_type type, union packet_body *body,
                                    const void *extra, unsigned extra_length, const int *fds,
                                    unsigned fd_count, struct err *err)
{
	union {
		char bytes[CMSG_SPACE(WIRE_FDS_PER_PACKET * sizeof(int))];
		struct cmsghdr align;
	} control;
	const struct packet_form *form = form_of(type);
	struct iovec iov[] = {{body, form ? form->length : 0}, {(void *)extra, extra_length}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = extra_length ? 2 : 1};
	ssize_t sent;

	if (!form || extra_length > form->max_extra || !fds_allowed(form, extra_length, fd_count))
		return err_set(err, ERR_INVALID,
		               "no message of type %u goes with %u descriptors and %u bytes", type,
		               fd_count, extra_length);
	body->h = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = (uint16_t)type,
		.length = form->length + extra_length,
		.fds = fd_count,
	};
	if (fd_count) {
		/* Padding between the last descriptor and the end is read by the kernel. */
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		attach_fds(&msg, fds, fd_count);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return PACKET_OK;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return PACKET_AGAIN;
	if (errno == EPIPE || errno == ECONNRESET)
		return PACKET_EOF;
	return err_os(err, errno, "cannot send a packet");
}
