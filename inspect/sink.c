#include "inspect/sink.h"

#include "inspect/child.h"
#include "inspect/interrupt.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

/* ---- A file -------------------------------------------------------------- */

/* With "~/" as a shell has it.  The caller frees it; NULL when memory is short. */
static char *file_name(const char *word)
{
	const char *home = getenv("HOME");
	char *name;

	if (strncmp(word, "~/", 2) != 0 || !home)
		return strdup(word);
	return asprintf(&name, "%s%s", home, word + 1) < 0 ? NULL : name;
}

static int open_file(const struct line *line, FILE **ret_stream, struct err *err)
{
	AUTO_FREE char *name = file_name(line->target);
	bool append = line->sink == LINE_SINK_APPEND;
	AUTO_CLOSE int fd = -1;
	FILE *stream;

	if (!name)
		return err_os(err, ENOMEM, "file name");
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC),
	          0666);
	if (fd < 0)
		return err_os(err, errno, "cannot write %s", name);
	stream = fdopen(fd, append ? "a" : "w");
	if (!stream)
		return err_os(err, errno, "cannot write %s", name);
	fd = -1;
	*ret_stream = stream;
	return 0;
}

static int close_file(struct sink *sink, int ret, struct err *err)
{
	FILE *stream = sink->session->out;
	bool failed = ferror(stream);
	int error;

	errno = 0;
	failed |= fclose(stream) != 0;
	error = errno ? errno : EIO;
	if (failed && ret >= 0)
		return err_os(err, error, "cannot write %s", sink->line->target);
	return ret;
}

/* ---- A shell command ----------------------------------------------------- */

static int open_pipe(struct sink *sink, FILE **ret_stream, struct err *err)
{
	if (child_shell(sink->line->target, &sink->child, ret_stream, err))
		return -1;
	interrupt_catch(sink->session, SIGPIPE, false, &sink->sigpipe_before);
	return 0;
}

static int close_pipe(struct sink *sink, int ret, struct err *err)
{
	struct session *session = sink->session;
	int status;

	fclose(session->out);
	status = child_wait(sink->child);
	interrupt_restore(SIGPIPE, &sink->sigpipe_before);
	if (session->interrupted == SIGINT)
		return session_stopped(err);
	if (session->interrupted == SIGPIPE)
		ret = 0;
	session->interrupted = 0;
	if (ret == 0 && status)
		return 1;
	return ret;
}

/* ---- Either -------------------------------------------------------------- */

int sink_open(struct sink *sink, struct session *session, const struct line *line, struct err *err)
{
	FILE *stream;

	*sink = (struct sink){
		.session = session,
		.line = line,
		.out_before = session->out,
		.colour_before = session->colour,
	};
	if (line->sink == LINE_SINK_OUT)
		return 0;
	fflush(session->out);
	if (line->sink == LINE_SINK_PIPE ? open_pipe(sink, &stream, err)
	                                 : open_file(line, &stream, err))
		return -1;
	session->out = stream;
	session->colour = session->colour && session->colour_always;
	return 0;
}

int sink_close(struct sink *sink, int ret, struct err *err)
{
	struct session *session = sink->session;

	if (sink->line->sink == LINE_SINK_OUT)
		return ret;
	if (sink->line->sink == LINE_SINK_PIPE)
		ret = close_pipe(sink, ret, err);
	else
		ret = close_file(sink, ret, err);
	session->out = sink->out_before;
	session->colour = sink->colour_before;
	return ret;
}
