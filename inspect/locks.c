/* locks: who holds what, who waits for it, and who waits for each other. */
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/lock_words.h"
#include "inspect/progress.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/locks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* What is asked for: the locks that a threadproc holds, waits for or has in its memory. */
struct wanted {
	const struct show_selection *selection; /* NULL: all */
	const struct snapshot *snapshot;
};

static bool is_wanted_tp(const struct wanted *wanted, const struct reg_threadproc *tp)
{
	for (size_t i = 0; tp && i < wanted->selection->count; i++) {
		if (wanted->selection->list[i] == tp)
			return true;
	}
	return false;
}

static bool is_wanted(const struct wanted *wanted, const struct lock *lock)
{
	if (!wanted->selection || is_wanted_tp(wanted, lock->owner.tp) ||
	    is_wanted_tp(wanted, registry_owner(wanted->snapshot, lock->state.addr).tp))
		return true;
	for (size_t i = 0; i < lock->waiter_count; i++) {
		if (is_wanted_tp(wanted, lock->waiters[i].tp))
			return true;
	}
	return false;
}

static bool is_wanted_circle(const struct wanted *wanted, const struct lock_circle *circle)
{
	for (size_t i = 0; i < circle->count; i++) {
		if (!wanted->selection || is_wanted_tp(wanted, circle->threads[i].tp))
			return true;
	}
	return false;
}

/* ---- Text ------------------------------------------------------------------ */

static void print_thread(struct session *session, const struct lock_thread *thread)
{
	if (!thread->tp) {
		fprintf(session->out, "thread %d, which is gone", (int)thread->tid);
		return;
	}
	fprintf(session->out, "%" PRIu32 ".%d ", thread->tp->abi.id, (int)thread->tid);
	out_text(session->out, thread->tp->abi.name);
}

static void print_place(struct session *session, uint64_t addr)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	fprintf(session->out, "0x%" PRIx64, addr);
	if (!id)
		return;
	identify(session_target(session), addr, id);
	fputs("  ", session->out);
	brief_text(session->out, id);
}

static void print_owner(struct session *session, const struct lock *lock)
{
	const struct lock_state *state = &lock->state;

	fprintf(session->out, "  %s%s%s",
	        out_style(session->colour, lock_is_bad(lock) ? OUT_RED : OUT_PLAIN),
	        lock_state_name(lock), out_style(session->colour, OUT_PLAIN));
	if (state->readers) {
		fprintf(session->out, " by %" PRIu32 " reader%s", state->readers,
		        state->readers == 1 ? "" : "s");
	} else if (state->owner) {
		fputs(lock_is_bad(lock) ? ": " : " by ", session->out);
		print_thread(session, &lock->owner);
	}
	if (state->count > 1)
		fprintf(session->out, ", %" PRIu32 " times", state->count);
	fputc('\n', session->out);
}

/* How long at least, where that is known. */
static void print_wait_time(struct session *session, const struct lock_thread *thread)
{
	char text[SHOW_TEXT_SIZE];
	struct err err;
	uint64_t ns;

	if (thread->tp &&
	    !target_thread_asleep(session_target(session), thread->tp, thread->tid, &ns, &err))
		fprintf(session->out, " for %s", show_seconds(ns, text));
}

static void print_where(struct session *session, const char *what,
                        const struct tp_mutex_holder *holder)
{
	const struct reg_threadproc *tp = show_by_id(session->snapshot, holder->id);
	char ago[SHOW_TEXT_SIZE];

	if (!holder->tid)
		return;
	fprintf(session->out, "  %s", what);
	if (tp) {
		fprintf(session->out, " by %" PRIu32 ".%d ", tp->abi.id, (int)holder->tid);
		out_text(session->out, tp->abi.name);
	}
	fputs(" at ", session->out);
	out_text(session->out, holder->file);
	fprintf(session->out, ":%" PRIu32 ", %s\n", holder->line, show_ago(holder->since_ns, ago));
}

static void print_protected(struct session *session, const struct lock *lock)
{
	const struct snapshot *s = session->snapshot;

	for (size_t i = 0; i < s->name_count; i++) {
		if (!lock_protects(lock, &s->names[i]))
			continue;
		fputs("  protects ", session->out);
		out_text(session->out, s->names[i].abi.name);
		fputs(s->names[i].abi.suspect_ns ? ", which is suspect\n" : "\n", session->out);
	}
}

