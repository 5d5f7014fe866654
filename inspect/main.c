/*
 * tpinspect - says whose address is whose in a space.
 */
#include "inspect/download.h"
#include "inspect/interrupt.h"
#include "inspect/pager.h"
#include "inspect/repl.h"
#include "inspect/session.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"
#include "lib/base/standard.h"

#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
	const char *space;
	const char *core;
	const char **commands;
	size_t command_count;
	bool json;
	bool keep_going;
	bool no_pager;
	enum out_colour colour;
};

enum { KEY_JSON = 0x100, KEY_CORE, KEY_COLOUR, KEY_NO_PAGER };

static const struct argp_option argp_options[] = {
	{"space", 's', "SPACE", 0, "The space to look at (default: $TPROC_SPACE, else \"default\")",
         0},
	{"core", KEY_CORE, "FILE", 0,
         "Look at the space in a core file of any threadproc; FILE alone does the same", 0},
	{"command", 'c', "CMD", 0, "Run CMD and end; may be given more than once", 0},
	{"json", KEY_JSON, NULL, 0, "Answer each command with one JSON document", 0},
	{"keep-going", 'k', NULL, 0, "Go on after a command that failed", 0},
	{"no-pager", KEY_NO_PAGER, NULL, 0, "Show long answers as they are", 0},
	{"color", KEY_COLOUR, "WHEN", 0, "Use colour: auto (the default), always or never", 0},
	{"colour", KEY_COLOUR, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0},
	{0},
};

static void add_command(struct argp_state *state, struct options *options, const char *command)
{
	const char **grown = reallocarray(options->commands, options->command_count + 1,
	                                  sizeof(*options->commands));

	if (!grown)
		argp_failure(state, STATUS_NOT_FOUND, ENOMEM, "commands");
	options->commands = grown;
	options->commands[options->command_count++] = command;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct err err;

	switch (key) {
	case 's':
		options->space = arg;
		return 0;
	case KEY_CORE:
		options->core = arg;
		return 0;
	case 'c':
		add_command(state, options, arg);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case 'k':
		options->keep_going = true;
		return 0;
	case KEY_NO_PAGER:
		options->no_pager = true;
		return 0;
	case KEY_COLOUR:
		if (out_colour_parse(arg, &options->colour, &err))
			argp_error(state, "--color=%s: %s", arg, err.text);
		return 0;
	case ARGP_KEY_ARG:
		if (options->core || access(arg, F_OK))
			argp_error(state,
			           "'%s' is no core file to look at; commands are given with -c",
			           arg);
		options->core = arg;
		return 0;
	case ARGP_KEY_END:
		if (options->core && options->space)
			argp_error(state, "either a space or a core file");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Ctrl-C stops the verb; a second one ends the program at once. */
static int run_commands(struct session *session, const struct options *options)
{
	struct sigaction before;
	int status;

	interrupt_catch(session, SIGINT, true, &before);
	if (options->command_count)
		status = repl_commands(session, options->commands, options->command_count,
		                       options->keep_going);
	else
		status = repl_script(session, stdin, options->keep_going);
	interrupt_restore(SIGINT, &before);
	return status;
}

static int run(struct session *session, const struct options *options)
{
	if (!options->command_count && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return repl_interactive(session);
	return run_commands(session, options);
}

/* Whatever was answered has to have arrived. */
static int finish(struct session *session, int status)
{
	struct err err;

	if (!fflush(stdout) && !ferror(stdout))
		return status;
	err_os(&err, errno, "cannot write the answer");
	session->json = false;
	session_report(session, &err);
	return status ? status : STATUS_NOT_FOUND;
}

/* Without a directory of one's own, files are read anew each time. */
static void keep_symbols(struct session *session)
{
	struct symstore *store;
	struct err err;

	if (!symstore_open(&store, &err))
		symcache_use_store(session->symbols, store);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_option,
		.args_doc = "[FILE]",
		.doc = "Says whose address is whose in a space of threadprocs, live or in a core "
		       "file."
		       "\vWithout -c, commands are read from standard input; 'help' lists them.\n"
		       "Exit status: 0 found, 1 not found or failed, 2 usage, 3 no such space, "
		       "4 registry invalid, 130 stopped by Ctrl-C.",
	};
	struct options options = {.colour = OUT_COLOUR_AUTO};
	struct session session;
	struct err err;
	int status;

	standard_fill();
	setlocale(LC_CTYPE, "");
	argp_program_version = "tpinspect " TPROC_VERSION;
	argp_err_exit_status = STATUS_USAGE;
	standard_watch_output("tpinspect", STATUS_NOT_FOUND);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	standard_unwatch_output();
	if (session_init(&session, NULL, stdout, stderr, &err)) {
		fprintf(stderr, "tpinspect: %s\n", err.text);
		return STATUS_NOT_FOUND;
	}
	keep_symbols(&session);
	download_watch(&session);
	session.json = options.json;
	session.colour = !options.json && out_colour_wanted(options.colour, STDOUT_FILENO);
	session.colour_always = options.colour == OUT_COLOUR_ALWAYS;
	session.paged = !options.no_pager && pager_wanted(&session.pager_command);
	session.progress = !options.json && out_has_sequences(STDERR_FILENO);
	session.core_path = options.core;
	if (!options.core && space_name_choose(options.space, &session.space, &err)) {
		session_report(&session, &err);
		status = status_of(&err);
	} else {
		status = finish(&session, run(&session, &options));
	}
	download_watch(NULL);
	session_deinit(&session);
	free(options.commands);
	if (status == STATUS_STOPPED)
		interrupt_die(SIGINT);
	return status;
}
