/*
 * What in-space code tells the server, through the program's mailbox: a word is written,
 * the program's bit in the header is set, and the server's thread is woken by a futex.
 */
#include "inspace.h"

#include <linux/elf.h>

#define WAIT_STEP_MS 200
/* A server that lives but does not answer for so long is given up. */
#define WAIT_STEPS 150
#define MAX_DYNAMIC 4096

/* r_state of struct r_debug (<link.h>, the SVR4 debugger interface). */
#define RT_CONSISTENT 0

struct r_debug_head {
	int32_t version;
	int32_t pad;
	uint64_t map;
	uint64_t brk;
	int32_t state;
};

bool report_is_live(const struct slot *slot)
{
	const struct tp_self *self = (const struct tp_self *)slot->self;

	return self->magic == TP_SELF_MAGIC;
}

static struct tp_mailbox *mailbox(const struct slot *slot)
{
	return (struct tp_mailbox *)slot->mailbox;
}

const struct tp_threadproc *report_record(uint32_t index)
{
	const struct tp_registry *registry = (const struct tp_registry *)TP_REGISTRY_ADDR;

	if (!index || index >= TP_THREADPROCS)
		return 0;
	return (const struct tp_threadproc *)(TP_REGISTRY_ADDR + registry->threadprocs.off) + index;
}

void report_ring(uint32_t index)
{
	struct tp_mailbox_header *header = (struct tp_mailbox_header *)TP_MAILBOX_ADDR;

	__atomic_fetch_or(&header->pending[index / 64 % (TP_THREADPROCS / 64)],
			  UINT64_C(1) << index % 64, __ATOMIC_RELEASE);
	__atomic_fetch_add(&header->doorbell, 1, __ATOMIC_RELEASE);
	futex_wake(&header->doorbell);
}

static void ring(const struct slot *slot)
{
	report_ring(slot->index);
}

/* What the dynamic linker left in the program's DT_DEBUG. */
static uint64_t debug_entry(const struct slot *slot)
{
	const Elf64_Dyn *dyn = (const Elf64_Dyn *)slot->dynamic;

	for (int i = 0; dyn && i < MAX_DYNAMIC && dyn[i].d_tag != DT_NULL; i++)
		if (dyn[i].d_tag == DT_DEBUG)
			return dyn[i].d_un.d_ptr;
	return 0;
}

void modules_changed(struct slot *slot)
{
	struct tp_mailbox *box = mailbox(slot);
	const struct r_debug_head *debug;
	uint32_t seq;

	if (!report_is_live(slot))
		return;
	if (!slot->r_debug)
		slot->r_debug = debug_entry(slot);
	debug = (const struct r_debug_head *)slot->r_debug;
	if (!debug)
		return;
	seq = __atomic_load_n(&box->modules_seq, __ATOMIC_RELAXED) | 1;
	if (debug->state != RT_CONSISTENT) {
		__atomic_store_n(&box->modules_seq, seq, __ATOMIC_RELEASE);
		return;
	}
	box->r_debug = slot->r_debug;
	__atomic_store_n(&box->modules_seq, seq + 1, __ATOMIC_SEQ_CST);
	/* At start-up the server is about to look anyway, and waking it would cost time that
	 * the program wants; it clears the word before it looks. */
	if (!__atomic_load_n(&box->quiet, __ATOMIC_SEQ_CST))
		ring(slot);
}

void report_scan(struct slot *slot)
{
	if (report_is_live(slot))
		__atomic_fetch_add(&mailbox(slot)->scanned, 1, __ATOMIC_RELAXED);
}

void report_exec(struct slot *slot, bool trying)
{
	struct tp_mailbox *box = mailbox(slot);

	/* A vfork child shares the memory but is not the threadproc. */
	if (!report_is_live(slot) || (uint32_t)sys0(__NR_getpid) != slot->pid)
		return;
	__atomic_fetch_add(&box->exec_count, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&box->exec_state, trying ? TP_EXEC_TRYING : TP_EXEC_NONE,
			 __ATOMIC_RELEASE);
	ring(slot);
}

/* ---- requests --------------------------------------------------------------------- */

static bool server_lives(const struct slot *slot)
{
	const struct tp_registry *registry = (const struct tp_registry *)slot->registry;

	return sys2(__NR_kill, registry->server_pid, 0) != -ESRCH;
}

static bool wait_while(const struct slot *slot, uint32_t *state, uint32_t value)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		if (__atomic_load_n(state, __ATOMIC_ACQUIRE) != value)
			return true;
		futex_wait(state, value, WAIT_STEP_MS);
		if (!server_lives(slot))
			return false;
	}
	return false;
}

static bool request_begin(const struct slot *slot, struct tp_request *request)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		uint32_t seen = TP_REQUEST_IDLE;

		if (__atomic_compare_exchange_n(&request->state, &seen, TP_REQUEST_FILLING, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
		if (!wait_while(slot, &request->state, seen))
			return false;
	}
	return false;
}

/* Asks and waits for the answer; false when there is none, or it is a refusal. */
static bool request_make(const struct slot *slot, uint32_t op, uint64_t arg0, uint64_t arg1,
			 uint64_t *ret_answer)
{
	struct tp_request *request = &mailbox(slot)->request;
	/* A handler that asks too would wait for itself. */
	uint64_t before = signals_block();
	bool granted;

	if (!request_begin(slot, request)) {
		signals_restore(before);
		return false;
	}
	request->op = op;
	request->arg0 = arg0;
	request->arg1 = arg1;
	__atomic_store_n(&request->state, TP_REQUEST_POSTED, __ATOMIC_RELEASE);
	ring(slot);
	granted = wait_while(slot, &request->state, TP_REQUEST_POSTED) && request->result == 0;
	*ret_answer = request->answer;
	__atomic_store_n(&request->state, TP_REQUEST_IDLE, __ATOMIC_RELEASE);
	futex_wake(&request->state);
	signals_restore(before);
	return granted;
}

uint64_t report_claim(struct slot *slot, uint32_t granules, uint32_t *ret_granules)
{
	uint64_t first;

	if (!report_is_live(slot) || !request_make(slot, TP_REQUEST_CLAIM, granules, 0, &first) ||
	    first < TP_FIRST_GRANULE || first > TP_LAST_GRANULE ||
	    granules > TP_LAST_GRANULE - first)
		return 0;
	*ret_granules = granules;
	return first << TP_GRANULE_SHIFT;
}

bool report_file(struct slot *slot, int fd)
{
	uint64_t none;

	return report_is_live(slot) &&
	       request_make(slot, TP_REQUEST_FILE, (uint64_t)fd, 0, &none);
}

void report_death_signal(struct slot *slot)
{
	uint64_t none;

	if (report_is_live(slot))
		request_make(slot, TP_REQUEST_DEATH_SIGNAL, slot->death_signal, 0, &none);
}

uint64_t report_trap(struct slot *slot, uint64_t at, uint64_t flags)
{
	uint64_t verdict;

	/* A forked child asks through its parent's mailbox, as long as that is its parent's. */
	if (mailbox(slot)->generation != slot->generation)
		return TP_TRAP_NOT_OURS;
	if (!report_is_live(slot))
		flags |= TP_TRAP_IN_CHILD;
	return request_make(slot, TP_REQUEST_TRAP, at, flags, &verdict) ? verdict : TP_TRAP_NOT_OURS;
}
