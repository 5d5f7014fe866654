/*
 * A launch from the client's side, against a server that is the other end of a socketpair:
 * its answer lies ready before the question is asked.
 */
#include "loader/client/launch.h"
#include "loader/server/request.h"
#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char *argv[] = {"prog", "", "-x", NULL};
static char *envp[] = {"HOME=/root", NULL};

struct ends {
	int client;
	int server;
	int before;
};

static int setup(void **state)
{
	static struct ends ends;
	int sv[2];

	ends.before = fd_count();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -1;
	ends.client = sv[0];
	ends.server = sv[1];
	*state = &ends;
	return 0;
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	close(ends->client);
	if (ends->server >= 0)
		close(ends->server);
	return fd_count() == ends->before ? 0 : -1;
}

static struct launch make_launch(void)
{
	return (struct launch){.path = "/bin/prog", .argv = argv, .envp = envp, .name = "me"};
}

static void answer(struct ends *ends, enum wire_type type, union packet_body *body, int fd)
{
	struct err err;

	assert_int_equal(packet_send(ends->server, type, body, &fd, fd >= 0, &err), PACKET_OK);
}

static enum launch_result ask(struct ends *ends, const struct launch *launch,
                              struct launched *launched, int *kind, struct err *err)
{
	*err = (struct err){0};
	return launch_program(ends->client, launch, launched, kind, err);
}

static void receive_request(struct ends *ends, struct request *request)
{
	struct packet packet;
	struct err err;

	assert_int_equal(packet_recv(ends->server, PACKET_FROM_CLIENT, &packet, &err), PACKET_OK);
	if (request_init(request, &packet, &err))
		fail_msg("%s", err.text);
	while (!request_complete(request)) {
		assert_int_equal(packet_recv(ends->server, PACKET_FROM_CLIENT, &packet, &err),
		                 PACKET_OK);
		if (request_add_fds(request, &packet, &err))
			fail_msg("%s", err.text);
	}
}

static void the_server_gets_what_was_asked(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	union packet_body started = {.started = {.id = 5, .pid = 77, .pgid = 78}};
	struct request request;
	struct launched launched;
	struct err err;
	struct stat here;
	struct stat there;
	int kind;

	launch.flags = WIRE_FORK_ALL;
	launch.signals = (struct caller_signals){.blocked = 1, .ignored = 2};
	answer(ends, WIRE_STARTED, &started, ends->server);
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_STARTED);
	assert_int_equal(launched.id, 5);
	assert_int_equal(launched.pid, 77);
	assert_int_equal(launched.pgid, 78);
	close(launched.pidfd);
	receive_request(ends, &request);
	assert_string_equal(request.path, "/bin/prog");
	assert_int_equal(request.launch.argc, 3);
	assert_string_equal(request.argv[1], "");
	assert_string_equal(request.argv[2], "-x");
	assert_string_equal(request.envp[0], "HOME=/root");
	assert_string_equal(request.launch.name, "me");
	assert_true(request.launch.flags & WIRE_FORK_ALL);
	assert_int_equal(request.launch.sig_blocked, 1);
	assert_int_equal(request.launch.sig_ignored, 2);
	assert_int_equal(request.launch.pgid, getpgrp());
	assert_int_equal(request.launch.sid, getsid(0));
	assert_int_equal(fstat(request.cwd_fd, &there) | stat(".", &here), 0);
	assert_int_equal(here.st_ino, there.st_ino);
	request_deinit(&request);
}

static void attributes_are_those_of_the_caller(void **state)
{
	struct wire_launch message = {0};
	struct rlimit limit;
	mode_t was = umask(027);

	(void)state;
	caller_describe(&message);
	assert_int_equal(umask(was), 027); /* and it is as it was */
	assert_int_equal(message.umask_bits, 027);
	assert_int_equal(message.nice, getpriority(PRIO_PROCESS, 0));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(message.rlimits[RLIMIT_NOFILE].soft, limit.rlim_cur);
	assert_int_equal(message.rlimits[RLIMIT_NOFILE].hard, limit.rlim_max);
	assert_true(message.flags & WIRE_HAS_AFFINITY);
	assert_int_not_equal(message.affinity[0], 0);
}

static void signals_are_seen_and_blocked(void **state)
{
	struct caller_signals first;
	struct caller_signals second;

	(void)state;
	signal(SIGUSR2, SIG_IGN);
	caller_block_signals(&first);
	caller_block_signals(&second);
	assert_int_equal(first.blocked & (UINT64_C(1) << (SIGUSR1 - 1)), 0);
	assert_int_equal(second.blocked, caller_catchable_signals());
	assert_int_not_equal(first.ignored & (UINT64_C(1) << (SIGUSR2 - 1)), 0);
	assert_int_equal(first.ignored & (UINT64_C(1) << (SIGUSR1 - 1)), 0);
	caller_set_default(SIGUSR2);
	caller_set_blocked(first.blocked);
}