static void print_lock(struct session *session, const struct lock *lock)
{
	print_place(session, lock->state.addr);
	fputs("\n  ", session->out);
	lock_words(session->out, &lock->state);
	fputc('\n', session->out);
	print_owner(session, lock);
	print_where(session, "locked", &lock->notes.holder);
	print_where(session, "somebody died with it: locked", &lock->notes.died);
	print_protected(session, lock);
	for (size_t i = 0; i < lock->waiter_count; i++) {
		fputs("  awaited by ", session->out);
		print_thread(session, &lock->waiters[i]);
		print_wait_time(session, &lock->waiters[i]);
		fputc('\n', session->out);
	}
}

static void print_circle(struct session *session, const struct locks *locks,
                         const struct lock_circle *circle)
{
	fprintf(session->out, "%sdeadlock of %zu thread%s%s\n", out_style(session->colour, OUT_RED),
	        circle->count, circle->count == 1 ? "" : "s",
	        out_style(session->colour, OUT_PLAIN));
	for (size_t i = 0; i < circle->count; i++) {
		const struct lock_thread *next = &circle->threads[(i + 1) % circle->count];

		fputs("  ", session->out);
		print_thread(session, &circle->threads[i]);
		if (circle->locks[i] == SIZE_MAX) {
			fputs(" waits for the end of ", session->out);
		} else {
			fputs(" waits for ", session->out);
			print_place(session, locks->list[circle->locks[i]].state.addr);
			fputs(", held by ", session->out);
		}
		print_thread(session, next);
		fputc('\n', session->out);
	}
}

static size_t print_all(struct session *session, const struct locks *locks,
                        const struct wanted *wanted)
{
	size_t shown = 0;

	for (size_t i = 0; i < locks->count; i++) {
		if (!is_wanted(wanted, &locks->list[i]))
			continue;
		print_lock(session, &locks->list[i]);
		shown++;
	}
	for (size_t i = 0; i < locks->circle_count; i++) {
		if (is_wanted_circle(wanted, &locks->circles[i]))
			print_circle(session, locks, &locks->circles[i]);
	}
	return shown;
}

/* ---- JSON ------------------------------------------------------------------ */

static json_t *thread_json(const struct lock_thread *thread)
{
	if (!thread->tid)
		return json_null();
	return json_pack("{s:o, s:i}", "threadproc",
	                 thread->tp ? show_json_who(thread->tp) : json_null(), "tid",
	                 (int)thread->tid);
}

static json_t *waiter_json(struct session *session, const struct lock_thread *thread)
{
	json_t *waiter = thread_json(thread);
	struct err err;
	uint64_t ns;

	if (target_thread_asleep(session_target(session), thread->tp, thread->tid, &ns, &err))
		json_object_set_new(waiter, "waiting_ns", json_null());
	else
		json_object_set_new(waiter, "waiting_ns", json_integer((json_int_t)ns));
	return waiter;
}

static json_t *where_json(const struct session *session, const struct tp_mutex_holder *holder)
{
	const struct reg_threadproc *tp = show_by_id(session->snapshot, holder->id);

	if (!holder->tid)
		return json_null();
	return json_pack("{s:o, s:i, s:o, s:I, s:o}", "threadproc",
	                 tp ? show_json_who(tp) : json_null(), "tid", (int)holder->tid, "file",
	                 out_json_text(holder->file), "line", (json_int_t)holder->line, "time",
	                 show_json_time(holder->since_ns));
}

static json_t *protected_json(const struct session *session, const struct lock *lock)
{
	const struct snapshot *s = session->snapshot;
	json_t *list = json_array();

	for (size_t i = 0; i < s->name_count; i++) {
		if (lock_protects(lock, &s->names[i]))
			json_array_append_new(list, out_json_text(s->names[i].abi.name));
	}
	return list;
}

static json_t *place_json(struct session *session, uint64_t addr)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	if (!id)
		return NULL;
	identify(session_target(session), addr, id);
	return identities_json_brief(id);
}

