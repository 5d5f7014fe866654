/*
 * pager.h - answers longer than the screen go through the user's pager.
 *
 * What is shorter is held back until the answer is complete, then written as it is.
 */
#ifndef TPROC_INSPECT_PAGER_H
#define TPROC_INSPECT_PAGER_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where on a screen a text ends. */
struct pager_position {
	size_t columns; /* of the screen */
	size_t row;     /* from 0 */
	size_t column;
	bool in_escape; /* within a sequence that shows nothing */
};

/* Moves behind the text: UTF-8, escape sequences for colour. */
void pager_move(struct pager_position *position, const char *text, size_t len);

struct pager;

/*
 * command: $PAGER as the shell runs it; NULL: less -FRX, or nothing where that is missing.
 * terminal is borrowed; *shared is set to false once the pager has it, and nothing else may draw
 * there.  *ret_stream is what to write to, the pager's.
 */
int pager_open(const char *command, FILE *terminal, bool *shared, struct pager **ret_pager,
               FILE **ret_stream, struct err *err);

/* The answer is complete: shows it, waits for the pager's end.  Returns whether all was written. */
bool pager_close(struct pager *pager);

/* Whether this environment has and wants a pager on the terminal; *ret_command as above. */
bool pager_wanted(const char **ret_command);

#endif
