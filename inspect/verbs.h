/*
 * verbs.h - what tpinspect can be asked.
 */
#ifndef TPROC_INSPECT_VERBS_H
#define TPROC_INSPECT_VERBS_H

#include "inspect/session.h"

struct verb {
	const char *name;
	const char *usage;   /* its arguments */
	const char *help;    /* one line */
	const char *details; /* more, with an example */
	int args_min;
	int args_max; /* -1: any number */
	bool needs_space;
	/*
	 * Answers on session->out.  args are the words after the verb, NULL-terminated.
	 * Returns 0, 1 when it answered that something is not there, or -1 with err.
	 */
	int (*run)(struct session *session, int argc, char **args, struct err *err);
};

int verb_list(struct session *session, int argc, char **args, struct err *err);
int verb_owner(struct session *session, int argc, char **args, struct err *err);
int verb_modules(struct session *session, int argc, char **args, struct err *err);
int verb_fds(struct session *session, int argc, char **args, struct err *err);
int verb_names(struct session *session, int argc, char **args, struct err *err);

/*
 * Runs one command line: a verb and its arguments between blanks; an empty line and one
 * that begins with '#' do nothing.  Reports failures.  Returns a STATUS_ constant.
 */
int verbs_run_line(struct session *session, const char *line);

#endif
