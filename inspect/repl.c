#include "inspect/repl.h"

#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <readline/history.h>
#include <readline/readline.h>

static void read_commands(struct session *session, const char *prompt)
{
	while (!session->quit) {
		AUTO_FREE char *line = readline(prompt);

		if (!line) {
			fputc('\n', session->out);
			return;
		}
		if (*line)
			add_history(line);
		verbs_run_line(session, line);
		fflush(session->out);
	}
}

int repl_interactive(struct session *session)
{
	char prompt[128];
	struct err err;

	/* That there is no such space is told at once. */
	if (session_refresh(session, &err)) {
		session_report(session, &err);
		return status_of(&err);
	}
	snprintf(prompt, sizeof(prompt), "%s> ", session->space);
	rl_readline_name = "tpinspect";
	rl_inhibit_completion = 1; /* of file names, which no verb takes */
	read_commands(session, prompt);
	return STATUS_OK;
}

int repl_script(struct session *session, FILE *input)
{
	AUTO_FREE char *line = NULL;
	int status = STATUS_OK;
	size_t size = 0;
	struct err err;

	while (!session->quit && getline(&line, &size, input) >= 0) {
		status = verbs_run_line(session, line);
		if (status != STATUS_OK)
			return status;
	}
	if (!ferror(input))
		return STATUS_OK;
	err_os(&err, errno, "cannot read commands");
	session_report(session, &err);
	return status_of(&err);
}
