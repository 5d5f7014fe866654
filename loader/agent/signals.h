/* signals.h - the kernel's own structures for signals, which no libc header has. */
#ifndef TPROC_AGENT_SIGNALS_H
#define TPROC_AGENT_SIGNALS_H

#include "inspace.h"

#include <linux/signal.h>

struct kernel_stack {
	uint64_t sp;
	int32_t flags;
	int32_t pad;
	uint64_t size;
};

static inline uint64_t signal_bit(int sig)
{
	return UINT64_C(1) << (sig - 1);
}

/* The signals that are crashes when nobody handles them. */
#define CRASH_SIGNALS TP_SIGNALS_HANDLED

#endif
