/*
 * sink.h - where the answer of one verb goes: as it is, through the pager, to a shell command, to a
 * file.
 */
#ifndef TPROC_INSPECT_SINK_H
#define TPROC_INSPECT_SINK_H

#include "inspect/line.h"
#include "inspect/verb.h"

#include <signal.h>

struct sink {
	struct session *session;
	const struct line *line;
	FILE *out_before;
	bool colour_before;
	bool progress_before;
	struct pager *pager; /* NULL: none */
	pid_t child;         /* 0: none */
	struct sigaction sigpipe_before;
};

/* Makes session->out what the line wants it to be, until sink_close. */
int sink_open(struct sink *sink, struct session *session, const struct verb *verb,
              const struct line *line, struct err *err);

/*
 * ret and err are how the verb ended; returns how the line did.  A reader that has seen enough
 * is no failure; a shell command that fails is "not found".
 */
int sink_close(struct sink *sink, int ret, struct err *err);

#endif
