/* start.h - see start.c. */
#ifndef TPROC_AGENT_START_H
#define TPROC_AGENT_START_H

#include "inspace.h"

/* Entry of a clone; arg is its struct slot.  Does not return. */
void start_program(void *arg);

#endif