static void many_descriptors_keep_their_numbers(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	union packet_body failed = {.failed = {.kind = 126}};
	struct request request;
	struct launched launched;
	struct err err;
	int fds[WIRE_FDS_PER_PACKET * 2 + 1];
	unsigned count = sizeof(fds) / sizeof(fds[0]);
	int kind;

	for (unsigned i = 0; i < count; i++)
		fds[i] = fcntl(ends->client, F_DUPFD_CLOEXEC, 0);
	launch.descriptors = (struct descriptors){fds, count};
	answer(ends, WIRE_FAILED, &failed, -1);
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_FAILED);
	receive_request(ends, &request);
	assert_int_equal(request.fd_count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(request.fds[i].target, fds[i]);
	request_deinit(&request);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static void the_list_has_what_is_open(void **state)
{
	struct ends *ends = *state;
	struct descriptors descriptors;
	struct err err;
	bool seen = false;

	assert_int_equal(descriptors_init(&descriptors, &err), 0);
	for (unsigned i = 0; i < descriptors.count; i++) {
		seen |= descriptors.fds[i] == ends->server;
		assert_true(fcntl(descriptors.fds[i], F_GETFD) >= 0);
	}
	assert_true(seen);
	descriptors_deinit(&descriptors);
}

static void a_refusal_has_its_reason_and_kind(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	union packet_body failed = {.failed = {.kind = 127, .os_errno = ENOENT}};
	struct launched launched;
	struct err err;
	int kind;

	memset(failed.failed.reason, 'r', WIRE_REASON_SIZE); /* a reason without an end */
	answer(ends, WIRE_FAILED, &failed, -1);
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_FAILED);
	assert_int_equal(kind, 127);
	assert_int_equal(err.os_errno, ENOENT);
	assert_int_equal(err.text[0], 'r');
	failed.failed.kind = 0; /* no success by mistake */
	answer(ends, WIRE_FAILED, &failed, -1);
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_FAILED);
	assert_int_equal(kind, 125);
}

static void other_answers_are_errors(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	union packet_body body = {0};
	struct launched launched;
	struct err err;
	int kind;

	answer(ends, WIRE_PONG, &body, -1);
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_ERROR);
	assert_int_equal(err.code, ERR_PROTOCOL);
	assert_int_equal(kind, 125);
}

static void a_server_that_never_looked_can_be_asked_again(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	struct launched launched;
	struct err err;
	int kind;

	close(ends->server);
	ends->server = -1;
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_UNSEEN);
}

/* The last words stay readable even when what was sent after them was never read. */
static void last_words_of_a_server_count(void **state)
{
	struct ends *ends = *state;
	struct launch launch = make_launch();
	union packet_body failed = {.failed = {.kind = 126, .reason = "no more room"}};
	struct launched launched;
	struct err err;
	int kind;

	answer(ends, WIRE_FAILED, &failed, -1);
	close(ends->server);
	ends->server = -1;
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_FAILED);
	assert_string_equal(err.text, "no more room");
	assert_int_equal(kind, 126);
}

static void too_many_strings_cannot_run(void **state)
{
	struct ends *ends = *state;
	char *huge = malloc(WIRE_MAX_STRINGS + 1);
	char *args[] = {huge, NULL};
	struct launch launch = make_launch();
	struct launched launched;
	struct err err;
	int kind;

	assert_non_null(huge);
	memset(huge, 'a', WIRE_MAX_STRINGS);
	huge[WIRE_MAX_STRINGS] = '\0';
	launch.argv = args;
	assert_int_equal(ask(ends, &launch, &launched, &kind, &err), LAUNCH_ERROR);
	assert_int_equal(err.os_errno, E2BIG);
	assert_int_equal(kind, 126);
	free(huge);
}

#define LAUNCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAUNCH_TEST(the_server_gets_what_was_asked),
		LAUNCH_TEST(attributes_are_those_of_the_caller),
		LAUNCH_TEST(signals_are_seen_and_blocked),
		LAUNCH_TEST(many_descriptors_keep_their_numbers),
		LAUNCH_TEST(the_list_has_what_is_open),
		LAUNCH_TEST(a_refusal_has_its_reason_and_kind),
		LAUNCH_TEST(other_answers_are_errors),
		LAUNCH_TEST(a_server_that_never_looked_can_be_asked_again),
		LAUNCH_TEST(last_words_of_a_server_count),
		LAUNCH_TEST(too_many_strings_cannot_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
