#include "inspect/lock_words.h"

const char *lock_kind_name(const struct lock_state *state)
{
	static const char *const names[] = {
		[LOCK_NORMAL] = "normal",
		[LOCK_RECURSIVE] = "recursive",
		[LOCK_ERRORCHECK] = "errorcheck",
		[LOCK_ADAPTIVE] = "adaptive",
	};

	return names[state->kind];
}

void lock_words(FILE *out, const struct lock_state *state)
{
	if (state->type == LOCK_RWLOCK)
		fputs("rwlock", out);
	else
		fprintf(out, "%s mutex", lock_kind_name(state));
	fprintf(out, "%s%s%s%s", state->robust ? ", robust" : "",
	        state->inherit ? ", priority inheritance" : "", state->shared ? ", shared" : "",
	        state->library == LOCK_MUSL ? ", musl" : "");
}

const char *lock_state_name(const struct lock *lock)
{
	if (lock->state.unusable)
		return "not recoverable";
	if (lock->state.owner_died)
		return "owner died";
	if (lock->state.owner && !lock->owner.tp)
		return "owner gone";
	return lock->state.held ? "held" : "free";
}

bool lock_is_bad(const struct lock *lock)
{
	return lock->state.unusable || lock->state.owner_died ||
	       (lock->state.owner && !lock->owner.tp);
}
