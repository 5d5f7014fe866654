/* The form of packets: what is taken, what is refused, and that no descriptor stays open. */
#include "loader/packet.h"
#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int ours;
	int theirs;
	int before; /* descriptors open when the test began */
};

static int setup(void **state)
{
	static struct pair pair;
	int sv[2];

	pair.before = fd_count();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -1;
	pair.ours = sv[0];
	pair.theirs = sv[1];
	*state = &pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	close(pair->ours);
	if (pair->theirs >= 0)
		close(pair->theirs);
	return fd_count() == pair->before ? 0 : -1;
}

/* Sends bytes as they are, with the same descriptor fd_total times. */
static void send_raw(int sock, const void *bytes, size_t length, unsigned fd_total)
{
	union {
		char bytes[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)bytes, length};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_total) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_total * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_total * sizeof(int));
		for (unsigned i = 0; i < fd_total; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &sock, sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), (ssize_t)length);
}

static struct wire_header header(unsigned type, uint32_t length, uint32_t fds)
{
	return (struct wire_header){WIRE_MAGIC, WIRE_VERSION, (uint16_t)type, length, fds};
}

static void assert_refused(struct pair *pair, enum packet_side from, const char *why)
{
	int before = fd_count();
	struct packet packet;
	struct err err = {0};

	assert_int_equal(packet_recv(pair->ours, from, &packet, &err), PACKET_ERROR);
	assert_int_equal(err.code, ERR_PROTOCOL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_int_equal(packet.fd_count, 0);
	assert_int_equal(fd_count(), before);
}

static void ping_arrives(void **state)
{
	struct pair *pair = *state;
	union packet_body body;
	struct packet packet;
	struct err err;

	assert_int_equal(packet_send(pair->theirs, WIRE_PING, &body, NULL, 0, &err), PACKET_OK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_OK);
	assert_int_equal(packet.body.h.type, WIRE_PING);
	assert_int_equal(packet.fd_count, 0);
}

static void body_and_descriptors_arrive(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {.started = {.id = 7, .pid = 42, .pgid = 43}};
	struct packet packet;
	struct err err;
	int before = fd_count();

	assert_int_equal(packet_send(pair->theirs, WIRE_STARTED, &body, &pair->theirs, 1, &err),
	                 PACKET_OK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_SERVER, &packet, &err), PACKET_OK);
	assert_int_equal(packet.body.started.id, 7);
	assert_int_equal(packet.body.started.pgid, 43);
	assert_int_equal(packet.fd_count, 1);
	assert_true(fcntl(packet.fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_count(), before + 1);
	packet_deinit(&packet);
	assert_int_equal(fd_count(), before);
	packet_deinit(&packet);
}

/* Strings behind a launch stand for the memfd that would have them. */
static void bytes_that_follow_arrive(void **state)
{
	static char strings[WIRE_INLINE_STRINGS + 1];
	struct pair *pair = *state;
	union packet_body body = {.launch = {.argc = 3}};
	struct packet packet;
	struct err err;

	memset(strings, 'x', sizeof(strings));
	assert_int_equal(packet_send_more(pair->theirs, WIRE_LAUNCH, &body, strings,
	                                  WIRE_INLINE_STRINGS, &pair->theirs, 1, &err),
	                 PACKET_OK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_OK);
	assert_int_equal(packet.body.launch.argc, 3);
	assert_int_equal(packet.extra_length, WIRE_INLINE_STRINGS);
	assert_memory_equal(packet.extra, strings, WIRE_INLINE_STRINGS);
	assert_int_equal(packet.fd_count, 1);
	packet_deinit(&packet);

	assert_int_equal(packet_send_more(pair->theirs, WIRE_LAUNCH, &body, strings,
	                                  sizeof(strings), &pair->theirs, 1, &err),
	                 PACKET_ERROR);
	assert_int_equal(
		packet_send_more(pair->theirs, WIRE_LAUNCH, &body, strings, 1, NULL, 0, &err),
		PACKET_ERROR);
	assert_int_equal(
		packet_send_more(pair->theirs, WIRE_PING, &body, strings, 1, NULL, 0, &err),
		PACKET_ERROR);
}

static void bytes_that_follow_are_checked(void **state)
{
	struct pair *pair = *state;
	char bytes[sizeof(struct wire_launch) + WIRE_INLINE_STRINGS + 1] = {0};
	struct wire_header h = header(WIRE_LAUNCH, sizeof(bytes), 1);

	memcpy(bytes, &h, sizeof(h));
	send_raw(pair->theirs, bytes, sizeof(bytes), 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "it should have");
	h.length = sizeof(struct wire_launch) + 5;
	memcpy(bytes, &h, sizeof(h));
	send_raw(pair->theirs, bytes, sizeof(struct wire_launch) + 4, 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "it should have");
	h.fds = 0;
	memcpy(bytes, &h, sizeof(h));
	send_raw(pair->theirs, bytes, h.length, 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "2 to 34 are allowed");
}

static void most_descriptors_arrive(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {.fds = {.count = WIRE_FDS_PER_PACKET}};
	int fds[WIRE_FDS_PER_PACKET];
	struct packet packet;
	struct err err;

	for (int i = 0; i < WIRE_FDS_PER_PACKET; i++)
		fds[i] = pair->theirs;
	assert_int_equal(packet_send(pair->theirs, WIRE_FDS, &body, fds, WIRE_FDS_PER_PACKET, &err),
	                 PACKET_OK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_OK);
	assert_int_equal(packet.fd_count, WIRE_FDS_PER_PACKET);
	packet_deinit(&packet);
}

static void every_type_has_its_length(void **state)
{
	(void)state;
	assert_int_equal(packet_length(WIRE_LAUNCH), sizeof(struct wire_launch));
	assert_int_equal(packet_length(WIRE_FDS), sizeof(struct wire_fds));
	assert_int_equal(packet_length(WIRE_STARTED), sizeof(struct wire_started));
	assert_int_equal(packet_length(WIRE_CHANGED), sizeof(struct wire_status));
	assert_int_equal(packet_length(WIRE_EXITED), sizeof(struct wire_status));
	assert_int_equal(packet_length(WIRE_FAILED), sizeof(struct wire_failed));
	assert_int_equal(packet_length(WIRE_PING), sizeof(struct wire_header));
	assert_int_equal(packet_length(WIRE_PONG), sizeof(struct wire_pong));
	assert_int_equal(packet_length(WIRE_SHUTDOWN), sizeof(struct wire_header));
	assert_int_equal(packet_length(WIRE_DEBUG), sizeof(struct wire_debug));
	assert_int_equal(packet_length(WIRE_SHOW), sizeof(struct wire_show));
	assert_int_equal(packet_length(WIRE_SHOWN), sizeof(struct wire_shown));
	assert_int_equal(packet_length(WIRE_RELEASE), sizeof(struct wire_show));
	assert_int_equal(packet_length(WIRE_EVENT), sizeof(struct wire_event));
	assert_int_equal(packet_length(0), 0);
	assert_int_equal(packet_length(WIRE_CRASHED), sizeof(struct wire_crashed));
	assert_int_equal(packet_length(WIRE_LET_DIE), sizeof(struct wire_header));
	assert_int_equal(packet_length(WIRE_THAW), sizeof(struct wire_header));
	assert_int_equal(packet_length(WIRE_DEATH_SIGNAL), sizeof(struct wire_death_signal));
	assert_int_equal(packet_length(WIRE_LEAVING), sizeof(struct wire_header));
	assert_int_equal(packet_length(WIRE_HOLD), sizeof(struct wire_show));
	assert_int_equal(packet_length(WIRE_UNHOLD), sizeof(struct wire_show));
	assert_int_equal(packet_length(WIRE_UNHOLD + 1), 0);
	assert_int_equal(packet_length(65535), 0);
}

static void every_short_length_is_refused(void **state)
{
	struct pair *pair = *state;
	struct wire_launch launch = {.h = header(WIRE_LAUNCH, sizeof(launch), 2)};

	for (size_t length = 1; length < sizeof(launch); length++) {
		send_raw(pair->theirs, &launch, length, 2);
		assert_refused(pair, PACKET_FROM_CLIENT, "bytes");
	}
}

static void long_packets_are_refused(void **state)
{
	struct pair *pair = *state;
	char bytes[sizeof(((struct packet *)NULL)->bytes) + 1] = {0};
	struct wire_header h = header(WIRE_PING, sizeof(h), 0);

	memcpy(bytes, &h, sizeof(h));
	send_raw(pair->theirs, bytes, sizeof(h) + 1, 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "17 bytes");
	send_raw(pair->theirs, bytes, sizeof(bytes), 3);
	assert_refused(pair, PACKET_FROM_CLIENT, "longer than any message");
}

static void claimed_length_must_be_right(void **state)
{
	struct pair *pair = *state;
	struct wire_header h = header(WIRE_PING, 17, 0);

	send_raw(pair->theirs, &h, sizeof(h), 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "claims 17");
}

static void garbage_is_refused(void **state)
{
	struct pair *pair = *state;
	char bytes[300];

	memset(bytes, 0xa5, sizeof(bytes));
	send_raw(pair->theirs, bytes, sizeof(bytes), 5);
	assert_refused(pair, PACKET_FROM_CLIENT, "magic");
	send_raw(pair->theirs, "x", 1, 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "no header");
}

static void other_versions_are_refused(void **state)
{
	struct pair *pair = *state;
	struct wire_header h = header(WIRE_PING, sizeof(h), 0);

	h.version = WIRE_VERSION + 1;
	send_raw(pair->theirs, &h, sizeof(h), 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "protocol version 2");
}

static void each_side_has_its_types(void **state)
{
	static const struct {
		enum wire_type type;
		unsigned fds;
		enum packet_side side;
	} types[] = {
		{WIRE_LAUNCH, 2, PACKET_FROM_CLIENT},   {WIRE_FDS, 1, PACKET_FROM_CLIENT},
		{WIRE_STARTED, 1, PACKET_FROM_SERVER},  {WIRE_CHANGED, 0, PACKET_FROM_SERVER},
		{WIRE_EXITED, 0, PACKET_FROM_SERVER},   {WIRE_FAILED, 0, PACKET_FROM_SERVER},
		{WIRE_PING, 0, PACKET_FROM_CLIENT},     {WIRE_PONG, 0, PACKET_FROM_SERVER},
		{WIRE_SHUTDOWN, 0, PACKET_FROM_CLIENT}, {WIRE_DEBUG, 0, PACKET_FROM_CLIENT},
		{WIRE_SHOW, 0, PACKET_FROM_CLIENT},     {WIRE_SHOWN, 0, PACKET_FROM_SERVER},
		{WIRE_RELEASE, 0, PACKET_FROM_CLIENT},  {WIRE_EVENT, 0, PACKET_FROM_SERVER},
	};
	struct pair *pair = *state;
	int fds[2] = {pair->theirs, pair->theirs};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		union packet_body body = {0};
		struct packet packet;
		struct err err;

		for (int times = 0; times < 2; times++)
			assert_int_equal(packet_send(pair->theirs, types[i].type, &body, fds,
			                             types[i].fds, &err),
			                 PACKET_OK);
		assert_int_equal(packet_recv(pair->ours, types[i].side, &packet, &err), PACKET_OK);
		packet_deinit(&packet);
		assert_refused(pair,
		               types[i].side == PACKET_FROM_CLIENT ? PACKET_FROM_SERVER
		                                                   : PACKET_FROM_CLIENT,
		               "is not one that");
	}
}

