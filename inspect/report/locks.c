/* The locks that it held: whoever waits for one waits in vain, and what it protects may be half
 * done.
 */
#include "inspect/report/parts.h"

#include "inspect/brief.h"
#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/read/locks.h"

#include <stdlib.h>

#define LOCKS_MAX 100

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	const struct report *report = context;

	(void)bytes;
	return session_interrupted(report->session) ? session_stopped(err) : 0;
}

/* One of a thread that is gone by now names it by its number alone. */
static bool is_held(const struct report *report, const struct lock *lock)
{
	if (!lock->state.held && !lock->state.owner_died)
		return false;
	if (lock->owner.tp)
		return lock->owner.tp == report->tp;
	return lock->state.owner == report->crash->tid || lock->state.owner == report->tp->abi.pid;
}

static json_t *lock_json(const struct report *report, const struct lock *lock)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out;

	if (!id)
		return NULL;
	identify(report->target, lock->state.addr, id);
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	brief_text(out, id);
	if (fclose(out))
		return NULL;
	return json_pack("{s:o, s:s, s:b, s:i, s:s, s:o, s:I}", "address",
	                 out_json_hex(lock->state.addr), "type",
	                 lock->state.type == LOCK_RWLOCK ? "rwlock" : "mutex", "robust",
	                 lock->state.robust, "tid", (int)lock->state.owner, "what", text,
	                 "threadproc", id->owner.tp ? show_json_who(id->owner.tp) : json_null(),
	                 "waiters", (json_int_t)lock->waiter_count);
}

json_t *locks_json(struct report *report)
{
	const struct locks_options options = {
		.search = report->held, .step = take_step, .context = report};
	json_t *list = json_array();
	struct locks locks;
	struct err err;

	if (locks_read(report->target, &options, &locks, &err))
		return list;
	for (size_t i = 0; i < locks.count && json_array_size(list) < LOCKS_MAX; i++) {
		if (is_held(report, &locks.list[i]))
			json_array_append_new(list, lock_json(report, &locks.list[i]));
	}
	locks_deinit(&locks);
	return list;
}
