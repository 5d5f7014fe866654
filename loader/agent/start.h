/* start.h - see start.c. */
#ifndef TPROC_AGENT_START_H
#define TPROC_AGENT_START_H

#include "inspace.h"

/* The end of the stack that start_program runs on: below what the program will find there. */
static inline uint64_t start_stack(const struct slot_launch *launch)
{
	return launch->fds & ~UINT64_C(63);
}

/* What a new process does; arg is its struct slot. */
_Noreturn void start_program(void *arg);

#endif
