/*
 * tprun - run a program in a space.
 */
#include "lib/base/space_dir.h"
#include "lib/base/text.h"
#include "loader/client/run.h"
#include "loader/client/supervise.h"
#include "loader/quarantine.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE_ERROR 125

enum {
	OPTION_FORK_ALL = 256,
	OPTION_REPORT,
	OPTION_ON_CRASH,
	OPTION_WAIT_DEBUGGER,
	OPTION_QUARANTINE,
	OPTION_GUARD,
	OPTION_HELP,
	OPTION_USAGE,
};

/* getopt and not argp: this is built against musl, which starts up faster (meson.build). */
static const struct option options[] = {
	{"space", required_argument, NULL, 's'},
	{"name", required_argument, NULL, 'n'},
	{"verbose", no_argument, NULL, 'v'},
	{"fork-all", no_argument, NULL, OPTION_FORK_ALL},
	{"report", no_argument, NULL, OPTION_REPORT},
	{"on-crash", required_argument, NULL, OPTION_ON_CRASH},
	{"wait-debugger", optional_argument, NULL, OPTION_WAIT_DEBUGGER},
	{"quarantine", required_argument, NULL, OPTION_QUARANTINE},
	{"guard-foreign-free", no_argument, NULL, OPTION_GUARD},
	{"help", no_argument, NULL, OPTION_HELP},
	{"usage", no_argument, NULL, OPTION_USAGE},
	{"version", no_argument, NULL, 'V'},
	{0},
};

/* Options end at the program: what follows is its own. */
static const char short_options[] = "+s:n:vV";

static const char usage[] =
	"Usage: tprun [-vV] [-s SPACE] [-n NAME] [--space=SPACE] [--name=NAME] [--verbose]\n"
	"             [--fork-all] [--report] [--on-crash=POLICY] [--wait-debugger[=quiet]]\n"
	"             [--quarantine=SIZE] [--guard-foreign-free] [--help] [--usage] [--version]\n"
	"             [--] PROG [ARG...]\n";

static const char help[] =
	"Usage: tprun [OPTION...] [--] PROG [ARG...]\n"
	"Run PROG in a space: an address space that it shares with the other programs there,\n"
	"as a process of its own otherwise.\n"
	"\n"
	"  -s, --space=SPACE   space to run in (default: $TPROC_SPACE, else \"default\");\n"
	"                      it is made when it is not there\n"
	"  -n, --name=NAME     name of the threadproc (default: the program's)\n"
	"  -v, --verbose       say on standard error what was started\n"
	"      --fork-all      let children that the program forks see the memory of its\n"
	"                      neighbours too\n"
	"      --report        when it crashes, tell all there is to know on standard error\n"
	"                      (default: in short, when that is a terminal)\n"
	"      --on-crash=POLICY  report: the same; quiet: say nothing; core: write a core of\n"
	"                      it alone; wait: hold it for a debugger; stop-space: and stop all\n"
	"                      others in the space; restart: launch it again\n"
	"      --wait-debugger[=quiet]  hold it before its first instruction until a debugger\n"
	"                      (tpgdb) has attached and lets it go, and say so\n"
	"      --quarantine=SIZE  when it starts the space: use addresses of an ended program\n"
	"                      again only after so many (K, M, G, T) were given up later, or\n"
	"                      \"forever\": never\n"
	"      --guard-foreign-free  end it when it is about to free memory of another program\n"
	"      --help          print this and end\n"
	"      --usage         print a short usage message and end\n"
	"  -V, --version       print the version and end\n"
	"\n"
	"The exit status is that of PROG, 127 when it cannot be found, 126 when it cannot be\n"
	"run, and 125 when tprun itself or the space fails.\n";

