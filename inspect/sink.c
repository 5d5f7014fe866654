#include "inspect/sink.h"

#include "inspect/child.h"
#include "inspect/interrupt.h"
#include "inspect/pager.h"

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

/* ---- A reader ------------------------------------------------------------ */

static void catch_sigpipe(struct sink *sink)
{
	interrupt_catch(sink->session, SIGPIPE, false, &sink->sigpipe_before);
}

/*
 * What a verb comes to whose answer was read by another program.  That the reader has seen enough
 * is no failure; Ctrl-C is one, if it came before all was written.
 */
static int end_of_reader(struct sink *sink, bool whole, int ret, struct err *err)
{
	struct session *session = sink->session;
	int signo = session->interrupted;

	interrupt_restore(SIGPIPE, &sink->sigpipe_before);
	session->interrupted = 0;
	if (signo == SIGINT && (ret < 0 || !whole))
		return session_stopped(err);
	return signo == SIGPIPE ? 0 : ret;
}

static int open_pipe(struct sink *sink, FILE **ret_stream, struct err *err)
{
	if (child_shell(sink->line->target, &sink->child, ret_stream, err))
		return -1;
	catch_sigpipe(sink);
	return 0;
}

static int close_pipe(struct sink *sink, int ret, struct err *err)
{
	FILE *stream = sink->session->out;
	bool whole = !ferror(stream);
	int status;

	whole &= !fclose(stream);
	status = child_wait(sink->child);
	/* a reader that Ctrl-C has ended is one that did not come to its end */
	whole &= !WIFSIGNALED(status) && WEXITSTATUS(status) != 128 + SIGINT;
	ret = end_of_reader(sink, whole, ret, err);
	return ret == 0 && status ? 1 : ret;
}

static int open_pager(struct sink *sink, FILE **ret_stream, struct err *err)
{
	struct session *session = sink->session;

	if (pager_open(session->pager_command, session->out, &session->progress, &sink->pager,
	               ret_stream, err))
		return -1;
	catch_sigpipe(sink);
	return 0;
}

static int close_pager(struct sink *sink, int ret, struct err *err)
{
	return end_of_reader(sink, pager_close(sink->pager), ret, err);
}

/* ---- The sink ------------------------------------------------------------ */

/* *ret_stream stays as it is when the answer goes where answers go. */
static int open_stream(struct sink *sink, const struct verb *verb, FILE **ret_stream,
                       struct err *err)
{
	switch (sink->line->sink) {
	case LINE_SINK_PIPE:
		return open_pipe(sink, ret_stream, err);
	case LINE_SINK_FILE:
	case LINE_SINK_APPEND:
		return open_file(sink->line, ret_stream, err);
	case LINE_SINK_OUT:
		break;
	}
	if (sink->session->paged && !verb->streams)
		return open_pager(sink, ret_stream, err);
	return 0;
}

int sink_open(struct sink *sink, struct session *session, const struct verb *verb,
              const struct line *line, struct err *err)
{
	FILE *stream = session->out;

	*sink = (struct sink){
		.session = session,
		.line = line,
		.out_before = session->out,
		.colour_before = session->colour,
		.progress_before = session->progress,
	};
	fflush(session->out);
	if (open_stream(sink, verb, &stream, err))
		return -1;
	session->out = stream;
	if (line->sink != LINE_SINK_OUT)
		session->colour = session->colour && session->colour_always;
	return 0;
}

int sink_close(struct sink *sink, int ret, struct err *err)
{
	struct session *session = sink->session;

	if (sink->child)
		ret = close_pipe(sink, ret, err);
	else if (sink->pager)
		ret = close_pager(sink, ret, err);
	else if (session->out != sink->out_before)
		ret = close_file(sink, ret, err);
	session->out = sink->out_before;
	session->colour = sink->colour_before;
	session->progress = sink->progress_before;
	return ret;
}
