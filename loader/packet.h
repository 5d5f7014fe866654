/*
 * packet.h - one message of loader/wire.h over a socket, with its descriptors.
 *
 * Knows the form of every message (length, how many descriptors) and nothing of what
 * they mean.  Both ends use it.
 */
#ifndef TPROC_PACKET_H
#define TPROC_PACKET_H

#include "lib/base/err.h"
#include "loader/wire.h"

union packet_body {
	struct wire_header h;
	struct wire_launch launch;
	struct wire_fds fds;
	struct wire_started started;
	struct wire_status status;
	struct wire_failed failed;
	struct wire_crashed crashed;
	struct wire_pong pong;
	struct wire_debug debug;
	struct wire_show show;
	struct wire_shown shown;
	struct wire_event event;
	struct wire_death_signal death_signal;
};

struct packet {
	union {
		union packet_body body;
		char bytes[sizeof(union packet_body) + WIRE_INLINE_STRINGS];
	};
	const char *extra; /* what follows the body, raw */
	unsigned extra_length;
	int fds[WIRE_FDS_PER_PACKET];
	unsigned fd_count; /* those still owned by the packet */
};

enum packet_result {
	PACKET_ERROR = -1, /* err is filled; ERR_PROTOCOL when the peer is at fault */
	PACKET_EOF = 0,
	PACKET_OK = 1,
	PACKET_AGAIN = 2, /* non-blocking socket, nothing there */
};

enum packet_side { PACKET_FROM_CLIENT, PACKET_FROM_SERVER };

/*
 * Receives one packet that `from` may send.  Descriptors arrive close-on-exec.  On
 * anything but PACKET_OK no descriptor is left open.  A packet that is too short or too
 * long, of another version, of a type that this side may not send, or with another number
 * of descriptors than it says or its type allows is a PACKET_ERROR.
 */
enum packet_result packet_recv(int sock, enum packet_side from, struct packet *packet,
                               struct err *err);

/* Closes what the packet still owns. */
void packet_deinit(struct packet *packet);

/*
 * Fills in body->h for type and sends it with fds (which stay the caller's).  Never raises
 * SIGPIPE.  Returns PACKET_OK, PACKET_AGAIN when a non-blocking socket is full, PACKET_EOF when the
 * peer is gone, or PACKET_ERROR.
 */
enum packet_result packet_send(int sock, enum wire_type type, union packet_body *body,
                               const int *fds, unsigned fd_count, struct err *err);

/* The same, with bytes that follow the body. */
enum packet_result packet_send_more(int sock, enum wire_type type, union packet_body *body,
                                    const void *extra, unsigned extra_length, const int *fds,
                                    unsigned fd_count, struct err *err);

/* Length of a packet of that type, header included, without what may follow; 0 for no such type. */
unsigned packet_length(enum wire_type type);

#endif
