/*
 * A signal that the program does not handle and that is the end of it: what there is to know
 * is written to the program's mailbox, the server takes it and says what becomes of the thread,
 * and then the signal does what it would have done.
 *
 * Legal here: less than anywhere else.  Heap, stack and thread-local storage of the program may
 * be ruined, and its struct slot as well: only what came with the stub is believed, which lies in
 * memory that is not writable, and the registry.  All signals are blocked, so that a fault in
 * here is the end at once, of the record too, which then stays half written.
 */
#include "signals.h"

#include <linux/time_types.h>

#define WAIT_STEP_MS 200
#define MOMENT_NS 2000000
/* A server that does not say anything for so long is given up. */
#define WAIT_STEPS 25
/* What the ABI lets a function use below its stack pointer. */
#define RED_ZONE 128
/* How many stacks of threads that may have ended are asked for. */
#define LOOK_AT_ALTS 16

/* Not a forked child, nor one that shares the memory until it execs. */
static bool is_threadproc(const struct tp_threadproc *record)
{
	return record &&
	       (record->state == TP_STATE_STARTING || record->pid == sys0(__NR_getpid));
}

static struct tp_crash *crash_of(uint32_t index)
{
	return (struct tp_crash *)(TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE +
				   (uint64_t)index * TP_MAILBOX_STRIDE + TP_MAILBOX_CRASH);
}

/* Memory that may not be there: the kernel does the reading.  Returns how many bytes it got. */
static uint32_t read_stack(uint64_t at, void *to, uint64_t size)
{
	struct sys_iovec here = { to, size };
	struct sys_iovec there = { (void *)at, size };
	long got = sys6(__NR_process_vm_readv, sys0(__NR_getpid), &here, 1, &there, 1, 0);

	return got > 0 ? (uint32_t)got : 0;
}

/* After an overflow the stack pointer is below the stack; what is left of it begins above. */
static void copy_stack(struct tp_crash *crash)
{
	crash->stack_lo = crash->sp - RED_ZONE;
	crash->stack_len = read_stack(crash->stack_lo, crash->stack, TP_CRASH_STACK);
	if (crash->stack_len)
		return;
	crash->stack_lo = page_up(crash->sp);
	crash->stack_len = read_stack(crash->stack_lo, crash->stack, TP_CRASH_STACK);
}

static void fill(struct tp_crash *crash, const struct tp_threadproc *record, int sig,
		 const void *info, const void *context)
{
	const int32_t *words = info;
	struct {
		int64_t sec;
		int64_t nsec;
	} now = { 0, 0 };

	crash->generation = record->generation;
	crash->sig = sig;
	memcpy(crash->siginfo, info, TP_SIGINFO_SIZE);
	crash->code = words[2];
	crash->addr = *(const uint64_t *)(words + 4);
	arch_context_save(context, crash);
	sys2(__NR_clock_gettime, 0 /* CLOCK_REALTIME */, &now);
	crash->time_ns = (uint64_t)now.sec * 1000000000 + (uint64_t)now.nsec;
	copy_stack(crash);
}

/* The mailbox can say anything; that a thread is held is in the registry as well. */
static bool is_held(const struct tp_threadproc *record)
{
	return __atomic_load_n(&record->flags, __ATOMIC_ACQUIRE) & TP_THREADPROC_HELD;
}

/* What is written to all the time lets nobody sleep there. */
static void step_aside(const uint32_t *word, uint32_t value)
{
	const struct __kernel_timespec moment = { 0, MOMENT_NS };

	if (futex_wait(word, value, WAIT_STEP_MS) == -EAGAIN)
		sys2(__NR_nanosleep, &moment, 0);
}

/* Until the server says that it has seen enough, or does not say anything. */
static void await_verdict(const struct tp_crash *crash, const struct tp_threadproc *record)
{
	for (int step = 0; step < WAIT_STEPS;) {
		uint32_t verdict = __atomic_load_n(&crash->verdict, __ATOMIC_ACQUIRE);

		if (verdict == TP_VERDICT_DIE && !is_held(record))
			return;
		step_aside(&crash->verdict, verdict);
		if (!is_held(record))
			step++;
	}
}

