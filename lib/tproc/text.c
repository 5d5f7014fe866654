/*
 * text.c - results and states in words.
 */
#include "tproc/tproc.h"

const char *tproc_strerror(int result)
{
	switch (result) {
	case TPROC_OK:
		return "success";
	case TPROC_EXITED:
		return "the owner has exited";
	case TPROC_NOT_IN_SPACE:
		return "not in a space";
	case TPROC_WRONG_VERSION:
		return "the space is of another version than libtproc";
	case TPROC_NOT_FOUND:
		return "not found";
	case TPROC_WRONG_TYPE:
		return "published with another type";
	case TPROC_EXISTS:
		return "the name is taken by another threadproc";
	case TPROC_INVALID:
		return "invalid argument";
	case TPROC_DENIED:
		return "the name belongs to another threadproc";
	case TPROC_FULL:
		return "no room for more names";
	case TPROC_TIMED_OUT:
		return "timed out";
	case TPROC_NO_SERVER:
		return "the server of the space is gone";
	case TPROC_BUSY:
		return "the registry is being written";
	case TPROC_OWNER_DIED:
		return "locked, but its last owner died with it";
	case TPROC_SUSPECT:
		return "suspect: somebody died while changing it";
	case TPROC_LOCKED:
		return "locked by another thread";
	case TPROC_DEADLOCK:
		return "the calling thread has it locked already";
	case TPROC_UNUSABLE:
		return "its owner died, and nobody made it consistent";
	case TPROC_FAILED:
		return "the server refused";
	default:
		return "unknown result";
	}
}

const char *tproc_state_name(int state)
{
	static const char *const names[] = {
		[TPROC_STATE_STARTING] = "starting", [TPROC_STATE_RUNNING] = "running",
		[TPROC_STATE_STOPPED] = "stopped",   [TPROC_STATE_EXITED] = "exited",
		[TPROC_STATE_CRASHED] = "crashed",   [TPROC_STATE_EXECED] = "execed",
	};

	if (state < TPROC_STATE_STARTING || state > TPROC_STATE_EXECED)
		return "unknown";
	return names[state];
}
