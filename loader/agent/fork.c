/*
 * A fork copies the page tables of everything in the address space, ours and the
 * neighbours'.  So the neighbours' memory is marked MADV_DONTFORK around it, under a lock
 * of the whole space.
 *
 * The lock is robust: its word is the holder's pid.  Who finds it held by the dead, or
 * for too long (a holder can be stopped), may find its own memory marked, and unmarks it
 * first; then, without the lock, it forks with everything.
 */
#include "inspace.h"

#include <linux/seccomp.h>
#include <linux/signal.h>

#define FIRST_ADDR ((uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT)
#define LAST_ADDR ((uint64_t)TP_LAST_GRANULE << TP_GRANULE_SHIFT)
#define WAIT_STEP_MS 10
#define WAIT_STEPS 20
/* Some tenths of a second. */
#define SPINS (UINT32_C(1) << 22)

enum lock_result { LOCK_TAKEN, LOCK_INHERITED, LOCK_BUSY };

static uint32_t *lock_word(struct slot *slot)
{
	return &((struct tp_mailbox_header *)slot->mailbox_header)->fork_lock;
}

static enum lock_result lock(uint32_t *word, uint32_t me)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		uint32_t holder = 0;

		if (__atomic_compare_exchange_n(word, &holder, me, false, __ATOMIC_ACQUIRE,
		                                __ATOMIC_RELAXED))
			return LOCK_TAKEN;
		if ((int32_t)holder <= 0 || sys2(__NR_kill, holder, 0) == -ESRCH) {
			if (__atomic_compare_exchange_n(word, &holder, me, false, __ATOMIC_ACQUIRE,
			                                __ATOMIC_RELAXED))
				return LOCK_INHERITED;
			continue;
		}
		futex_wait(word, holder, WAIT_STEP_MS);
	}
	return LOCK_BUSY;
}

static void unlock(uint32_t *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
	futex_wake(word);
}

static void advise_own(const struct slot *slot, int advice)
{
	sys3(__NR_madvise, slot->lo, slot->hi - slot->lo, advice);
	for (uint32_t i = 1; i < slot->range_count && i < TP_RUNS; i++)
		sys3(__NR_madvise, slot->ranges[i].lo, slot->ranges[i].hi - slot->ranges[i].lo,
		     advice);
}

/* The lowest own run that ends above addr. */
static bool next_own(const struct slot *slot, uint64_t addr, uint64_t *lo, uint64_t *hi)
{
	bool found = false;

	for (uint32_t i = 0; i < slot->range_count && i < TP_RUNS; i++) {
		uint64_t run_lo = i ? slot->ranges[i].lo : slot->lo;
		uint64_t run_hi = i ? slot->ranges[i].hi : slot->hi;

		if (run_hi <= addr || (found && run_lo >= *lo))
			continue;
		*lo = run_lo;
		*hi = run_hi;
		found = true;
	}
	return found;
}

/* Everything in slots but our own runs.  Unmapped parts give ENOMEM, which is fine. */
static void advise_others(const struct slot *slot, int advice)
{
	uint64_t at = FIRST_ADDR;
	uint64_t lo = 0;
	uint64_t hi = 0;

	while (at < LAST_ADDR && next_own(slot, at, &lo, &hi)) {
		if (lo > at)
			sys3(__NR_madvise, at, lo - at, advice);
		at = page_up(hi);
	}
	if (at < LAST_ADDR)
		sys3(__NR_madvise, at, LAST_ADDR - at, advice);
}

/* Who watches memory may look when it is gone: the mailbox, which is shared, says that it had a
 * copy. */
static void note_child(const struct slot *slot)
{
	struct tp_mailbox *box = (struct tp_mailbox *)slot->mailbox;
	uint32_t n = __atomic_fetch_add(&box->forks, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&box->forked[n % TP_FORKED], (int32_t)sys0(__NR_getpid), __ATOMIC_RELAXED);
}

/* In the child, whose memory is a copy of its own. */
static void begin_child(struct slot *slot)
{
	brk_reset(slot);
	if (slot->filtered)
		return;
	note_child(slot);
	describe_child(slot);
}

