/*
 * Which components are to be treated as suspect, and why.  Facts alone count: whose code ran,
 * whose memory it was, who keeps a pointer or waits.
 */
#include "inspect/report/parts.h"

#include "inspect/show.h"

#include <stdio.h>
#include <string.h>

static void suspect(json_t *list, json_t *who, const char *why)
{
	uint64_t id = (uint64_t)json_integer_value(json_object_get(who, "id"));
	json_t *reasons = NULL;
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const json_t *other = json_object_get(entry, "threadproc");

		if ((uint64_t)json_integer_value(json_object_get(other, "id")) == id)
			reasons = json_object_get(entry, "why");
	}
	if (!reasons) {
		reasons = json_array();
		json_array_append_new(list,
		                      json_pack("{s:O, s:o}", "threadproc", who, "why", reasons));
	}
	json_array_append_new(reasons, json_string(why));
}

static void suspect_threadproc(json_t *list, const struct reg_threadproc *tp, const char *why)
{
	json_t *who = show_json_who(tp);

	suspect(list, who, why);
	json_decref(who);
}

/* Code of others on the way to the crash. */
static void add_code(const struct report *report, json_t *list)
{
	const struct reg_threadproc *seen = report->tp;

	for (size_t i = 0; i < report->backtrace.count; i++) {
		const struct frame *frame = &report->backtrace.frames[i];
		const struct reg_threadproc *tp =
			registry_owner(report->target->snapshot, frame_lookup_address(frame)).tp;

		/* where a bad jump led is told as memory */
		if (!tp || tp == report->tp || tp == seen || (!i && report_is_jump(report)))
			continue;
		suspect_threadproc(list, tp,
		                   i ? "its code was on the stack of the thread that crashed"
		                     : "the crash was in its code, which was borrowed");
		seen = tp;
	}
}

static void add_memory(const struct report *report, json_t *list)
{
	const struct identity *id = report->fault;
	const bool is_memory = report->crash->code > 0 && report->access.kind != ACCESS_UNKNOWN;

	if (!is_memory || !id->owner.tp || id->owner.tp == report->tp ||
	    !reg_threadproc_lives(id->owner.tp))
		return;
	if (id->has_chunk && id->chunk.state != CHUNK_IN_USE)
		suspect_threadproc(list, id->owner.tp,
		                   "its heap has freed what another one still uses");
	else
		suspect_threadproc(list, id->owner.tp,
		                   "its memory was what the crash was about: it may be damaged");
}

/* Named objects that a lock of its protects. */
static void add_protected(json_t *list, const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach((json_t *)names, i, name)
	{
		json_t *who = json_object_get(name, "threadproc");
		char why[TP_NAME_SIZE * 6 + 64];

		snprintf(why, sizeof(why), "what it published as \"%s\" may be half changed",
		         json_string_value(json_object_get(name, "name")));
		if (json_is_object(who))
			suspect(list, who, why);
	}
}

/* Those in whose memory the locks are that it held: what these protect is theirs, mostly. */
static void add_locks(const struct report *report, json_t *list, const json_t *locks)
{
	json_t *lock;
	size_t i;

	json_array_foreach((json_t *)locks, i, lock)
	{
		json_t *who = json_object_get(lock, "threadproc");

		if (json_is_object(who) &&
		    json_integer_value(json_object_get(who, "id")) != report->tp->abi.id)
			suspect(list, who,
			        "a lock in its memory was held: what that protects may be half "
			        "done");
		add_protected(list, json_object_get(lock, "protects"));
	}
}

static void add_each(json_t *list, const json_t *others, const char *why)
{
	json_t *entry;
	size_t i;

	json_array_foreach((json_t *)others, i, entry)
		suspect(list, json_object_get(entry, "threadproc"), why);
}

json_t *verdict_json(const struct report *report, const json_t *locks, const json_t *pointers,
                     const json_t *waiters)
{
	json_t *list = json_array();

	if (!report->crash)
		return list;
	suspect_threadproc(list, report->tp, "it crashed: what it wrote last may be half done");
	add_code(report, list);
	add_memory(report, list);
	add_locks(report, list, locks);
	add_each(list, pointers, "it points into memory that is gone with the crash");
	add_each(list, waiters, "a thread of it waits for what may never come");
	return list;
}
