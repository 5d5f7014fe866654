#include "loader/server/crash.h"

#include "lib/base/cleanup.h"
#include "loader/server/client.h"
#include "loader/server/log.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void give_verdict(struct tp_crash *box, enum tp_crash_verdict verdict)
{
	__atomic_store_n(&box->verdict, verdict, __ATOMIC_RELEASE);
	syscall(SYS_futex, &box->verdict, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool is_thread(pid_t pid, pid_t tid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return tid > 0 && !stat(path, &st);
}

/*
 * Everything in the space could have written it.  What could not be is set right, as readers of the
 * registry demand; false when it is not this threadproc's at all.
 */
static bool check(const struct threadproc *tp, struct tp_crash *crash)
{
	if (crash->generation != tp->generation || !threadproc_is_fault(crash->sig))
		return false;
	if (crash->reg_count > TP_CRASH_REGS)
		crash->reg_count = 0;
	if (crash->stack_len > TP_CRASH_STACK)
		crash->stack_len = 0;
	if (crash->stack_lo > UINT64_MAX - TP_CRASH_STACK) {
		crash->stack_lo = 0;
		crash->stack_len = 0;
	}
	memset(crash->stack + crash->stack_len, 0, TP_CRASH_STACK - crash->stack_len);
	memset(crash->reserved, 0, sizeof(crash->reserved));
	return true;
}

/* A copy of what is there just now; NULL without memory. */
static struct tp_crash *copy(const struct tp_crash *box)
{
	struct tp_crash *crash = malloc(sizeof(*crash));

	if (crash)
		memcpy(crash, box, sizeof(*crash));
	return crash;
}

static void let_die(struct threadproc *tp)
{
	threadproc_publish_held(tp, false);
	if (tp->crashed)
		give_verdict(mailboxes_crash(&tp->server->mailboxes, tp->index), TP_VERDICT_DIE);
}

/* Stops all others, but for those that are stopped already, which is their own business. */
static void freeze(struct threadproc *tp)
{
	struct server *server = tp->server;

	tp->has_stopped_space = true;
	for (uint32_t i = 0; i < TP_THREADPROCS; i++) {
		struct threadproc *other = server->threadprocs[i];

		if (!other || other == tp || other->phase != THREADPROC_LIVING || other->frozen ||
		    other->crashed || other->held_by ||
		    threadproc_record(other)->state != TP_STATE_RUNNING)
			continue;
		other->frozen = true;
		threadproc_signal(other, SIGSTOP);
	}
}

void crash_thaw(struct server *server)
{
	for (uint32_t i = 0; i < TP_THREADPROCS; i++) {
		struct threadproc *tp = server->threadprocs[i];

		if (!tp)
			continue;
		if (tp->frozen)
			threadproc_signal(tp, SIGCONT);
		tp->frozen = false;
		if (tp->has_stopped_space)
			let_die(tp);
		tp->has_stopped_space = false;
	}
}

void crash_look(struct threadproc *tp)
{
	struct tp_crash *box = mailboxes_crash(&tp->server->mailboxes, tp->index);
	AUTO_FREE struct tp_crash *crash = NULL;

	/* Until its pid is known there is nobody whose thread it could be. */
	if (tp->phase != THREADPROC_LIVING ||
	    __atomic_load_n(&box->state, __ATOMIC_ACQUIRE) != TP_CRASH_COMPLETE)
		return;
	crash = copy(box);
	if (!crash || !check(tp, crash) || !is_thread(tp->pid, crash->tid)) {
		log_error("threadproc %u: its crash record makes no sense", tp->id);
		__atomic_store_n(&box->state, TP_CRASH_TAKEN, __ATOMIC_RELEASE);
		give_verdict(box, TP_VERDICT_DIE);
		return;
	}
	/* Who is told of it will want to know what it was made of. */
	if (tp->hold_crash && tp->client)
		threadproc_look(tp);
	crash->state = TP_CRASH_TAKEN;
	crash->verdict = TP_VERDICT_DIE;
	threadproc_publish_crash(tp, crash);
	tp->crashed = true;
	__atomic_store_n(&box->state, TP_CRASH_TAKEN, __ATOMIC_RELEASE);
	if (!tp->hold_crash || !tp->client) {
		give_verdict(box, TP_VERDICT_DIE);
		return;
	}
	tp->looked_at = true;
	threadproc_publish_held(tp, true);
	give_verdict(box, TP_VERDICT_HOLD);
	if (tp->stops_space)
		freeze(tp);
	client_crashed(tp->client, tp->id, crash->tid, crash->sig);
}

void crash_release(struct threadproc *tp)
{
	if (tp->has_stopped_space)
		crash_thaw(tp->server);
	else
		let_die(tp);
}

void crash_ended(struct threadproc *tp)
{
	threadproc_publish_held(tp, false);
	if (tp->has_stopped_space)
		crash_thaw(tp->server);
}

void crash_publish_rest(struct threadproc *tp)
{
	struct tp_crash *box = mailboxes_crash(&tp->server->mailboxes, tp->index);
	AUTO_FREE struct tp_crash *crash = NULL;
	uint32_t state = __atomic_load_n(&box->state, __ATOMIC_ACQUIRE);

	if (tp->crashed || (state != TP_CRASH_WRITING && state != TP_CRASH_COMPLETE))
		return;
	crash = copy(box);
	if (!crash)
		return;
	if (!check(tp, crash)) {
		log_error("threadproc %u: somebody wrote to where it records its crash: that is not "
			  "believed", tp->id);
		return;
	}
	crash->tid = 0; /* it is gone: nothing tells whose it was */
	crash->state = state;
	crash->verdict = TP_VERDICT_NONE;
	threadproc_publish_crash(tp, crash);
}

/* What is held when it crashes is its launcher's business; what dies without a word is ours. */
void crash_keep(struct threadproc *tp, int code, int status)
{
	if (code == CLD_EXITED || !threadproc_is_fault(status) || (tp->crashed && tp->looked_at))
		return;
	keeper_note(&tp->server->keeper, tp->id);
}