static bool is_other_thread(int32_t tid, int32_t self)
{
	return tid > 0 && tid != self && !sys3(__NR_tgkill, sys0(__NR_getpid), tid, 0);
}

/*
 * True when the record is ours to write.  Another thread's crash is the end of this one as
 * well; but what names a thread that is none of ours was not written by in-space code.
 */
static bool claim(struct tp_crash *crash, const struct tp_threadproc *record)
{
	int32_t self = (int32_t)sys0(__NR_gettid);

	for (int step = 0; step < WAIT_STEPS;) {
		int32_t seen = __atomic_load_n(&crash->tid, __ATOMIC_ACQUIRE);

		if (is_other_thread(seen, self))
			step_aside((const uint32_t *)&crash->tid, (uint32_t)seen);
		else if (__atomic_compare_exchange_n(&crash->tid, &seen, self, false,
						     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
		if (!is_held(record))
			step++;
	}
	return false;
}

static void tell(uint32_t index, const struct tp_threadproc *record, int sig, const void *info,
		 const void *context)
{
	struct tp_crash *crash = crash_of(index);

	if (!claim(crash, record))
		return;
	__atomic_store_n(&crash->state, TP_CRASH_WRITING, __ATOMIC_RELEASE);
	__atomic_store_n(&crash->verdict, TP_VERDICT_NONE, __ATOMIC_RELEASE);
	fill(crash, record, sig, info, context);
	__atomic_store_n(&crash->state, TP_CRASH_COMPLETE, __ATOMIC_RELEASE);
	report_ring(index);
	await_verdict(crash, record);
}

/* The signal comes again, with all that came with it, when the handler returns: then it kills. */
static void die(int sig, const void *info, void *context)
{
	const struct kernel_sigaction standard = { .handler = (uint64_t)SIG_DFL };
	long pid = sys0(__NR_getpid);
	long tid = sys0(__NR_gettid);

	if (sys4(__NR_rt_sigaction, sig, &standard, 0, ARCH_SIGSET_SIZE) ||
	    sys4(__NR_rt_tgsigqueueinfo, pid, tid, sig, info))
		arch_context_end(context, sig, ((const siginfo_t *)info)->si_code > 0);
}

void crash_signal(int sig, const void *info, void *context, const struct slot *slot, uint32_t index)
{
	const struct tp_threadproc *record = report_record(index);

	if (sig == SIGTRAP && slot->magic == SLOT_MAGIC &&
	    trap_survive((struct slot *)slot, info, context))
		return;
	if (is_threadproc(record))
		tell(index, record, sig, info, context);
	die(sig, info, context);
}

/* ---- installing ------------------------------------------------------------------------ */

static void install(const struct slot *slot, int sig)
{
	const struct kernel_sigaction action = {
		.handler = slot->crash_stub,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
		.restorer = (uint64_t)arch_sigreturn,
		.mask = ~UINT64_C(0),
	};

	sys4(__NR_rt_sigaction, sig, &action, 0, ARCH_SIGSET_SIZE);
}

static void install_stack(const struct slot *slot)
{
	const struct kernel_stack stack = { .sp = slot->alt_stack, .size = SLOT_ALT_SIZE };

	sys2(__NR_sigaltstack, &stack, 0);
}

void crash_install(const struct slot *slot, uint64_t ignored)
{
	uint64_t wanted = CRASH_SIGNALS & ~ignored;

	if (!slot->crash_stub)
		return;
	install_stack(slot);
	for (int sig = 1; wanted; sig++, wanted >>= 1)
		if (wanted & 1)
			install(slot, sig);
}

/* ---- threads ---------------------------------------------------------------------------- */

/* All of them in one mapping, which costs nothing before a thread crashes. */
static uint64_t map_stacks(struct slot *slot)
{
	uint64_t stacks = __atomic_load_n(&slot->alt_stacks, __ATOMIC_ACQUIRE);
	uint64_t none = 0;
	long at;

	if (stacks)
		return stacks;
	at = place_map(slot, 0, SLOT_ALTS * SLOT_THREAD_ALT_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at))
		return 0;
	if (__atomic_compare_exchange_n(&slot->alt_stacks, &none, (uint64_t)at, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return (uint64_t)at;
	/* Another thread was quicker. */
	sys2(__NR_munmap, at, SLOT_ALTS * SLOT_THREAD_ALT_SIZE);
	place_release(slot, (uint64_t)at, SLOT_ALTS * SLOT_THREAD_ALT_SIZE);
	return none;
}

static bool is_gone(const struct slot *slot, uint32_t tid)
{
	return !tid || sys3(__NR_tgkill, slot->pid, tid, 0) == -ESRCH;
}

/* One that no thread uses, or not any more; SLOT_ALTS when there is none near. */
static uint32_t take_stack(struct slot *slot, uint32_t tid)
{
	uint32_t from = __atomic_fetch_add(&slot->next_alt, 1, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < LOOK_AT_ALTS; i++) {
		uint32_t at = (from + i) % SLOT_ALTS;
		uint32_t user = __atomic_load_n(&slot->alt_users[at], __ATOMIC_RELAXED);

		if (is_gone(slot, user) &&
		    __atomic_compare_exchange_n(&slot->alt_users[at], &user, tid, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return at;
	}
	return SLOT_ALTS;
}

long crash_thread(struct slot *slot, const struct arch_call *call)
{
	struct kernel_stack stack = { .size = SLOT_THREAD_ALT_SIZE };
	uint64_t stacks;
	uint32_t tid;
	uint32_t at;

	/* A filter of the program's own may kill at what this takes. */
	if (!report_is_live(slot) || slot->filtered)
		return arch_pass(call);
	tid = (uint32_t)sys0(__NR_gettid);
	if (tid == slot->pid || sys0(__NR_getpid) != slot->pid)
		return arch_pass(call);
	stacks = map_stacks(slot);
	at = stacks ? take_stack(slot, tid) : SLOT_ALTS;
	if (at != SLOT_ALTS) {
		stack.sp = stacks + at * SLOT_THREAD_ALT_SIZE;
		sys2(__NR_sigaltstack, &stack, 0);
	}
	return arch_pass(call);
}

/* ---- what the program sees of it: nothing ----------------------------------------------- */

void crash_hide(const struct slot *slot, const struct arch_call *call)
{
	int sig = (int)call->arg[0];
	const struct kernel_sigaction *action = (const void *)call->arg[1];
	struct kernel_sigaction *old = (void *)call->arg[2];

	if (sig < 1 || sig > 64 || !(CRASH_SIGNALS & signal_bit(sig)) || !slot->crash_stub)
		return;
	if (old && old->handler == slot->crash_stub)
		memset(old, 0, sizeof(*old));
	if (action && action->handler == (uint64_t)SIG_DFL && report_is_live(slot))
		install(slot, sig);
}

static bool is_ours(const struct slot *slot, uint64_t sp)
{
	return sp == slot->alt_stack ||
	       (slot->alt_stacks && sp - slot->alt_stacks < SLOT_ALTS * SLOT_THREAD_ALT_SIZE);
}

long crash_sigaltstack(const struct slot *slot, const struct arch_call *call)
{
	const struct kernel_stack *stack = (const void *)call->arg[0];
	struct kernel_stack *old = (void *)call->arg[1];
	long result = arch_pass(call);

	if (result || !slot->alt_stack)
		return result;
	if (old && is_ours(slot, old->sp))
		*old = (struct kernel_stack){ .flags = SS_DISABLE };
	if (stack && (stack->flags & SS_DISABLE) && sys0(__NR_gettid) == slot->pid)
		install_stack(slot);
	return result;
}