static void unknown_types_are_refused(void **state)
{
	static const unsigned types[] = {0, WIRE_EVENT + 1, 1000, 65535};
	struct pair *pair = *state;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct wire_header h = header(types[i], sizeof(h), 1);

		send_raw(pair->theirs, &h, sizeof(h), 1);
		assert_refused(pair, PACKET_FROM_CLIENT, "is not one that a client sends");
	}
}

static void descriptors_must_be_as_claimed(void **state)
{
	struct pair *pair = *state;
	struct wire_launch launch = {.h = header(WIRE_LAUNCH, sizeof(launch), 2)};
	struct wire_header ping = header(WIRE_PING, sizeof(ping), 0);

	for (unsigned fds = 0; fds < 5; fds++) {
		if (fds == 2)
			continue;
		send_raw(pair->theirs, &launch, sizeof(launch), fds);
		assert_refused(pair, PACKET_FROM_CLIENT, "claims 2");
	}
	send_raw(pair->theirs, &ping, sizeof(ping), 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "claims 0");
}

static void descriptors_must_be_as_allowed(void **state)
{
	struct pair *pair = *state;
	struct wire_launch launch = {.h = header(WIRE_LAUNCH, sizeof(launch), 1)};
	struct wire_header ping = header(WIRE_PING, sizeof(ping), 1);
	struct wire_fds fds = {.h = header(WIRE_FDS, sizeof(fds), 0)};

	send_raw(pair->theirs, &launch, sizeof(launch), 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "2 to 34 are allowed");
	launch.h.fds = 2 + WIRE_FIRST_FDS + 1;
	send_raw(pair->theirs, &launch, sizeof(launch), 2 + WIRE_FIRST_FDS + 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "2 to 34 are allowed");
	send_raw(pair->theirs, &ping, sizeof(ping), 1);
	assert_refused(pair, PACKET_FROM_CLIENT, "0 to 0 are allowed");
	send_raw(pair->theirs, &fds, sizeof(fds), 0);
	assert_refused(pair, PACKET_FROM_CLIENT, "1 to 250 are allowed");
	for (unsigned i = WIRE_FDS_PER_PACKET + 1; i <= 253; i++) {
		fds.h.fds = i;
		send_raw(pair->theirs, &fds, sizeof(fds), i);
		assert_refused(pair, PACKET_FROM_CLIENT, "1 to 250 are allowed");
	}
}

