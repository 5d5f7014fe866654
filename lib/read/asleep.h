/*
 * asleep.h - how long a thread has not run.
 */
#ifndef TPROC_READ_ASLEEP_H
#define TPROC_READ_ASLEEP_H

#include "lib/base/err.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * How long ago a thread was on a processor last, in nanoseconds: what blocks it does so for that
 * long at least.  It may be longer: the kernel's own clock of a processor leaves out what is stolen
 * from it, and a thread that was woken in between, if only to be looked at, ran since.
 *
 * Goes to that thread's processor for a moment, since each has such a clock of its own.
 * ERR_NOT_FOUND where the kernel does not tell, or when the thread is gone.
 */
int thread_asleep(pid_t pid, pid_t tid, uint64_t *ret_ns, struct err *err);

#endif
