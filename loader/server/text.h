/*
 * text.h - what belongs in the text of the programs, and putting it back where a debugger that is gone
 * left breakpoints.
 *
 * What belongs there is what the file has, but for the sites that are patched when text is mapped
 * (loader/patch).  Files are read again: a debugger seldom dies.
 */
#ifndef TPROC_SERVER_TEXT_H
#define TPROC_SERVER_TEXT_H

#include "loader/server/threadproc.h"

/* The byte that belongs at addr, in whoever's text that is; -1 when nobody knows. */
int text_original(struct server *server, uint64_t addr);

/* Puts the byte back that belongs at addr, if a breakpoint is there. */
void text_restore_at(struct server *server, uint64_t addr);

/* Puts back all breakpoints in the text of a threadproc.  Returns how many there were. */
unsigned text_restore(struct threadproc *tp);

#endif
