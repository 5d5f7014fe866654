/*
 * record.c - consistent copies of registry records, and the threadprocs among them.
 */
#include "lib/tproc/record.h"

#include "lib/tproc/futex.h"

#include <string.h>

#define SPINS 100
#define NAP_NS 100000L

/*
 * The server writes a record in well under a microsecond, but may be interrupted there.
 * So: look again a few times, then let others have the processor.  Nobody wakes the
 * futex: it is a sleep that does not even begin when the counter has moved on.
 */
void tproci_pause(const uint32_t *seq, uint32_t seen, int tries)
{
	if (tries >= SPINS)
		tproci_futex_wait(seq, seen, NAP_NS);
}

typedef uint64_t __attribute__((may_alias)) word;

/* Word by word with atomic loads: the server may be writing at this moment. */
static void copy_words(const word *src, word *dst, size_t size)
{
	size_t i;

	for (i = 0; i < size / 8; i++)
		dst[i] = __atomic_load_n(&src[i], __ATOMIC_RELAXED);
}

int tproci_copy(const void *src, void *dst, size_t size)
{
	const uint32_t *seq = src;
	uint32_t before;
	int tries;

	for (tries = 0; tries < TPROCI_TRIES; tries++) {
		before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		if (!(before & 1)) {
			copy_words(src, dst, size);
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (__atomic_load_n(seq, __ATOMIC_RELAXED) == before)
				return TPROC_OK;
		}
		tproci_pause(seq, before, tries);
	}
	return TPROC_BUSY;
}

int tproci_identity_slowly(uint32_t index, struct tproci_identity *ret_identity)
{
	struct tp_threadproc record;
	int result;

	result = tproci_copy(&tproci_space.threadprocs[index], &record,
	                     offsetof(struct tp_threadproc, pid));
	if (result != TPROC_OK)
		return result;
	ret_identity->generation = record.generation;
	ret_identity->id = record.id;
	ret_identity->state = record.state;
	return TPROC_OK;
}

_Static_assert((int)TPROC_STATE_STARTING == TP_STATE_STARTING, "states are the registry's");
_Static_assert((int)TPROC_STATE_RUNNING == TP_STATE_RUNNING, "states are the registry's");
_Static_assert((int)TPROC_STATE_STOPPED == TP_STATE_STOPPED, "states are the registry's");
_Static_assert((int)TPROC_STATE_EXITED == TP_STATE_EXITED, "states are the registry's");
_Static_assert((int)TPROC_STATE_CRASHED == TP_STATE_CRASHED, "states are the registry's");
_Static_assert((int)TPROC_STATE_EXECED == TP_STATE_EXECED, "states are the registry's");
_Static_assert(TPROC_NAME_SIZE == TP_NAME_SIZE, "names are the registry's");

/* TPROC_NOT_FOUND when the record was never used. */
static int read_info(uint32_t index, struct tproc_info *ret_info)
{
	struct tp_threadproc record;
	struct tproc_info info = {0};
	int result;

	result = tproci_copy(&tproci_space.threadprocs[index], &record,
	                     offsetof(struct tp_threadproc, start_ns));
	if (result != TPROC_OK)
		return result;
	if (record.state == TP_STATE_NONE)
		return TPROC_NOT_FOUND;
	info.id = record.id;
	info.pid = record.pid;
	info.state = (int)record.state;
	memcpy(info.name, record.name, sizeof(info.name) - 1);
	*ret_info = info;
	return TPROC_OK;
}

int tproc_next(unsigned int *cursor, struct tproc_info *ret_info)
{
	const struct tp_registry *registry;
	uint32_t index;
	uint32_t end;
	int result = tproci_enter();

	if (result != TPROC_OK)
		return result;
	registry = tproci_space.registry;
	end = tproci_table_end(&registry->threadproc_high, &registry->threadprocs);
	/* Record 0 is never used, so a cursor of 0 is a beginning. */
	for (index = *cursor + 1; index && index < end; index++) {
		result = read_info(index, ret_info);
		if (result == TPROC_OK)
			*cursor = index;
		if (result != TPROC_NOT_FOUND)
			return result;
	}
	return TPROC_NOT_FOUND;
}

/*
 * The server notes pid and state a moment after the program begins to run, and a stop and its
 * end a moment after they happen: whoever asks this knows better.
 */
int tproc_self(struct tproc_info *ret_info)
{
	struct tproc_info info;
	int result = tproci_enter();

	if (result == TPROC_OK)
		result = read_info(tproci_space.index, &info);
	if (result != TPROC_OK)
		return result;
	if (info.id != tproci_space.id)
		return TPROC_NOT_IN_SPACE;
	if (!info.pid)
		info.pid = getpid();
	info.state = TPROC_STATE_RUNNING;
	*ret_info = info;
	return TPROC_OK;
}

int tproc_find(unsigned int id, struct tproc_info *ret_info)
{
	unsigned int cursor = 0;
	struct tproc_info info;
	int result;

	while ((result = tproc_next(&cursor, &info)) == TPROC_OK) {
		if (info.id != id)
			continue;
		*ret_info = info;
		return TPROC_OK;
	}
	return result;
}
