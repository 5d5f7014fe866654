/*
 * hold.h - threadprocs that wait for a debugger before their first instruction
 * (WIRE_WAIT_DEBUGGER).
 *
 * One of ours (debug.h) says when it is through with the attach.  Any other is noticed by what the
 * kernel tells of the process: it is traced, and its tracer lets it run.
 */
#ifndef TPROC_SERVER_HOLD_H
#define TPROC_SERVER_HOLD_H

#include "loader/server/threadproc.h"

/* It was started; nothing happens to one that does not wait. */
void hold_begin(struct threadproc *tp);

/* It may go on. */
void hold_end(struct threadproc *tp);

#endif