/* When the receiver may not open so many, the kernel delivers some and says MSG_CTRUNC. */
static void truncated_descriptors_are_refused(void **state)
{
	struct pair *pair = *state;
	struct wire_fds fds = {.h = header(WIRE_FDS, sizeof(fds), 100), .count = 100};
	struct rlimit was;
	struct rlimit few;
	struct packet packet;
	struct err err;
	int before = fd_count();
	enum packet_result result;

	send_raw(pair->theirs, &fds, sizeof(fds), 100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)pair->theirs + 10;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	result = packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(result, PACKET_ERROR);
	assert_int_equal(err.code, ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "descriptors were lost"));
	assert_int_equal(fd_count(), before);
}

static void end_is_seen(void **state)
{
	struct pair *pair = *state;
	struct packet packet;
	struct err err;

	close(pair->theirs);
	pair->theirs = -1;
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_EOF);
}

static void empty_packet_is_the_end_and_keeps_nothing(void **state)
{
	struct pair *pair = *state;
	struct packet packet;
	struct err err;
	int before = fd_count();

	send_raw(pair->theirs, "", 0, 2);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_EOF);
	assert_int_equal(fd_count(), before);
}

static void last_words_are_read_after_a_reset(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {0};
	struct packet packet;
	struct err err;

	assert_int_equal(packet_send(pair->ours, WIRE_PING, &body, NULL, 0, &err), PACKET_OK);
	assert_int_equal(packet_send(pair->theirs, WIRE_FAILED, &body, NULL, 0, &err), PACKET_OK);
	close(pair->theirs); /* with our ping unread */
	pair->theirs = -1;
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_SERVER, &packet, &err), PACKET_OK);
	assert_int_equal(packet.body.h.type, WIRE_FAILED);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_SERVER, &packet, &err), PACKET_EOF);
}

