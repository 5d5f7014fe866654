/* stop.h - what is asked of the server of a space that runs. */
#ifndef TPROC_SERVER_STOP_H
#define TPROC_SERVER_STOP_H

#include "lib/base/err.h"

/* Ends the space, and waits until it has ended.  ERR_NO_SPACE when there is none, as below. */
int stop_space(const char *space, struct err *err);

/* What a crash stopped (tprun --on-crash=stop-space) goes on. */
int thaw_space(const char *space, struct err *err);

#endif
