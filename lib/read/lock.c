#include "lib/read/lock.h"

#include <linux/futex.h>
#include <stddef.h>

/* ---- glibc ----------------------------------------------------------------- */

/* { int lock; unsigned count; int owner; unsigned nusers; int kind; ... } */
enum { MUTEX_LOCK, MUTEX_COUNT, MUTEX_OWNER, MUTEX_USERS, MUTEX_KIND, MUTEX_WORDS = 6 };

enum { KIND_TYPE = 3, KIND_ROBUST = 16, KIND_INHERIT = 32, KIND_PROTECT = 64, KIND_SHARED = 128 };
#define KIND_KNOWN 0x3ffu

/* What owner says of a robust mutex that nobody can have any more, or not yet again. */
#define OWNER_INCONSISTENT 0x7fffffffu
#define OWNER_UNUSABLE 0x7ffffffeu

#define GLIBC_DISTANCE (-32)

static bool plausible_tid(uint32_t tid)
{
	return tid && tid <= (1u << 22);
}

static void set_kind(uint32_t kind, struct lock_state *lock)
{
	lock->kind = (enum lock_kind)(kind & KIND_TYPE);
	lock->robust = kind & KIND_ROBUST;
	lock->inherit = kind & KIND_INHERIT;
	lock->shared = kind & KIND_SHARED;
}

/* The futex of these has the holder's tid in it, and whether that died. */
static bool parse_tid_futex(const uint32_t *words, struct lock_state *lock)
{
	uint32_t futex = words[MUTEX_LOCK];

	lock->owner = (pid_t)(futex & FUTEX_TID_MASK);
	lock->held = lock->owner;
	lock->owner_died = lock->robust && (futex & FUTEX_OWNER_DIED);
	lock->unusable = lock->robust && words[MUTEX_OWNER] == OWNER_UNUSABLE;
	if (lock->robust && words[MUTEX_OWNER] == OWNER_INCONSISTENT)
		lock->owner_died = true;
	return lock->held ? plausible_tid((uint32_t)lock->owner)
	                  : lock->owner_died || lock->unusable;
}

bool lock_parse_mutex(const uint32_t words[MUTEX_WORDS], uint64_t addr, struct lock_state *ret_lock)
{
	uint32_t kind = words[MUTEX_KIND];
	struct lock_state lock = {.addr = addr, .type = LOCK_MUTEX, .library = LOCK_GLIBC};

	if ((kind & ~KIND_KNOWN) || (kind & KIND_PROTECT))
		return false;
	set_kind(kind, &lock);
	lock.count = lock.kind == LOCK_RECURSIVE ? words[MUTEX_COUNT] : 0;
	if (kind & (KIND_ROBUST | KIND_INHERIT)) {
		if (!parse_tid_futex(words, &lock))
			return false;
	} else {
		if ((words[MUTEX_LOCK] != 1 && words[MUTEX_LOCK] != 2) || words[MUTEX_USERS] != 1 ||
		    !plausible_tid(words[MUTEX_OWNER]))
			return false;
		lock.owner = (pid_t)words[MUTEX_OWNER];
		lock.held = true;
	}
	*ret_lock = lock;
	return true;
}

/* { readers, writers, wrphase_futex, writers_futex, pad, pad, cur_writer, shared, ..., flags } */
enum {
	RW_READERS,
	RW_WRITERS,
	RW_PHASE,
	RW_WRITERS_FUTEX,
	RW_OWNER = 6,
	RW_SHARED,
	RW_FLAGS = 12,
	RW_WORDS = 14,
};

enum { READERS_WRITE_PHASE = 1, READERS_WRITE_LOCKED = 2, READERS_SHIFT = 3, FUTEX_BITS = 3 };

static bool parse_rwlock(const uint32_t *words, uint64_t addr, struct lock_state *ret_lock)
{
	const uint32_t writing = READERS_WRITE_PHASE | READERS_WRITE_LOCKED;
	uint32_t readers = words[RW_READERS];
	struct lock_state lock = {.addr = addr, .type = LOCK_RWLOCK, .library = LOCK_GLIBC};

	if ((words[RW_PHASE] & ~(uint32_t)FUTEX_BITS) ||
	    (words[RW_WRITERS_FUTEX] & ~(uint32_t)FUTEX_BITS) || words[RW_SHARED] > 1 ||
	    words[RW_FLAGS] > 2)
		return false;
	lock.shared = words[RW_SHARED];
	if ((readers & writing) == writing && plausible_tid(words[RW_OWNER])) {
		lock.owner = (pid_t)words[RW_OWNER];
		lock.held = true;
	} else if (!(readers & READERS_WRITE_PHASE) && readers >> READERS_SHIFT &&
	           readers >> READERS_SHIFT < (1u << 22)) {
		lock.readers = readers >> READERS_SHIFT;
		lock.held = true;
	} else {
		return false;
	}
	*ret_lock = lock;
	return true;
}

