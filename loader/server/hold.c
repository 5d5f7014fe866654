#include "loader/server/hold.h"

#include "loader/server/debug.h"

/* How often is looked whether there is a debugger.  Twice in a row counts. */
#define LOOK_MS 50

static bool waits(const struct threadproc *tp)
{
	return threadproc_record(tp)->flags & TP_THREADPROC_WAITS;
}

/* Between a debugger's attach and the stop that belongs to it, the process runs for a moment. */
static void on_timer(struct loop_timer *timer)
{
	struct threadproc *tp = container_of(timer, struct threadproc, hold_timer);
	bool seen_before = tp->seen_debugged;
	char state;

	if (tp->phase != THREADPROC_LIVING || !waits(tp))
		return;
	tp->seen_debugged = debug_tracer(tp->pid, &state) && state != 't' && state != 'T' &&
	                    !debug_has_attached(tp);
	if (tp->seen_debugged && seen_before)
		hold_end(tp);
	else
		loop_arm(&tp->server->loop, timer, LOOK_MS);
}

void hold_begin(struct threadproc *tp)
{
	tp->hold_timer.fire = on_timer;
	if (waits(tp))
		loop_arm(&tp->server->loop, &tp->hold_timer, LOOK_MS);
}

void hold_end(struct threadproc *tp)
{
	loop_disarm(&tp->server->loop, &tp->hold_timer);
	if (waits(tp))
		threadproc_publish_let_go(tp);
}
