/* stop.h - ends the space of that name, and waits until it has ended. */
#ifndef TPROC_SERVER_STOP_H
#define TPROC_SERVER_STOP_H

#include "lib/base/err.h"

/* ERR_NO_SPACE when there is none. */
int stop_space(const char *space, struct err *err);

#endif
