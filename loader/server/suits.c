#include "loader/server/suits.h"

#include <linux/capability.h>

static bool has_lower_limits(const struct launch_space *space, const struct wire_launch *launch)
{
	for (uint32_t i = 0; i < RLIM_NLIMITS && i < WIRE_RLIMITS; i++)
		if (launch->rlimits[i].hard > space->rlimits[i].rlim_max)
			return true;
	return false;
}

enum suits suits_caller(const struct launch_space *space, const struct caller *caller,
                        const struct wire_launch *launch)
{
	if (!caller->same_groups &&
	    (caller->group_count > SLOT_GROUPS || !caller_server_may(CAP_SETGID)))
		return SUITS_NOT;
	if (caller->more_capabilities)
		return SUITS_NEARLY;
	if ((launch->flags & WIRE_HAS_TERMINAL) && launch->sid != space->server_sid)
		return SUITS_NEARLY;
	if (has_lower_limits(space, launch) && !caller_server_may(CAP_SYS_RESOURCE))
		return SUITS_NEARLY;
	if (launch->nice < space->nice && !caller_server_may(CAP_SYS_NICE))
		return SUITS_NEARLY;
	return SUITS;
}