static json_t *lock_json(struct session *session, const struct lock *lock)
{
	const struct lock_state *state = &lock->state;
	json_t *waiters = json_array();

	for (size_t i = 0; i < lock->waiter_count; i++)
		json_array_append_new(waiters, waiter_json(session, &lock->waiters[i]));
	return json_pack(
		"{s:o, s:s, s:o, s:b, s:b, s:b, s:s, s:s, s:o, s:i, s:i, s:o, s:o, s:o, s:o}",
		"lock",
		place_json(session, state->addr), "type",
		state->type == LOCK_RWLOCK ? "rwlock" : "mutex", "kind",
		state->type == LOCK_MUTEX ? json_string(lock_kind_name(state)) : json_null(),
		"robust", state->robust, "priority_inheritance", state->inherit, "shared",
		state->shared, "library", state->library == LOCK_MUSL ? "musl" : "glibc", "state",
		lock_state_name(lock), "owner", thread_json(&lock->owner), "readers",
		(int)state->readers, "count", (int)state->count, "waiters", waiters, "locked_at",
		where_json(session, &lock->notes.holder), "died",
		where_json(session, &lock->notes.died), "protects", protected_json(session, lock));
}

static json_t *circle_json(const struct locks *locks, const struct lock_circle *circle)
{
	json_t *all = json_array();

	for (size_t i = 0; i < circle->count; i++) {
		size_t lock = circle->locks[i];

		json_array_append_new(
			all,
			json_pack("{s:o, s:o}", "thread", thread_json(&circle->threads[i]),
		                  "waits_for",
		                  lock == SIZE_MAX ? json_null()
		                                   : out_json_hex(locks->list[lock].state.addr)));
	}
	return all;
}

static int answer_json(struct session *session, const struct locks *locks,
                       const struct wanted *wanted, struct err *err)
{
	json_t *all = json_array(), *circles = json_array();

	for (size_t i = 0; i < locks->count; i++) {
		if (is_wanted(wanted, &locks->list[i]))
			json_array_append_new(all, lock_json(session, &locks->list[i]));
	}
	for (size_t i = 0; i < locks->circle_count; i++) {
		if (is_wanted_circle(wanted, &locks->circles[i]))
			json_array_append_new(circles, circle_json(locks, &locks->circles[i]));
	}
	return session_print_json(session,
	                          json_pack("{s:o, s:o}", "locks", all, "deadlocks", circles), err);
}

/* ---- The verb -------------------------------------------------------------- */

static int step(void *context, uint64_t bytes, struct err *err)
{
	return progress_step(context, bytes) ? 0 : session_stopped(err);
}

static int read_locks(struct session *session, bool search, struct locks *ret_locks,
                      struct err *err)
{
	struct progress progress;
	const struct locks_options options = {search, step, &progress};
	int ret;

	progress_begin(&progress, session, "searching", PROGRESS_BYTES, 0);
	ret = locks_read(session_target(session), &options, ret_locks, err);
	progress_end(&progress);
	return ret;
}

static int answer(struct session *session, const struct locks *locks, const struct wanted *wanted,
                  struct err *err)
{
	if (session->json)
		return answer_json(session, locks, wanted, err);
	if (!print_all(session, locks, wanted))
		fputs("no lock is known to be held or waited for\n", session->out);
	return 0;
}

enum { SEARCH };

static const struct verb_option options[] = {
	[SEARCH] = {"search", NULL, "look through memory for held mutexes that nobody waits for"},
	{0},
};

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection = {0};
	struct wanted wanted = {NULL, session->snapshot};
	struct locks locks;
	int ret;

	if (args->count) {
		if (show_select(session->snapshot, args->words[0], &selection, err))
			return -1;
		wanted.selection = &selection;
	}
	ret = read_locks(session, args->options[SEARCH], &locks, err);
	if (!ret) {
		ret = answer(session, &locks, &wanted, err);
		locks_deinit(&locks);
	}
	free(selection.list);
	return ret;
}

const struct verb verb_locks = {
	.name = "locks",
	.usage = "[ID]",
	.help = "mutexes and rwlocks that are held or waited for, and deadlocks",
	.details =
		"Those that a thread waits for, robust ones that a thread holds, and those that\n"
		"named objects were published with; with --search also mutexes that a living\n"
		"thread holds and nobody waits for yet.\n"
		"Who holds each, of which component, and who waits for it; whether its owner "
		"died.\n"
		"Threads that wait for each other in a circle are a deadlock, across components\n"
		"too.\n"
		"Nothing is stopped: each thread is as it was when it was looked at.\n",
	.example = "locks --search allocstr",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
