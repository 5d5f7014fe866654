/*
 * sharer.h - processes that use the memory of a threadproc and are none: children of vfork.
 */
#ifndef TPROC_READ_SHARER_H
#define TPROC_READ_SHARER_H

#include "lib/read/target.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Whose child a process is, or was, that is no threadproc and had its stack at sp.  NULL when it
 * had a memory of its own, as children of fork have, or was nobody's.  The snapshot has to be of a
 * later moment.
 */
const struct reg_threadproc *sharer_parent(const struct target *target, pid_t pid, uint64_t sp);

#endif
