#include "inspect/repl.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>

/* Runs one line of several; *status is that of the first failure.  Returns whether to go on. */
static bool run_next(struct session *session, const char *line, bool keep_going, int *status)
{
	int this_status = verbs_run_line(session, line);

	if (session_interrupted(session)) /* between two verbs, or too late for this one */
		this_status = STATUS_STOPPED;
	if (!*status || this_status == STATUS_STOPPED)
		*status = this_status;
	return !session->quit && this_status != STATUS_STOPPED &&
	       (this_status == STATUS_OK || keep_going);
}

int repl_commands(struct session *session, const char *const *commands, size_t count,
                  bool keep_going)
{
	int status = STATUS_OK;

	session->input = stdin;
	for (size_t i = 0; i < count; i++) {
		if (!run_next(session, commands[i], keep_going, &status))
			break;
	}
	return status;
}

static int report(struct session *session, const struct err *err)
{
	session_report(session, err);
	return status_of(err);
}

/* Reads the next line; 0 at the end, -1 on failure. */
static int read_line(struct session *session, FILE *input, char **line, size_t *size,
                     struct err *err)
{
	ssize_t len;

	errno = 0;
	len = getline(line, size, input);
	if (len < 0 && session_interrupted(session))
		return session_stopped(err);
	if (len < 0)
		return ferror(input) ? err_os(err, errno, "cannot read commands") : 0;
	session->line_number++;
	if (strlen(*line) != (size_t)len)
		return err_set(err, ERR_USAGE, "a NUL byte is in it");
	return 1;
}

int repl_script(struct session *session, FILE *input, bool keep_going)
{
	AUTO_FREE char *line = NULL;
	int status = STATUS_OK;
	size_t size = 0;
	struct err err;

	session->input = input;
	session->input_shared = true;
	for (;;) {
		int ret;

		/* a program that asks may want the answer before it goes on */
		fflush(session->out);
		ret = read_line(session, input, &line, &size, &err);
		if (ret < 0)
			return status ? status : report(session, &err);
		if (!ret || !run_next(session, line, keep_going, &status))
			break;
	}
	session->line_number = 0;
	return status;
}