static void nonblocking_sockets_say_again(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {0};
	struct packet packet;
	struct err err;
	enum packet_result result;
	unsigned sent = 0;

	fcntl(pair->ours, F_SETFL, O_NONBLOCK);
	fcntl(pair->theirs, F_SETFL, O_NONBLOCK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_AGAIN);
	while ((result = packet_send(pair->theirs, WIRE_PING, &body, NULL, 0, &err)) == PACKET_OK)
		sent++;
	assert_int_equal(result, PACKET_AGAIN);
	while (sent--)
		assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err),
		                 PACKET_OK);
	assert_int_equal(packet_recv(pair->ours, PACKET_FROM_CLIENT, &packet, &err), PACKET_AGAIN);
}

static void sending_to_nobody_raises_nothing(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {0};
	struct err err;

	close(pair->theirs);
	pair->theirs = -1;
	assert_int_equal(packet_send(pair->ours, WIRE_PING, &body, NULL, 0, &err), PACKET_EOF);
}

static void sender_checks_its_own_form(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {0};
	struct err err;

	assert_int_equal(packet_send(pair->ours, WIRE_LAUNCH, &body, &pair->ours, 1, &err),
	                 PACKET_ERROR);
	assert_int_equal(packet_send(pair->ours, 99, &body, NULL, 0, &err), PACKET_ERROR);
	assert_int_equal(err.code, ERR_INVALID);
}

static void foreign_sockets_are_errors(void **state)
{
	struct pair *pair = *state;
	union packet_body body = {0};
	struct packet packet;
	struct err err;
	int pipe_fds[2];

	(void)pair;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(packet_recv(pipe_fds[0], PACKET_FROM_CLIENT, &packet, &err), PACKET_ERROR);
	assert_int_equal(err.code, ERR_OS);
	assert_int_equal(packet_send(pipe_fds[1], WIRE_PING, &body, NULL, 0, &err), PACKET_ERROR);
	assert_int_equal(err.os_errno, ENOTSOCK);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

#define PACKET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(ping_arrives),
		PACKET_TEST(body_and_descriptors_arrive),
		PACKET_TEST(bytes_that_follow_arrive),
		PACKET_TEST(bytes_that_follow_are_checked),
		PACKET_TEST(most_descriptors_arrive),
		PACKET_TEST(every_type_has_its_length),
		PACKET_TEST(every_short_length_is_refused),
		PACKET_TEST(long_packets_are_refused),
		PACKET_TEST(claimed_length_must_be_right),
		PACKET_TEST(garbage_is_refused),
		PACKET_TEST(other_versions_are_refused),
		PACKET_TEST(each_side_has_its_types),
		PACKET_TEST(unknown_types_are_refused),
		PACKET_TEST(descriptors_must_be_as_claimed),
		PACKET_TEST(descriptors_must_be_as_allowed),
		PACKET_TEST(truncated_descriptors_are_refused),
		PACKET_TEST(end_is_seen),
		PACKET_TEST(empty_packet_is_the_end_and_keeps_nothing),
		PACKET_TEST(last_words_are_read_after_a_reset),
		PACKET_TEST(nonblocking_sockets_say_again),
		PACKET_TEST(sending_to_nobody_raises_nothing),
		PACKET_TEST(sender_checks_its_own_form),
		PACKET_TEST(foreign_sockets_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
