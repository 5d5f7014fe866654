/*
 * crash.h - what a threadproc's thread wrote of its crash, and what becomes of it.
 */
#ifndef TPROC_SERVER_CRASH_H
#define TPROC_SERVER_CRASH_H

#include "loader/server/threadproc.h"

/* Looks whether there is a complete record in the mailbox; publishes it and gives a verdict. */
void crash_look(struct threadproc *tp);

/* The one who launched it has seen enough: it dies. */
void crash_release(struct threadproc *tp);

/* All that was stopped because of a crash goes on, and what crashed dies. */
void crash_thaw(struct server *server);

/* It has ended: if others were stopped because of it, they go on. */
void crash_ended(struct threadproc *tp);

/* At its end: a record that is only half written is published as it is. */
void crash_publish_rest(struct threadproc *tp);

/* At its end, which is on record, with code and status of waitid(2): what nobody saw is kept. */
void crash_keep(struct threadproc *tp, int code, int status);

#endif