static bool rwlock_at(struct mem *mem, uint64_t addr, struct lock_state *ret_lock)
{
	uint32_t words[RW_WORDS];
	struct err err;

	return !mem_read(mem, addr, words, sizeof(words), &err) &&
	       parse_rwlock(words, addr, ret_lock);
}

static bool mutex_at(struct mem *mem, uint64_t addr, struct lock_state *ret_lock)
{
	uint32_t words[MUTEX_WORDS];
	struct err err;

	return !mem_read(mem, addr, words, sizeof(words), &err) &&
	       lock_parse_mutex(words, addr, ret_lock);
}

/* ---- musl ------------------------------------------------------------------ */

/* { int type; int lock; int waiters; int private; ... }: lock has the tid, with bits above. */
enum { MUSL_TYPE, MUSL_LOCK, MUSL_WAITERS, MUSL_WORDS };

enum { MUSL_ROBUST = 4, MUSL_INHERIT = 8, MUSL_SHARED = 128 };
#define MUSL_KNOWN 0x8fu
#define MUSL_TID 0x3fffffffu

static bool musl_at(struct mem *mem, uint64_t addr, struct lock_state *ret_lock)
{
	struct lock_state lock = {.addr = addr, .type = LOCK_MUTEX, .library = LOCK_MUSL};
	uint32_t words[MUSL_WORDS];
	struct err err;

	if (mem_read(mem, addr, words, sizeof(words), &err) || (words[MUSL_TYPE] & ~MUSL_KNOWN))
		return false;
	lock.kind = (enum lock_kind)(words[MUSL_TYPE] & KIND_TYPE);
	lock.robust = words[MUSL_TYPE] & MUSL_ROBUST;
	lock.inherit = words[MUSL_TYPE] & MUSL_INHERIT;
	lock.shared = words[MUSL_TYPE] & MUSL_SHARED;
	lock.owner = (pid_t)(words[MUSL_LOCK] & MUSL_TID);
	lock.owner_died = lock.robust && (words[MUSL_LOCK] & FUTEX_OWNER_DIED);
	lock.unusable = lock.robust && (words[MUSL_LOCK] & MUSL_TID) == MUSL_TID;
	lock.held = plausible_tid((uint32_t)lock.owner);
	if (lock.unusable)
		lock.owner = 0;
	*ret_lock = lock;
	return lock.held || lock.owner_died || lock.unusable;
}

/* ---------------------------------------------------------------------------- */

bool lock_at_futex(struct mem *mem, uint64_t word, struct lock_state *ret_lock)
{
	if (word % sizeof(uint32_t))
		return false;
	/* a rwlock's futexes are its third and fourth words, musl's is a mutex's second */
	return mutex_at(mem, word, ret_lock) ||
	       rwlock_at(mem, word - RW_PHASE * sizeof(uint32_t), ret_lock) ||
	       rwlock_at(mem, word - RW_WRITERS_FUTEX * sizeof(uint32_t), ret_lock) ||
	       musl_at(mem, word - MUSL_LOCK * sizeof(uint32_t), ret_lock);
}

bool lock_on_list(struct mem *mem, uint64_t word, int64_t distance, struct lock_state *ret_lock)
{
	if (distance == GLIBC_DISTANCE)
		return mutex_at(mem, word, ret_lock);
	return musl_at(mem, word - MUSL_LOCK * sizeof(uint32_t), ret_lock);
}

/* ---- libtproc ---------------------------------------------------------------- */

static bool read_mutex(struct mem *mem, uint64_t addr, struct tp_mutex *ret_mutex)
{
	struct err err;

	return !mem_read(mem, addr, ret_mutex, sizeof(*ret_mutex), &err) &&
	       ret_mutex->magic == TP_MUTEX_MAGIC;
}

void lock_notes_at(struct mem *mem, uint64_t lock, struct lock_notes *ret_notes)
{
	const uint64_t addr = lock - offsetof(struct tp_mutex, lock);
	struct tp_mutex mutex;

	*ret_notes = (struct lock_notes){0};
	if (!read_mutex(mem, addr, &mutex))
		return;
	*ret_notes = (struct lock_notes){addr, mutex.holder, mutex.died};
	ret_notes->holder.file[TP_MUTEX_FILE - 1] = '\0';
	ret_notes->died.file[TP_MUTEX_FILE - 1] = '\0';
}

bool lock_of_mutex(struct mem *mem, uint64_t addr, struct lock_state *ret_lock)
{
	const uint64_t lock = addr + offsetof(struct tp_mutex, lock);
	struct tp_mutex mutex;

	if (!read_mutex(mem, addr, &mutex))
		return false;
	return mutex.libc == TP_MUTEX_MUSL ? musl_at(mem, lock, ret_lock)
	                                   : mutex_at(mem, lock, ret_lock);
}
