/* What the toolkit keeps in the program's reach is ruined; then the program crashes. */
#include "faulty.h"

#include "loader/agent/slot.h"
#include "tproc/abi.h"

#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

static struct tp_self *self(void)
{
	return (struct tp_self *)getauxval(AT_TPROC);
}

static struct slot *slot(void)
{
	return (struct slot *)((char *)self() - SLOT_SELF + SLOT_STATE);
}

/* NULL when the program runs by itself, where nothing is there to be ruined. */
static struct tp_crash *record(void)
{
	return self() ? (struct tp_crash *)(self()->mailbox + TP_MAILBOX_CRASH) : NULL;
}

static void with_state(uint32_t state, uint32_t verdict, int32_t tid)
{
	struct tp_crash *crash = record();

	if (crash) {
		memset(crash, 0xa5, sizeof(*crash));
		crash->tid = tid;
		crash->generation = self()->generation;
		crash->verdict = verdict;
		crash->state = state;
	}
	write_4(0);
}

static void writing(uintptr_t where)
{
	(void)where;
	with_state(TP_CRASH_WRITING, TP_VERDICT_NONE, 1);
}

static void complete(uintptr_t where)
{
	(void)where;
	with_state(TP_CRASH_COMPLETE, TP_VERDICT_NONE, 1);
}

static void taken(uintptr_t where)
{
	(void)where;
	with_state(TP_CRASH_TAKEN, TP_VERDICT_NONE, 1);
}

static void nonsense(uintptr_t where)
{
	(void)where;
	with_state(77, 77, 1);
}

static void hold(uintptr_t where)
{
	(void)where;
	with_state(TP_CRASH_NONE, TP_VERDICT_HOLD, 1);
}

static void unknown(uintptr_t where)
{
	(void)where;
	with_state(TP_CRASH_NONE, 3, 1);
}

static volatile uint32_t forced;
static pthread_barrier_t forcing;

static void *force_verdict(void *arg)
{
	pthread_barrier_wait(&forcing);
	for (;;)
		__atomic_store_n((uint32_t *)arg, forced, __ATOMIC_RELEASE);
}

/* A thread writes its own verdict over the server's, all the time. */
static void keep_forcing(uint32_t verdict)
{
	pthread_t thread;

	forced = verdict;
	if (record()) {
		pthread_barrier_init(&forcing, NULL, 2);
		need(!pthread_create(&thread, NULL, force_verdict, &record()->verdict), "thread");
		pthread_barrier_wait(&forcing);
	}
	write_4(0);
}

static void hold_for_ever(uintptr_t where)
{
	(void)where;
	keep_forcing(TP_VERDICT_HOLD);
}

static int sleeper;

static void *sleep_for_ever(void *arg)
{
	sleeper = gettid();
	pthread_barrier_wait(&forcing);
	for (;;)
		pause();
	return arg;
}

/* As if a thread that lives, and does something else, had begun it. */
static void writing_other(uintptr_t where)
{
	pthread_t thread;

	(void)where;
	pthread_barrier_init(&forcing, NULL, 2);
	need(!pthread_create(&thread, NULL, sleep_for_ever, NULL), "thread");
	pthread_barrier_wait(&forcing);
	with_state(TP_CRASH_WRITING, TP_VERDICT_HOLD, sleeper);
}

/* A record that was begun, and never ended: what is left of one that died in the midst. */
static void half(uintptr_t where)
{
	struct tp_crash *crash = record();

	(void)where;
	if (crash) {
		crash->generation = self()->generation;
		crash->sig = SIGSEGV;
		crash->stack_len = 0xffffffff;
		crash->reg_count = 0xffffffff;
		crash->state = TP_CRASH_WRITING;
	}
	raise(SIGKILL);
}

/* A finished record that nobody wrote: complete, and not of this thread. */
static void forged(uintptr_t where)
{
	struct tp_crash *crash = record();

	(void)where;
	if (crash) {
		crash->generation = self()->generation;
		crash->sig = SIGSEGV;
		crash->tid = getppid();
		crash->state = TP_CRASH_COMPLETE;
	}
	_exit(5);
}

static void ruin(void *from, size_t size, int with)
{
	if (self())
		memset(from, with, size);
	write_4(0);
}

static void slot_zero(uintptr_t where)
{
	(void)where;
	ruin(slot(), SLOT_STATE_SIZE, 0);
}

static void slot_ones(uintptr_t where)
{
	(void)where;
	ruin(slot(), SLOT_STATE_SIZE, 0xff);
}

static void self_zero(uintptr_t where)
{
	(void)where;
	ruin(self(), 0x1000, 0);
}

static void self_ones(uintptr_t where)
{
	(void)where;
	ruin(self(), 0x1000, 0xff);
}

static void slot_breakpoint(uintptr_t where)
{
	(void)where;
	if (self())
		memset(slot(), 0xff, SLOT_STATE_SIZE);
	__asm__ volatile("int3");
}

static void mailbox(uintptr_t where)
{
	struct tp_mailbox *box = self() ? (struct tp_mailbox *)self()->mailbox : NULL;

	(void)where;
	ruin(box, sizeof(*box), 0xff);
}

/* The stack for signals is gone: the kernel cannot even call anybody. */
static void no_signal_stack(uintptr_t where)
{
	(void)where;
	if (self())
		need(!munmap((char *)slot() - SLOT_ALT_SIZE, SLOT_ALT_SIZE), "munmap");
	write_4(0);
}

const struct way toolkit_ways[] = {
	{ "crash-writing", writing },
	{ "crash-complete", complete },
	{ "crash-taken", taken },
	{ "crash-nonsense", nonsense },
	{ "crash-hold", hold },
	{ "crash-unknown", unknown },
	{ "crash-hold-for-ever", hold_for_ever },
	{ "crash-writing-other", writing_other },
	{ "crash-half", half },
	{ "crash-forged", forged },
	{ "slot-zero", slot_zero },
	{ "slot-ones", slot_ones },
	{ "self-zero", self_zero },
	{ "self-ones", self_ones },
	{ "slot-breakpoint", slot_breakpoint },
	{ "mailbox", mailbox },
	{ "no-signal-stack", no_signal_stack },
	{ 0 },
};
