#include "lib/read/events.h"

#include "lib/base/room.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Two snapshots, and what was found to differ so far. */
struct differ {
	const struct snapshot *before;
	const struct snapshot *after;
	uint64_t now_ns;
	size_t room;
	bool no_memory;
	struct events events;
};

static void add(struct differ *d, struct event event)
{
	if (!ROOM_FOR_ONE(d->events.list, d->room, d->events.count)) {
		d->no_memory = true;
		return;
	}
	if (!event.time_ns || event.time_ns > d->now_ns)
		event.time_ns = d->now_ns;
	d->events.list[d->events.count++] = event;
}

/* ---- Modules ------------------------------------------------------------- */

static bool is_same_module(const struct reg_module *a, const struct reg_module *b)
{
	return a->abi.bias == b->abi.bias && a->abi.kind == b->abi.kind &&
	       !strcmp(a->path, b->path);
}

static bool has_module(const struct reg_threadproc *tp, const struct reg_module *module)
{
	for (size_t i = 0; tp && i < tp->module_count; i++) {
		if (is_same_module(&tp->modules[i], module))
			return true;
	}
	return false;
}

static void add_missing(struct differ *d, enum event_kind kind, const struct reg_threadproc *tp,
                        const struct reg_threadproc *list, const struct reg_threadproc *in)
{
	for (size_t i = 0; list && i < list->module_count; i++) {
		if (!has_module(in, &list->modules[i]))
			add(d, (struct event){.kind = kind, .tp = tp, .module = &list->modules[i]});
	}
}

/* ---- Threadprocs --------------------------------------------------------- */

static bool is_over(const struct reg_threadproc *tp)
{
	return tp->abi.state == TP_STATE_EXITED || tp->abi.state == TP_STATE_CRASHED;
}

/* What a state is when it is reached; 0 for one that is nothing to tell of. */
static enum event_kind kind_of_state(uint32_t before, uint32_t after)
{
	switch (after) {
	case TP_STATE_STOPPED:
		return EVENT_STOPPED;
	case TP_STATE_RUNNING:
		return before == TP_STATE_STOPPED ? EVENT_CONTINUED : 0;
	case TP_STATE_EXITED:
		return EVENT_EXITED;
	case TP_STATE_CRASHED:
		return EVENT_CRASHED;
	case TP_STATE_EXECED:
		return EVENT_EXECED;
	default:
		return 0;
	}
}

/* was is the same threadproc before, NULL when it was not there. */
static void compare(struct differ *d, const struct reg_threadproc *was,
                    const struct reg_threadproc *is)
{
	uint32_t before = was ? was->abi.state : (uint32_t)TP_STATE_NONE;
	enum event_kind kind = kind_of_state(before, is->abi.state);

	if (!was)
		add(d,
		    (struct event){.kind = EVENT_LAUNCHED, .time_ns = is->abi.start_ns, .tp = is});
	/* what has ended has no modules any more, or keeps them for the record */
	if (reg_threadproc_lives(is)) {
		add_missing(d, EVENT_UNLOADED, is, was, is);
		add_missing(d, EVENT_LOADED, is, is, was);
	}
	if (kind && before != is->abi.state)
		add(d, (struct event){.kind = kind,
		                      .time_ns = is_over(is) ? is->abi.end_ns : 0,
		                      .tp = is});
}

/* One that is being loaded has no process yet, and is told of when it has. */
static bool is_there(const struct reg_threadproc *tp)
{
	return tp->abi.state != TP_STATE_NONE &&
	       (tp->abi.state != TP_STATE_STARTING || tp->abi.pid > 0);
}

static const struct reg_threadproc *same_before(const struct differ *d, size_t i)
{
	const struct reg_threadproc *was;

	if (i >= d->before->threadproc_count)
		return NULL;
	was = &d->before->threadprocs[i];
	return is_there(was) && was->abi.id == d->after->threadprocs[i].abi.id ? was : NULL;
}

