/*
 * debug.h - debuggers that are at work in the space: their connections, whose turn it is to have a
 * threadproc's auxiliary vector shown (mm_view.h), and what is done when one of them is gone.
 */
#ifndef TPROC_SERVER_DEBUG_H
#define TPROC_SERVER_DEBUG_H

#include "loader/server/server.h"
#include "loader/wire.h"

struct debug_session;

/* Shows the space's own vector from now on.  Before the loop runs; not to be able to is no error.
 */
int debug_start(struct server *server, struct err *err);

/* Makes the connection a debugger's and answers.  NULL without memory. */
struct debug_session *debug_open(struct server *server, struct client *client, uint32_t flags);

/* The debugger is gone: its turn is over, and what it may have left in texts is put back. */
void debug_close(struct debug_session *session);

/* WIRE_SHOW and WIRE_RELEASE.  ERR_PROTOCOL when the last answer is still to come. */
int debug_show(struct debug_session *session, uint32_t id, struct err *err);
void debug_release(struct debug_session *session, uint32_t id);

/*
 * WIRE_HOLD and WIRE_UNHOLD; 0 or a positive errno.  What a session holds goes on at its end.
 */
int debug_hold(struct debug_session *session, uint32_t id);
int debug_unhold(struct debug_session *session, uint32_t id);

/* Tells debuggers that want to know; address counts with WIRE_EVENT_TRAPPED only. */
void debug_tell(struct server *server, enum wire_event_kind kind, const struct threadproc *tp,
                uint64_t address);

/* True when some debugger had it shown, and is there still. */
bool debug_has_attached(const struct threadproc *tp);

/* Pid of the process that traces this one, 0: nobody; and then the letter of its state. */
pid_t debug_tracer(pid_t pid, char *ret_state);

/*
 * A thread of tp, or a forked child of its, ran onto a breakpoint without a debugger that saw it: an enum
 * tp_trap_verdict, and from bit 8 on the byte that belongs there.  flags are of enum tp_trap_flags.
 */
uint64_t debug_trapped(struct threadproc *tp, uint64_t addr, uint64_t flags);

/*
 * tp was stopped by a signal.  True when that was a debugger's, which is gone and will not make
 * it go on: then this does.
 */
bool debug_undo_stop(struct threadproc *tp, int sig);

#endif