/* Without asking the kernel for anything; not when somebody holds it for long. */
static enum lock_result lock_silently(uint32_t *word, uint32_t me)
{
	for (uint32_t spin = 0; spin < SPINS; spin++) {
		uint32_t holder = 0;

		if (__atomic_compare_exchange_n(word, &holder, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return LOCK_TAKEN;
		arch_pause();
	}
	return LOCK_BUSY;
}

/*
 * The program's own filter may kill at any call that the program does not make by itself.  So the
 * neighbours come along, which is slow and right; who waits for the lock looks for it
 * without being woken.
 */
static long fork_filtered(struct slot *slot, const struct arch_call *call)
{
	uint32_t *word = lock_word(slot);
	enum lock_result locked = lock_silently(word, slot->pid);
	long result;

	/* Then our own memory may be marked: a call is the lesser evil. */
	if (locked == LOCK_BUSY)
		advise_own(slot, MADV_DOFORK);
	result = arch_pass(call);
	if (result == 0)
		begin_child(slot);
	else if (locked == LOCK_TAKEN)
		__atomic_store_n(word, 0, __ATOMIC_RELEASE);
	return result;
}

static bool is_filter(const struct arch_call *call)
{
	return call->nr == __NR_prctl || call->arg[0] == SECCOMP_SET_MODE_STRICT ||
	       call->arg[0] == SECCOMP_SET_MODE_FILTER;
}

long fork_filter(struct slot *slot, const struct arch_call *call)
{
	uint32_t before = slot->filtered;
	long result;

	if (!is_filter(call))
		return arch_pass(call);
	/* Before, since another thread may fork as soon as it is there. */
	slot->filtered = 1;
	result = arch_pass(call);
	if (sys_failed(result))
		slot->filtered = before;
	return result;
}

bool fork_hold(void)
{
	uint32_t *word = &((struct tp_mailbox_header *)TP_MAILBOX_ADDR)->fork_lock;
	enum lock_result locked = lock(word, (uint32_t)sys0(__NR_getpid));

	/* Who died with it may have left anybody's memory marked. */
	if (locked == LOCK_INHERITED)
		sys3(__NR_madvise, FIRST_ADDR, LAST_ADDR - FIRST_ADDR, MADV_DOFORK);
	return locked != LOCK_BUSY;
}

void fork_let(void)
{
	unlock(&((struct tp_mailbox_header *)TP_MAILBOX_ADDR)->fork_lock);
}

/*
 * With the lock.  A debugger that follows the fork looks at the child before that can say what it
 * is; it begins with what the memory of all says.
 */
static void prepare(const struct slot *slot, bool alone, enum lock_result locked)
{
	const struct tp_registry *registry = (const struct tp_registry *)slot->registry;

	if (alone)
		advise_others(slot, MADV_DONTFORK);
	else if (locked == LOCK_INHERITED)
		advise_others(slot, MADV_DOFORK);
	if (__atomic_load_n(&registry->debuggers, __ATOMIC_ACQUIRE) == TP_DEBUGGERS_ATTACHED)
		describe_for_fork(slot);
}

long fork_own(struct slot *slot, const struct arch_call *call)
{
	const struct tp_self *self = (const struct tp_self *)slot->self;
	bool alone = !(self->flags & TP_SELF_FORK_ALL);
	uint32_t *word = lock_word(slot);
	enum lock_result locked;
	uint64_t before;
	long result;

	if (!report_is_live(slot)) {
		result = arch_pass(call);
		if (result == 0)
			begin_child(slot);
		return result;
	}
	if (slot->filtered)
		return fork_filtered(slot, call);
	before = signals_block();
	locked = lock(word, (uint32_t)sys0(__NR_getpid));
	if (locked != LOCK_TAKEN)
		advise_own(slot, MADV_DOFORK);
	if (locked != LOCK_BUSY)
		prepare(slot, alone, locked);
	result = arch_pass(call);
	if (result == 0) {
		begin_child(slot);
	} else if (locked != LOCK_BUSY) {
		if (alone)
			advise_others(slot, MADV_DOFORK);
		unlock(word);
	}
	signals_restore(before);
	return result;
}
