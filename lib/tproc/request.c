/*
 * request.c - calls to the server.
 *
 * There is one struct tp_request for each threadproc; all its threads share it, as
 * does the in-space code that asks for address space when malloc runs out of it.  The
 * state word is the lock: who moves it from IDLE to FILLING owns it until IDLE again.  As
 * long as it is owned,
 *
 *  - nothing here may allocate, since that could need the mailbox itself;
 *  - signals are blocked, since a handler could need it too.
 *
 * Everything in the space can write the mailbox.  A scribble costs the answer and no
 * more: every wait is bounded, and what is read is a number.
 */
#include "lib/tproc/request.h"

#include "lib/tproc/futex.h"

#include <signal.h>
#include <string.h>

#define TIMEOUT_MS 5000
#define SLICE_NS 20000000L /* how often it is checked that the server lives */

/*
 * Set when a thread stopped waiting for an answer and left the request as it was,
 * because the server may be at it.  Its DONE then belongs to nobody, and whoever sees it
 * first takes it.
 */
static int abandoned;

int tproci_server_lives(void)
{
	int saved = errno;
	int lives = !kill(tproci_space.registry->server_pid, 0) || errno != ESRCH;

	errno = saved;
	return lives;
}

static int take(uint32_t *state, uint32_t from)
{
	return __atomic_compare_exchange_n(state, &from, TP_REQUEST_FILLING, 0, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_RELAXED);
}

static int try_acquire(uint32_t *state)
{
	int yes = 1;

	if (take(state, TP_REQUEST_IDLE))
		return 1;
	if (__atomic_load_n(state, __ATOMIC_ACQUIRE) != TP_REQUEST_DONE)
		return 0;
	if (!__atomic_compare_exchange_n(&abandoned, &yes, 0, 0, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return 0;
	return take(state, TP_REQUEST_DONE);
}

static void release(uint32_t *state)
{
	__atomic_store_n(state, TP_REQUEST_IDLE, __ATOMIC_RELEASE);
	tproci_futex_wake(state);
}

/*
 * Sleeps a little while the state is seen; then says whether to go on waiting.  The
 * deadline holds even if somebody keeps scribbling on the state.
 */
static int wait_slice(const uint32_t *state, uint32_t seen, int64_t deadline_ms)
{
	if (tproci_now_ms() >= deadline_ms)
		return TPROC_TIMED_OUT;
	if (seen == TP_REQUEST_IDLE)
		return TPROC_OK;
	tproci_futex_wait(state, seen, SLICE_NS);
	if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == seen && !tproci_server_lives())
		return TPROC_NO_SERVER;
	return TPROC_OK;
}

/* On success all signals are blocked and *ret_mask is what to restore. */
static int acquire(uint32_t *state, int64_t deadline_ms, sigset_t *ret_mask)
{
	sigset_t all;
	int result;

	sigfillset(&all);
	for (;;) {
		pthread_sigmask(SIG_SETMASK, &all, ret_mask);
		if (try_acquire(state))
			return TPROC_OK;
		pthread_sigmask(SIG_SETMASK, ret_mask, NULL);
		result = wait_slice(state, __atomic_load_n(state, __ATOMIC_ACQUIRE), deadline_ms);
		if (result != TPROC_OK)
			return result;
	}
}

static void fill(struct tp_request *slot, const struct tproci_request *request)
{
	memset(slot->name, 0, sizeof(slot->name));
	memset(slot->type, 0, sizeof(slot->type));
	memcpy(slot->name, request->name, strnlen(request->name, sizeof(slot->name) - 1));
	memcpy(slot->type, request->type, strnlen(request->type, sizeof(slot->type) - 1));
	slot->op = request->op;
	slot->result = 0;
	slot->serial++;
	slot->arg0 = request->arg0;
	slot->arg1 = request->arg1;
	slot->arg2 = request->arg2;
	slot->answer = 0;
}

/* State, then bit, then bell: a server that hears the bell finds the other two. */
static void post(struct tp_request *slot)
{
	struct tp_mailbox_header *header = tproci_space.mailbox_header;
	uint32_t index = tproci_space.index;

	__atomic_store_n(&slot->state, TP_REQUEST_POSTED, __ATOMIC_RELEASE);
	__atomic_fetch_or(&header->pending[index / 64], UINT64_C(1) << (index % 64),
	                  __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&header->doorbell, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&header->waiting, __ATOMIC_SEQ_CST))
		tproci_futex_wake(&header->doorbell);
}

static int wait_answer(struct tp_request *slot, int64_t deadline_ms, int32_t *ret_answer)
{
	uint32_t state;
	int result;

	while ((state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE)) != TP_REQUEST_DONE) {
		result = wait_slice(&slot->state, state, deadline_ms);
		if (result == TPROC_OK)
			continue;
		__atomic_store_n(&abandoned, 1, __ATOMIC_RELEASE);
		return result;
	}
	*ret_answer = slot->result;
	release(&slot->state);
	return TPROC_OK;
}

/* answer is 0 or -errno, or anything else that was scribbled there. */
static int result_of_answer(int32_t answer)
{
	switch (answer) {
	case 0:
		return TPROC_OK;
	case -EEXIST:
		return TPROC_EXISTS;
	case -ENOENT:
		return TPROC_NOT_FOUND;
	case -EPERM:
	case -EACCES:
		return TPROC_DENIED;
	case -EINVAL:
	case -EILSEQ:
	case -ENAMETOOLONG:
		return TPROC_INVALID;
	case -ENOSPC:
	case -ENOMEM:
		return TPROC_FULL;
	default:
		return TPROC_FAILED;
	}
}

int tproci_request(const struct tproci_request *request)
{
	struct tp_request *slot = &tproci_space.mailbox->request;
	int64_t deadline_ms = tproci_now_ms() + TIMEOUT_MS;
	int32_t answer;
	sigset_t mask;
	int result;

	result = acquire(&slot->state, deadline_ms, &mask);
	if (result != TPROC_OK)
		return result;
	fill(slot, request);
	post(slot);
	result = wait_answer(slot, deadline_ms, &answer);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return result == TPROC_OK ? result_of_answer(answer) : result;
}
