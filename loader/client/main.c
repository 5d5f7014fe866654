/*
 * tprun - run a program in a space.
 */
#include "lib/base/space_dir.h"
#include "lib/base/text.h"
#include "loader/client/run.h"
#include "loader/client/supervise.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE_ERROR 125

enum { OPTION_FORK_ALL = 256 };

static const struct argp_option options[] = {
	{"space", 's', "SPACE", 0, "Space to run in (default: $TPROC_SPACE, else \"default\")"},
	{"name", 'n', "NAME", 0, "Name of the threadproc (default: the program's)"},
	{"verbose", 'v', NULL, 0, "Say on standard error what was started"},
	{"fork-all", OPTION_FORK_ALL, NULL, 0,
	 "Let children that the program forks see the memory of its neighbours too"},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_options *run_options = state->input;

	switch (key) {
	case 's':
		run_options->space = arg;
		return 0;
	case 'n':
		if (!*arg || strlen(arg) >= WIRE_NAME_SIZE)
			argp_error(state, "a name has 1 to %d characters", WIRE_NAME_SIZE - 1);
		for (const char *c = arg; *c; c++) {
			if (*c < ' ' || *c > '~')
				argp_error(state, "a name is printable ASCII");
		}
		run_options->name = arg;
		return 0;
	case 'v':
		run_options->verbose = true;
		return 0;
	case OPTION_FORK_ALL:
		run_options->fork_all = true;
		return 0;
	case ARGP_KEY_ARG:
		/* the program and all that follows is its own */
		run_options->argv = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "PROG [ARG...]",
	.doc = "Run PROG in a space: an address space that it shares with the other programs "
	       "there, as a process of its own otherwise."
	       "\vThe exit status is that of PROG, 127 when it cannot be found, 126 when it cannot "
	       "be run, and 125 when tprun itself or the space fails.",
};

/* One line on standard error; what came from elsewhere is escaped. */
static int complain(const char *program, const char *reason, int status)
{
	char shown_program[256];
	char shown_reason[1200];

	text_escape(shown_program, sizeof(shown_program), program, strlen(program));
	text_escape(shown_reason, sizeof(shown_reason), reason, strlen(reason));
	fprintf(stderr, "tprun: %s: %s\n", shown_program, shown_reason);
	return status;
}

int main(int argc, char **argv)
{
	struct run_options run_options = {0};
	struct err err;
	int value;

	argp_program_version = "tprun " TPROC_VERSION;
	argp_err_exit_status = EXIT_USAGE_ERROR;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &run_options);
	if (space_name_choose(run_options.space, &run_options.space, &err))
		return complain(run_options.space ? run_options.space : getenv("TPROC_SPACE"),
				err.text, EXIT_USAGE_ERROR);
	switch (run(&run_options, &value, &err)) {
	case RUN_EXITED:
		return value;
	case RUN_SIGNALED:
		supervise_die(value);
	default:
		return complain(run_options.argv[0], err.text, value);
	}
}
