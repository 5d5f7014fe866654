/*
 * interrupt.h - signals that stop a verb and not the program.
 *
 * A signal that is caught is put into the session's `interrupted`, and system calls that wait
 * end with EINTR: so a verb that writes to a full pipe is stopped too.
 */
#ifndef TPROC_INSPECT_INTERRUPT_H
#define TPROC_INSPECT_INTERRUPT_H

#include "inspect/session.h"

#include <signal.h>

/* From now on the signal is the session's.  once: a second one has its default effect. */
void interrupt_catch(struct session *session, int signo, bool once, struct sigaction *ret_before);

/* As it was before. */
void interrupt_restore(int signo, const struct sigaction *before);

/* Ends the process by that signal, so that whoever started it knows. */
void interrupt_die(int signo);

#endif