static void compare_all(struct differ *d)
{
	const uint32_t last = d->before->header.last_id;
	const uint32_t launched = d->after->header.last_id - last;
	uint32_t found = 0;

	for (size_t i = 1; i < d->after->threadproc_count; i++) {
		const struct reg_threadproc *is = &d->after->threadprocs[i];

		found += is->abi.state != TP_STATE_NONE && is->abi.id > last;
		if (is_there(is))
			compare(d, same_before(d, i), is);
	}
	if (launched > found && launched <= INT32_MAX)
		add(d, (struct event){.kind = EVENT_MISSED, .count = launched - found});
}

/* ---- Names --------------------------------------------------------------- */

static bool has_name(const struct snapshot *snapshot, const struct reg_name *name)
{
	for (size_t i = 0; i < snapshot->name_count; i++) {
		const struct tp_name *other = &snapshot->names[i].abi;

		if (other->owner == name->abi.owner &&
		    other->owner_generation == name->abi.owner_generation &&
		    other->publish_ns == name->abi.publish_ns && other->addr == name->abi.addr &&
		    !strcmp(other->name, name->abi.name))
			return true;
	}
	return false;
}

/* With the end of its owner a name goes without a word. */
static void compare_names(struct differ *d)
{
	for (size_t i = 0; i < d->before->name_count; i++) {
		const struct reg_name *name = &d->before->names[i];
		const struct reg_threadproc *owner = NULL;
		size_t index = name->abi.owner;

		if (has_name(d->after, name))
			continue;
		if (index < d->after->threadproc_count && same_before(d, index))
			owner = &d->after->threadprocs[index];
		if (owner && reg_threadproc_lives(owner))
			add(d, (struct event){.kind = EVENT_UNNAMED, .tp = owner, .name = name});
	}
	for (size_t i = 0; i < d->after->name_count; i++) {
		const struct reg_name *name = &d->after->names[i];

		if (!has_name(d->before, name))
			add(d, (struct event){.kind = EVENT_NAMED,
			                      .time_ns = name->abi.publish_ns,
			                      .tp = name->owner,
			                      .name = name});
	}
}

/* -------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->tp && y->tp && x->tp->abi.id != y->tp->abi.id)
		return x->tp->abi.id < y->tp->abi.id ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

int events_between(const struct snapshot *before, const struct snapshot *after, uint64_t now_ns,
                   struct events *ret_events, struct err *err)
{
	struct differ d = {.before = before, .after = after, .now_ns = now_ns};

	compare_all(&d);
	compare_names(&d);
	if (before->header.agent_state == TP_AGENT_ALIVE &&
	    after->header.agent_state == TP_AGENT_DEAD)
		add(&d, (struct event){.kind = EVENT_AGENT_DIED});
	if (d.no_memory) {
		events_deinit(&d.events);
		return err_os(err, ENOMEM, "events");
	}
	if (d.events.count)
		qsort(d.events.list, d.events.count, sizeof(*d.events.list), by_time);
	*ret_events = d.events;
	return 0;
}

void events_deinit(struct events *events)
{
	free(events->list);
	*events = (struct events){0};
}

const char *event_name(enum event_kind kind)
{
	static const char *const names[] = {
		[EVENT_LAUNCHED] = "launched",     [EVENT_STOPPED] = "stopped",
		[EVENT_CONTINUED] = "continued",   [EVENT_EXITED] = "exited",
		[EVENT_CRASHED] = "crashed",       [EVENT_EXECED] = "execed",
		[EVENT_LOADED] = "loaded",         [EVENT_UNLOADED] = "unloaded",
		[EVENT_NAMED] = "named",           [EVENT_UNNAMED] = "unnamed",
		[EVENT_AGENT_DIED] = "agent_died", [EVENT_MISSED] = "missed",
	};

	return names[kind];
}
