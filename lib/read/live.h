/*
 * live.h - a live space: its memory and mappings, by whichever of its processes can be
 * looked at.
 */
#ifndef TPROC_READ_LIVE_H
#define TPROC_READ_LIVE_H

#include "lib/read/identify.h"

/*
 * Fills in maps, mem and read_threads of a target for the space that the snapshot is of: by
 * the agent, else by any threadproc that lives.  A process counts only if the registry is
 * mapped where the registry says, so that a reused pid is not mistaken.  When none can be
 * had, maps and mem stay NULL.  live_close releases them.
 */
void live_open(const struct snapshot *snapshot, struct symcache *symbols,
               struct target *ret_target);
void live_close(struct target *target);

#endif
