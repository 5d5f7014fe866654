/*
 * From the request for a program to its end, side by side with posix_spawn:
 *
 *	bench-spawn server SPACE ROUNDS BATCH PROG [ARG...]
 *	bench-spawn command TPRUN ROUNDS BATCH PROG [ARG...]
 *	bench-spawn other OTHER ROUNDS BATCH PROG [ARG...]
 *	bench-spawn crowd SPACE COUNT BATCH PROG [ARG...]
 *
 * "server" asks the server of the space itself, without tprun; "command" runs TPRUN PROG
 * as a shell would (TPROC_SPACE says where), "other" runs OTHER instead.  Prints nanoseconds per
 *run for each round: native, then space, then for "server" what the agent is busy for after the
 *end, unmapping.  That is waited for, so that it takes nothing from what is measured next.
 *"crowd" starts COUNT at once, has them all live, ends
 *them, and prints nanoseconds per start for each BATCH of them.
 */
#include "lib/base/cleanup.h"
#include "loader/client/connect.h"
#include "loader/client/launch.h"
#include "tests/bench/clock.h"

#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define COMMAND_WORDS 64

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench-spawn: %s\n", what);
	exit(1);
}

static void run_native(char **argv)
{
	pid_t pid;
	int status;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
		fail("posix_spawn failed");
	if (waitpid(pid, &status, 0) < 0 || status)
		fail("the program failed");
}

/* A launcher has to look for the space once, and not for each program. */
static const struct client_place *place_of(const char *space)
{
	static struct client_place place = {.dir_fd = -1};
	struct err err;

	if (place.dir_fd < 0 && client_place_open(space, false, &place, &err))
		fail(err.text);
	return &place;
}

/* Starts a program; *ret_sock is the connection on whose other end it lives. */
static void start_in_space(const char *space, char **argv, int *ret_sock)
{
	int standard[] = {0, 1, 2};
	static struct wire_launch attributes;
	const struct launch launch = {
		.attributes = &attributes,
		.path = argv[0],
		.argv = argv,
		.envp = environ,
		.descriptors = {standard, 3},
	};
	struct launched launched;
	struct err err;
	int kind;

	/* They do not change, as they do not for posix_spawn. */
	if (!attributes.rlimits[0].hard)
		caller_describe(&attributes);
	if (client_connect_at(place_of(space), ret_sock, &err) ||
	    launch_program(*ret_sock, &launch, &launched, &kind, &err) != LAUNCH_STARTED)
		fail(err.text);
	close(launched.pidfd);
}

static void run_in_space(const char *space, char **argv)
{
	AUTO_CLOSE int sock = -1;
	struct packet packet;
	struct err err;

	start_in_space(space, argv, &sock);
	if (packet_recv(sock, PACKET_FROM_SERVER, &packet, &err) != PACKET_OK)
		fail("the server went away");
	if (packet.body.h.type != WIRE_EXITED || packet.body.status.status)
		fail("the program failed");
}

/* Asks the server of the space how things are. */
static struct wire_pong ask(const char *space)
{
	AUTO_CLOSE int sock = -1;
	union packet_body body = {0};
	struct packet packet;
	struct err err;

	if (client_connect(space, NULL, &sock, &err) ||
	    packet_send(sock, WIRE_PING, &body, NULL, 0, &err) != PACKET_OK ||
	    packet_recv(sock, PACKET_FROM_SERVER, &packet, &err) != PACKET_OK ||
	    packet.body.h.type != WIRE_PONG)
		fail("the server does not answer");
	return packet.body.pong;
}

/* The first number of a file of a process in /proc. */
static uint64_t proc_number(pid_t pid, const char *name)
{
	char path[64];
	unsigned long long number;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	stream = fopen(path, "re");
	if (!stream || fscanf(stream, "%llu", &number) != 1)
		fail(path);
	fclose(stream);
	return number;
}

/* Waits until the space has that many pages again; returns how long the agent was busy. */
static uint64_t settle(pid_t agent, uint64_t pages)
{
	uint64_t before = proc_number(agent, "schedstat");

	while (proc_number(agent, "statm") > pages)
		sched_yield();
	return proc_number(agent, "schedstat") - before;
}

static void compare_server(const char *space, int rounds, int batch, char **argv)
{
	pid_t agent = ask(space).agent_pid;
	uint64_t pages = proc_number(agent, "statm");

	run_native(argv);
	run_in_space(space, argv);
	settle(agent, pages);
	for (int round = 0; round < rounds; round++) {
		uint64_t start = now_ns();
		uint64_t middle;
		uint64_t end;

		for (int i = 0; i < batch; i++)
			run_native(argv);
		middle = now_ns();
		for (int i = 0; i < batch; i++)
			run_in_space(space, argv);
		end = now_ns();
		printf("%.0f %.0f %.0f\n", (double)(middle - start) / batch,
		       (double)(end - middle) / batch, (double)settle(agent, pages) / batch);
	}
}

static void run_command(const char *tprun, char **argv)
{
	char *words[COMMAND_WORDS] = {(char *)tprun};

	for (int i = 0; argv[i]; i++) {
		if (i + 2 == COMMAND_WORDS)
			fail("too many words");
		words[i + 1] = argv[i];
	}
	run_native(words);
}

static void run_other(const char *other, char **argv)
{
	char *words[] = {(char *)other, NULL};

	(void)argv;
	run_native(words);
}

static void compare(void (*run)(const char *, char **), const char *how, int rounds, int batch,
                    char **argv)
{
	run_native(argv);
	run(how, argv);
	for (int round = 0; round < rounds; round++) {
		uint64_t start = now_ns();
		uint64_t middle;

		for (int i = 0; i < batch; i++)
			run_native(argv);
		middle = now_ns();
		for (int i = 0; i < batch; i++)
			run(how, argv);
		printf("%.0f %.0f\n", (double)(middle - start) / batch,
		       (double)(now_ns() - middle) / batch);
	}
}

static void crowd(const char *space, int count, int batch, char **argv)
{
	int *socks = calloc((size_t)count, sizeof(*socks));
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (!socks)
		fail("no memory");
	for (int started = 0; started < count;) {
		uint64_t start = now_ns();
		int n = 0;

		for (; n < batch && started < count; n++)
			start_in_space(space, argv, &socks[started++]);
		printf("%.0f\n", (double)(now_ns() - start) / n);
	}
	if (ask(space).live != (uint32_t)count)
		fail("some of them ended early");
	for (int i = 0; i < count; i++)
		close(socks[i]);
	free(socks);
	/* each question goes once around the server's loop */
	while (ask(space).live)
		;
}

int main(int argc, char **argv)
{
	int count;
	int batch;

	if (argc < 6)
		return 2;
	count = (int)strtol(argv[3], NULL, 10);
	batch = (int)strtol(argv[4], NULL, 10);
	if (!strcmp(argv[1], "server"))
		compare_server(argv[2], count, batch, argv + 5);
	else if (!strcmp(argv[1], "command"))
		compare(run_command, argv[2], count, batch, argv + 5);
	else if (!strcmp(argv[1], "other"))
		compare(run_other, argv[2], count, batch, argv + 5);
	else if (!strcmp(argv[1], "crowd"))
		crowd(argv[2], count, batch, argv + 5);
	else
		return 2;
	return 0;
}
