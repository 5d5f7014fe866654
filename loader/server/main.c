/* tpserver: hosts a space. */
#include "lib/base/space_dir.h"
#include "lib/base/standard.h"
#include "loader/quarantine.h"
#include "loader/server/server.h"
#include "loader/server/stop.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define EXIT_NO_SPACE 3

const char *argp_program_version = "tpserver " TPROC_VERSION;

enum long_option { OPT_STAY = 256, OPT_STOP, OPT_THAW, OPT_READY_FD, OPT_QUARANTINE };

struct arguments {
	struct server_options server;
	const char *space;
	bool stop;
	bool thaw;
};

static const struct argp_option options[] = {
	{"space", 's', "SPACE", 0, "Name of the space (default: $TPROC_SPACE, else \"default\")",
         0},
	{"idle", 'i', "SECONDS", 0,
         "End after so long without a threadproc and a client (default: 60)", 0},
	{"stay", OPT_STAY, NULL, 0, "Never end because of idleness", 0},
	{"quarantine", OPT_QUARANTINE, "SIZE", 0,
         "Use addresses of an ended program again only after so many (K, M, G, T) were given up "
         "later, or \"forever\": never",
         0},
	{"stop", OPT_STOP, NULL, 0, "End the space: its threadprocs, then its server", 0},
	{"thaw", OPT_THAW, NULL, 0,
         "Let everything go on that was stopped by a crash (tprun --on-crash=stop-space)", 0},
	{"ready-fd", OPT_READY_FD, "FD", 0,
         "Write 1 to this descriptor when the space is there, A when it has a server already, E "
         "and a text when it cannot be",
         0},
	{0},
};

static long parse_number(const char *text, long max, struct argp_state *state)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0 || value > max)
		argp_error(state, "not a number from 0 to %ld: %s", max, text);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct err err;

	switch (key) {
	case 's':
		arguments->space = arg;
		return 0;
	case 'i':
		arguments->server.idle_seconds =
			(unsigned)parse_number(arg, INT_MAX / 1000, state);
		return 0;
	case OPT_STAY:
		arguments->server.stay = true;
		return 0;
	case OPT_STOP:
		arguments->stop = true;
		return 0;
	case OPT_THAW:
		arguments->thaw = true;
		return 0;
	case OPT_QUARANTINE:
		if (quarantine_parse(arg, &arguments->server.quarantine, &err))
			argp_error(state, "%s", err.text);
		return 0;
	case OPT_READY_FD:
		arguments->server.ready_fd = (int)parse_number(arg, INT_MAX, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Hosts a space: one address space in which several programs run.\v"
	       "tprun(1) starts it by itself when there is none.",
};

int main(int argc, char **argv)
{
	struct arguments arguments = { .server = { .idle_seconds = 60, .ready_fd = -1 } };
	struct err err = { 0 };
	int result;

	standard_fill();
	argp_err_exit_status = EXIT_USAGE;
	standard_watch_output("tpserver", EXIT_FAILURE);
	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	standard_unwatch_output();
	if (space_name_choose(arguments.space, &arguments.server.space, &err)) {
		fprintf(stderr, "tpserver: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (arguments.stop)
		result = stop_space(arguments.server.space, &err);
	else if (arguments.thaw)
		result = thaw_space(arguments.server.space, &err);
	else
		result = server_run(&arguments.server, &err);
	if (!result)
		return EXIT_SUCCESS;
	/* Whoever gave a descriptor for it has been told there. */
	if (arguments.server.ready_fd < 0)
		fprintf(stderr, "tpserver: %s\n", err.text);
	return err.code == ERR_NO_SPACE ? EXIT_NO_SPACE : EXIT_FAILURE;
}
