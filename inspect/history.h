/*
 * history.h - the lines typed so far, kept between sessions.
 *
 * In $XDG_STATE_HOME/tproc/tpinspect_history (without that variable ~/.local/state/...), or in
 * the file $TPROC_HISTFILE; an empty TPROC_HISTFILE keeps none.  Sessions at the same time each
 * append their lines; the file is cut to the latest ones when it has twice as many.
 */
#ifndef TPROC_INSPECT_HISTORY_H
#define TPROC_INSPECT_HISTORY_H

#include "lib/base/err.h"

#include <stdbool.h>

#define HISTORY_LINES 2000
#define HISTORY_LINE_MAX 4096 /* longer ones are not kept */

struct history;

/*
 * Opens the file, makes it (mode 0600, its directories 0700) when it is not there, and calls add
 * with each of the latest HISTORY_LINES lines, oldest first.  *ret_history is NULL when none is to
 * be kept; every function takes that.
 */
int history_open(void (*add)(const char *line), struct history **ret_history, struct err *err);
void history_close(struct history *history);

/*
 * Remembers a line.  Returns whether it is worth it: not when it is empty, begins with a blank or
 * is the line before once more.
 */
bool history_append(struct history *history, const char *line);

#endif