/* why: NULL when there is no program to run, empty when getopt has said it. */
static int refuse_usage(const char *why)
{
	if (!why)
		fputs(usage, stderr);
	else if (*why)
		fprintf(stderr, "tprun: %s\n", why);
	fputs("Try 'tprun --help' for more information.\n", stderr);
	return EXIT_USAGE_ERROR;
}

/* What is wrong with a name, or NULL. */
static const char *check_name(const char *name)
{
	if (!*name || strlen(name) >= WIRE_NAME_SIZE)
		return "a name has 1 to 63 characters";
	for (; *name; name++) {
		if (*name < ' ' || *name > '~')
			return "a name is printable ASCII";
	}
	return NULL;
}

/* Prints a text that was asked for.  A full disk or a closed pipe is a failure too. */
static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && !fflush(stdout))
		return 0;
	perror("tprun: cannot write");
	return EXIT_USAGE_ERROR;
}

/* Returns true when the program is to be run; else *ret_status is what to end with. */
static bool parse(int argc, char **argv, struct run_options *run_options, int *ret_status)
{
	const char *wrong = NULL;
	static struct err err; /* wrong may point into it */
	uint32_t granules;
	int key;

	if (isatty(STDERR_FILENO))
		run_options->crash.report = CRASH_REPORT_SHORT;
	while (!wrong && (key = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
		switch (key) {
		case 's':
			run_options->space = optarg;
			break;
		case 'n':
			run_options->name = optarg;
			wrong = check_name(optarg);
			break;
		case 'v':
			run_options->verbose = true;
			break;
		case OPTION_FORK_ALL:
			run_options->fork_all = true;
			break;
		case OPTION_REPORT:
			run_options->crash.report = CRASH_REPORT_FULL;
			break;
		case OPTION_ON_CRASH:
			if (!crash_policy_parse(optarg, &run_options->crash))
				wrong = "--on-crash is one of report, quiet, core, wait, "
					"stop-space, restart";
			break;
		case OPTION_WAIT_DEBUGGER:
			run_options->wait_debugger = true;
			run_options->say_waiting = !optarg;
			if (optarg && strcmp(optarg, "quiet") != 0)
				wrong = "--wait-debugger takes nothing, or quiet";
			break;
		case OPTION_GUARD:
			run_options->guard_free = true;
			break;
		case OPTION_QUARANTINE:
			run_options->quarantine = optarg;
			if (quarantine_parse(optarg, &granules, &err))
				wrong = err.text;
			break;
		case OPTION_HELP:
			*ret_status = print(help);
			return false;
		case OPTION_USAGE:
			*ret_status = print(usage);
			return false;
		case 'V':
			*ret_status = print("tprun " TPROC_VERSION "\n");
			return false;
		default:
			*ret_status = refuse_usage("");
			return false;
		}
	}
	if (wrong || optind == argc) {
		*ret_status = refuse_usage(wrong);
		return false;
	}
	run_options->argv = argv + optind;
	return true;
}

/* A reason that begins with the program's name need not be told it twice. */
static const char *without_prefix(const char *reason, const char *program)
{
	size_t length = strlen(program);

	if (!strncmp(reason, program, length) && !strncmp(reason + length, ": ", 2))
		return reason + length + 2;
	return reason;
}

/* One line on standard error; what came from elsewhere is escaped. */
static int complain(const char *program, const char *reason, int status)
{
	char shown_program[256];
	char shown_reason[1200];

	reason = without_prefix(reason, program);
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

	argv[0] = (char *)"tprun"; /* what getopt begins its messages with */
	if (!parse(argc, argv, &run_options, &value))
		return value;
	if (space_name_choose(run_options.space, &run_options.space, &err))
		return complain(run_options.space ? "--space" : "TPROC_SPACE", err.text,
		                EXIT_USAGE_ERROR);
	switch (run(&run_options, &value, &err)) {
	case RUN_EXITED:
		return value;
	case RUN_SIGNALED:
		supervise_die(value);
	default:
		return complain(run_options.argv[0], err.text, value);
	}
}
