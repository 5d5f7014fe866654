/*
 * repl.h - where commands come from when no -c gives them.
 */
#ifndef TPROC_INSPECT_REPL_H
#define TPROC_INSPECT_REPL_H

#include "inspect/session.h"

/* Commands from a person, with line editing, until `quit` or the end of input. */
int repl_interactive(struct session *session);

/*
 * Commands from a file, one a line.  Ends at the first that does not end in STATUS_OK, unless
 * keep_going; returns what that one ended in.
 */
int repl_script(struct session *session, FILE *input, bool keep_going);

/* The same for a list of them. */
int repl_commands(struct session *session, const char *const *commands, size_t count,
                  bool keep_going);

#endif
