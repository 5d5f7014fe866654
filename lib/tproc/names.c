/*
 * names.c - named pointers: publishing and finding them.
 */
#include "lib/tproc/futex.h"
#include "lib/tproc/record.h"
#include "lib/tproc/request.h"

#include <string.h>

#define SEARCHES 16

static int text_valid(const char *text)
{
	size_t length = text ? strnlen(text, TPROC_NAME_SIZE) : 0;

	return length >= 1 && length < TPROC_NAME_SIZE;
}

int tproc_publish(const char *name, void *address, size_t size, const char *type)
{
	return tproc_publish_guarded(name, address, size, type, NULL);
}

int tproc_publish_guarded(const char *name, void *address, size_t size, const char *type,
                          struct tproc_mutex *mutex)
{
	struct tproci_request request = {
		.op = TP_REQUEST_PUBLISH,
		.name = name,
		.type = type ? type : "",
		.arg0 = (uint64_t)(uintptr_t)address,
		.arg1 = size,
		.arg2 = (uint64_t)(uintptr_t)mutex,
	};
	int result = tproci_enter();

	if (result != TPROC_OK)
		return result;
	if (!text_valid(name) || (type && !text_valid(type)) || !address)
		return TPROC_INVALID;
	return tproci_request(&request);
}

int tproc_unpublish(const char *name)
{
	struct tproci_request request = {
		.op = TP_REQUEST_UNPUBLISH,
		.name = name,
		.type = "",
	};
	int result = tproci_enter();

	if (result != TPROC_OK)
		return result;
	if (!text_valid(name))
		return TPROC_INVALID;
	return tproci_request(&request);
}

/* The id of a publisher that still lives in the space; else TPROC_NOT_FOUND. */
static int live_owner(uint32_t index, uint32_t generation, unsigned int *ret_id)
{
	struct tproci_identity identity;
	int result = tproci_identity(index, &identity);

	if (result != TPROC_OK)
		return result;
	if (identity.generation != generation)
		return TPROC_NOT_FOUND;
	if (identity.state < TP_STATE_STARTING || identity.state > TP_STATE_STOPPED)
		return TPROC_NOT_FOUND;
	*ret_id = identity.id;
	return TPROC_OK;
}

/* TPROC_NOT_FOUND when the entry is free, or its owner just ended. */
static int read_named(uint32_t index, struct tproc_named *ret_named)
{
	struct tp_name record;
	struct tproc_named named = {0};
	int result;

	result = tproci_copy(&tproci_space.names[index], &record, sizeof(record));
	if (result != TPROC_OK)
		return result;
	if (!record.live)
		return TPROC_NOT_FOUND;
	result = live_owner(record.owner, record.owner_generation, &named.owner);
	if (result != TPROC_OK)
		return result;
	named.address = (void *)(uintptr_t)record.addr;
	named.size = record.size;
	named.mutex = (struct tproc_mutex *)(uintptr_t)record.lock;
	named.suspect = record.suspect_ns != 0;
	named.suspect_id = record.suspect_id;
	memcpy(named.name, record.name, sizeof(named.name) - 1);
	memcpy(named.type, record.type, sizeof(named.type) - 1);
	*ret_named = named;
	return TPROC_OK;
}

int tproc_next_named(unsigned int *cursor, struct tproc_named *ret_named)
{
	const struct tp_registry *registry;
	uint32_t index;
	uint32_t end;
	int result = tproci_enter();

	if (result != TPROC_OK)
		return result;
	registry = tproci_space.registry;
	end = tproci_table_end(&registry->name_high, &registry->names);
	/* Entry 0 is never used, so a cursor of 0 is a beginning. */
	for (index = *cursor + 1; index && index < end; index++) {
		result = read_named(index, ret_named);
		if (result == TPROC_OK)
			*cursor = index;
		if (result != TPROC_NOT_FOUND)
			return result;
	}
	return TPROC_NOT_FOUND;
}

/*
 * A name that is taken back and published again may move in the table while it is searched,
 * so "not found" holds only if nothing was written in between.  A busy server writes
 * all the time: after some searches it is believed anyway.
 */
static int search(const char *name, struct tproc_named *ret_named)
{
	const uint32_t *seq = &tproci_space.registry->seq;
	struct tproc_named named;
	unsigned int cursor;
	uint32_t before;
	int result = TPROC_NOT_FOUND;
	int searches;

	for (searches = 0; searches < SEARCHES; searches++) {
		before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		cursor = 0;
		while ((result = tproc_next_named(&cursor, &named)) == TPROC_OK) {
			if (strcmp(named.name, name))
				continue;
			*ret_named = named;
			return TPROC_OK;
		}
		if (result != TPROC_NOT_FOUND || __atomic_load_n(seq, __ATOMIC_ACQUIRE) == before)
			break;
	}
	return result;
}

int tproc_lookup(const char *name, const char *type, void **ret_address,
                 struct tproc_named *ret_named)
{
	struct tproc_named named;
	int result = tproci_enter();

	if (result != TPROC_OK)
		return result;
	if (!text_valid(name) || (type && !text_valid(type)))
		return TPROC_INVALID;
	result = search(name, &named);
	if (result != TPROC_OK)
		return result;
	if (type && strcmp(type, named.type))
		return TPROC_WRONG_TYPE;
	if (ret_address)
		*ret_address = named.address;
	if (ret_named)
		*ret_named = named;
	return TPROC_OK;
}

/*
 * The registry's own counter is what changes when a name is published.  It is read-only here,
 * and nobody is obliged to wake who sleeps on it, so it is looked at again after 1 ms,
 * later every 20 ms; a server that does wake its sleepers makes this prompt.
 */
#define FIRST_SLICE_NS 1000000L
#define LAST_SLICE_NS 20000000L

/* False once the time is over; the last slice ends with it. */
static int wait_for_change(uint32_t seen, long slice_ns, int timeout_ms, int64_t started_ms)
{
	if (timeout_ms >= 0) {
		int64_t left_ms = started_ms + timeout_ms - tproci_now_ms();

		if (left_ms <= 0)
			return 0;
		if (left_ms * 1000000 < slice_ns)
			slice_ns = (long)left_ms * 1000000;
	}
	tproci_futex_wait(&tproci_space.registry->seq, seen, slice_ns);
	return 1;
}

int tproc_wait_name(const char *name, const char *type, int timeout_ms, void **ret_address,
                    struct tproc_named *ret_named)
{
	int64_t started_ms = tproci_now_ms();
	long slice_ns = FIRST_SLICE_NS;
	uint32_t seen;
	int result;

	for (;;) {
		result = tproci_enter();
		if (result != TPROC_OK)
			return result;
		seen = __atomic_load_n(&tproci_space.registry->seq, __ATOMIC_ACQUIRE);
		result = tproc_lookup(name, type, ret_address, ret_named);
		if (result != TPROC_NOT_FOUND && result != TPROC_BUSY)
			return result;
		if (!tproci_server_lives())
			return TPROC_NO_SERVER;
		if (!wait_for_change(seen, slice_ns, timeout_ms, started_ms))
			return TPROC_TIMED_OUT;
		if (slice_ns < LAST_SLICE_NS)
			slice_ns *= 2;
	}
}
