/*
 * The locks that it held: whoever waits for one waits in vain, and what it protects may be half
 * done.  And all that wait for it: for such a lock, or in its memory.
 */
#include "inspect/report/parts.h"

#include "inspect/brief.h"
#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/read/locks.h"

#include <stdlib.h>

#define LOCKS_MAX 100
#define WAITERS_MAX 100

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	const struct report *report = context;

	(void)bytes;
	return session_interrupted(report->session) ? session_stopped(err) : 0;
}

int locks_of_report(struct report *report)
{
	const struct locks_options options = {
		.search = report->held, .step = take_step, .context = report};
	struct err err;

	return locks_read(report->target, &options, &report->locks, &err);
}

/* A thread of it; one that is gone by now is known by its number alone. */
static bool is_its(const struct report *report, const struct lock_thread *thread)
{
	if (thread->tp)
		return thread->tp == report->tp;
	return thread->tid &&
	       (thread->tid == report->crash->tid || thread->tid == report->tp->abi.pid);
}

static bool is_held(const struct report *report, const struct lock *lock)
{
	if (!lock->state.held && !lock->state.owner_died)
		return false;
	/* one whose owner died says itself who that was, or nobody can */
	if (!lock->state.held && lock->notes.holder.tid)
		return lock->notes.holder.id == report->tp->abi.id;
	return is_its(report, &lock->owner);
}

/* "brief" of an address; the caller frees it. */
static char *brief_at(const struct report *report, uint64_t addr, json_t **ret_owner)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	char *text = NULL;
	size_t size;
	FILE *out = id ? open_memstream(&text, &size) : NULL;

	if (!out)
		return NULL;
	identify(report->target, addr, id);
	brief_text(out, id);
	if (fclose(out))
		return NULL;
	if (ret_owner)
		*ret_owner = id->owner.tp ? show_json_who(id->owner.tp) : json_null();
	return text;
}

/* What the mutex has noted itself. */
static json_t *where_json(const struct lock *lock)
{
	const struct tp_mutex_holder *holder = &lock->notes.holder;

	if (!holder->tid)
		return json_null();
	return json_pack("{s:o, s:I, s:o}", "file", out_json_text(holder->file), "line",
	                 (json_int_t)holder->line, "time", show_json_time(holder->since_ns));
}

/* Named objects. */
static json_t *protected_json(const struct report *report, const struct lock *lock)
{
	const struct snapshot *s = report->target->snapshot;
	json_t *list = json_array();

	for (size_t i = 0; i < s->name_count; i++) {
		const struct reg_name *name = &s->names[i];

		if (lock_protects(lock, name))
			json_array_append_new(
				list, json_pack("{s:o, s:o}", "name", out_json_text(name->abi.name),
		                                "threadproc",
		                                name->owner ? show_json_who(name->owner)
		                                            : json_null()));
	}
	return list;
}

static json_t *lock_json(const struct report *report, const struct lock *lock)
{
	const pid_t tid = lock->state.owner ? lock->state.owner : lock->notes.holder.tid;

	json_t *owner = NULL;
	AUTO_FREE char *text = brief_at(report, lock->state.addr, &owner);

	if (!text)
		return NULL;
	return json_pack("{s:o, s:s, s:b, s:i, s:s, s:o, s:I, s:o, s:o}", "address",
	                 out_json_hex(lock->state.addr), "type",
	                 lock->state.type == LOCK_RWLOCK ? "rwlock" : "mutex", "robust",
	                 lock->state.robust, "tid", (int)tid, "what", text,
	                 "threadproc", owner, "waiters", (json_int_t)lock->waiter_count,
	                 "locked_at", where_json(lock), "protects", protected_json(report, lock));
}

json_t *locks_json(const struct report *report)
{
	const struct locks *locks = &report->locks;
	json_t *list = json_array();

	for (size_t i = 0; i < locks->count && json_array_size(list) < LOCKS_MAX; i++) {
		if (is_held(report, &locks->list[i]))
			json_array_append_new(list, lock_json(report, &locks->list[i]));
	}
	return list;
}

/* ---- Those that wait ----------------------------------------------------------------------- */

static bool waits_for_it(const struct report *report, const struct lock_wait *wait)
{
	return wait->lock != SIZE_MAX && is_held(report, &report->locks.list[wait->lock]);
}

/* Its own threads wait in its own memory all the time. */
static bool is_waiter(const struct report *report, const struct lock_wait *wait)
{
	if (wait->thread.tid == report->crash->tid)
		return false;
	return waits_for_it(report, wait) ||
	       (wait->thread.tp != report->tp &&
	        registry_owner(report->target->snapshot, wait->word).tp == report->tp);
}

static json_t *waiter_json(const struct report *report, const struct lock_wait *wait)
{
	const struct lock_thread *thread = &wait->thread;
	AUTO_FREE char *text = brief_at(report, wait->word, NULL);
	uint64_t asleep_ns;
	struct err err;
	bool known;

	if (!text)
		return NULL;
	known = !target_thread_asleep(report->target, thread->tp, thread->tid, &asleep_ns, &err);
	return json_pack("{s:o, s:i, s:o, s:s, s:b, s:o}", "threadproc", show_json_who(thread->tp),
	                 "tid", (int)thread->tid, "address", out_json_hex(wait->word), "what", text,
	                 "held_by_it", waits_for_it(report, wait), "waiting_ns",
	                 known ? json_integer((json_int_t)asleep_ns) : json_null());
}

json_t *waiters_json(const struct report *report)
{
	const struct locks *locks = &report->locks;
	json_t *list = json_array();

	for (size_t i = 0; i < locks->wait_count && json_array_size(list) < WAITERS_MAX; i++) {
		if (is_waiter(report, &locks->waits[i]))
			json_array_append_new(list, waiter_json(report, &locks->waits[i]));
	}
	return list;
}
