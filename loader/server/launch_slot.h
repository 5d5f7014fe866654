/*
 * launch_slot.h - what a slot's own state (agent/slot.h) begins with.
 */
#ifndef TPROC_SERVER_LAUNCH_SLOT_H
#define TPROC_SERVER_LAUNCH_SLOT_H

#include "loader/agent/slot.h"
#include "loader/server/launch_plan.h"
#include "loader/server/stack.h"

/*
 * Fills all of it but launch.entry and launch.fds.  Not called for a caller whose groups are more
 * than SLOT_GROUPS, and not those of the server.
 */
void launch_slot_fill(struct slot *slot, const struct launch_space *space,
                      const struct launch_input *input, const struct stack_image *stack);

#endif
