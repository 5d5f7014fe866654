/*
 * mutex.c - a robust mutex that says who has it.
 *
 * Inside is a robust pthread mutex: the kernel unlocks it when its owner dies, and the next one is
 * told.  What is added are notes of the owner's, in fixed layout (struct tp_mutex), so that others
 * and tpinspect know who that was, and where; and that named objects under its protection become
 * suspect.
 */
#include "lib/tproc/suspect.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct tproc_mutex) == sizeof(struct tp_mutex), "the registry's");
_Static_assert(_Alignof(struct tproc_mutex) == _Alignof(struct tp_mutex), "the registry's");
_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct tp_mutex *)0)->lock), "it fits");
_Static_assert(TPROC_FILE_SIZE == TP_MUTEX_FILE, "the registry's");

#ifdef __GLIBC__
#define OWN_LIBC TP_MUTEX_GLIBC
#else
#define OWN_LIBC TP_MUTEX_MUSL
#endif

#define SECOND_NS 1000000000L

static struct tp_mutex *notes_of(struct tproc_mutex *mutex)
{
	return (struct tp_mutex *)mutex;
}

static pthread_mutex_t *lock_of(struct tp_mutex *mutex)
{
	return (pthread_mutex_t *)(void *)mutex->lock;
}

/* TPROC_OK when it is a mutex that this program's C library knows. */
static int check(const struct tproc_mutex *mutex)
{
	const struct tp_mutex *notes = (const struct tp_mutex *)mutex;

	if (!mutex || (uintptr_t)mutex % _Alignof(struct tp_mutex) ||
	    notes->magic != TP_MUTEX_MAGIC)
		return TPROC_INVALID;
	return notes->libc == OWN_LIBC ? TPROC_OK : TPROC_WRONG_VERSION;
}

static int result_of(int error)
{
	switch (error) {
	case 0:
		return TPROC_OK;
	case EBUSY:
		return TPROC_LOCKED;
	case ETIMEDOUT:
		return TPROC_TIMED_OUT;
	case EDEADLK:
		return TPROC_DEADLOCK;
	case EPERM:
		return TPROC_DENIED;
	case ENOTRECOVERABLE:
		return TPROC_UNUSABLE;
	default:
		return TPROC_INVALID;
	}
}

/* ---- Making and unmaking -------------------------------------------------------------- */

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;
	int error = pthread_mutexattr_init(&attributes);

	if (error)
		return error;
	error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (!error)
		error = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	if (!error)
		error = pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return error;
}

int tproc_mutex_init(struct tproc_mutex *mutex)
{
	struct tp_mutex *notes = notes_of(mutex);

	if (!mutex || (uintptr_t)mutex % _Alignof(struct tp_mutex))
		return TPROC_INVALID;
	memset(notes, 0, sizeof(*notes));
	if (init_lock(lock_of(notes)))
		return TPROC_FAILED;
	notes->libc = OWN_LIBC;
	/* Whoever finds this finds the rest. */
	__atomic_store_n(&notes->magic, TP_MUTEX_MAGIC, __ATOMIC_RELEASE);
	return TPROC_OK;
}

/* glibc does not look whether a robust one is locked. */
static int destroy_lock(pthread_mutex_t *lock)
{
	int error = pthread_mutex_trylock(lock);

	if (error && error != EOWNERDEAD && error != ENOTRECOVERABLE)
		return EBUSY;
	if (error != ENOTRECOVERABLE)
		pthread_mutex_unlock(lock);
	return pthread_mutex_destroy(lock);
}

int tproc_mutex_destroy(struct tproc_mutex *mutex)
{
	int result = check(mutex);

	if (result == TPROC_OK)
		result = result_of(destroy_lock(lock_of(notes_of(mutex))));
	if (result == TPROC_OK)
		notes_of(mutex)->magic = 0;
	return result;
}

/* ---- Locking ----------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* The end of a path says more than its beginning. */
static void copy_file(char to[TP_MUTEX_FILE], const char *file)
{
	size_t length = strlen(file);

	if (length >= TP_MUTEX_FILE) {
		file += length - (TP_MUTEX_FILE - 1);
		length = TP_MUTEX_FILE - 1;
	}
	memcpy(to, file, length);
	memset(to + length, 0, TP_MUTEX_FILE - length);
}

/* tid is written last: who looks at notes without one knows that they are not finished. */
static void note_holder(struct tp_mutex *notes, const char *file, unsigned int line)
{
	struct tp_mutex_holder *holder = &notes->holder;

	holder->id = tproc_id();
	holder->line = line;
	holder->since_ns = now_ns();
	copy_file(holder->file, file ? file : "");
	__atomic_store_n(&holder->tid, (int32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

/* The lock is ours, whatever the result says that is not an error. */
static int locked(struct tp_mutex *notes, int error, const char *file, unsigned int line)
{
	unsigned int died;

	if (error && error != EOWNERDEAD)
		return result_of(error);
	if (error) {
		died = notes->holder.tid ? notes->holder.id : 0;
		notes->died = notes->holder;
		tproci_suspect(notes, died);
	}
	note_holder(notes, file, line);
	return error ? TPROC_OWNER_DIED : TPROC_OK;
}

int tproc_mutex_lock_at(struct tproc_mutex *mutex, const char *file, unsigned int line)
{
	int result = check(mutex);
	struct tp_mutex *notes = notes_of(mutex);

	if (result != TPROC_OK)
		return result;
	return locked(notes, pthread_mutex_lock(lock_of(notes)), file, line);
}

int tproc_mutex_trylock_at(struct tproc_mutex *mutex, const char *file, unsigned int line)
{
	int result = check(mutex);
	struct tp_mutex *notes = notes_of(mutex);

	if (result != TPROC_OK)
		return result;
	return locked(notes, pthread_mutex_trylock(lock_of(notes)), file, line);
}

int tproc_mutex_timedlock_at(struct tproc_mutex *mutex, int timeout_ms, const char *file,
                             unsigned int line)
{
	int result = check(mutex);
	struct tp_mutex *notes = notes_of(mutex);
	uint64_t deadline_ns;
	struct timespec deadline;

	if (result != TPROC_OK)
		return result;
	if (timeout_ms < 0)
		return tproc_mutex_lock_at(mutex, file, line);
	deadline_ns = now_ns() + (uint64_t)timeout_ms * 1000000;
	deadline.tv_sec = (time_t)(deadline_ns / SECOND_NS);
	deadline.tv_nsec = (long)(deadline_ns % SECOND_NS);
	return locked(notes, pthread_mutex_timedlock(lock_of(notes), &deadline), file, line);
}

int tproc_mutex_unlock(struct tproc_mutex *mutex)
{
	int result = check(mutex);
	struct tp_mutex *notes = notes_of(mutex);

	if (result != TPROC_OK)
		return result;
	/* Another one's notes stay.  Whose lock it is, the lock itself knows best. */
	if (notes->holder.tid == (int32_t)syscall(SYS_gettid))
		memset(&notes->holder, 0, sizeof(notes->holder));
	return result_of(pthread_mutex_unlock(lock_of(notes)));
}

int tproc_mutex_consistent(struct tproc_mutex *mutex)
{
	int result = check(mutex);
	struct tp_mutex *notes = notes_of(mutex);

	if (result == TPROC_OK)
		result = result_of(pthread_mutex_consistent(lock_of(notes)));
	if (result == TPROC_OK)
		memset(&notes->died, 0, sizeof(notes->died));
	return result;
}

/* ---- Looking ------------------------------------------------------------------------------- */

static struct tproc_holder holder_from(const struct tp_mutex_holder *notes)
{
	struct tproc_holder holder = {0};

	holder.tid = __atomic_load_n(&notes->tid, __ATOMIC_ACQUIRE);
	if (!holder.tid)
		return holder;
	holder.id = notes->id;
	holder.line = notes->line;
	holder.since_ns = notes->since_ns;
	memcpy(holder.file, notes->file, sizeof(holder.file) - 1);
	return holder;
}

int tproc_mutex_info(const struct tproc_mutex *mutex, struct tproc_mutex_info *ret_info)
{
	const struct tp_mutex *notes = (const struct tp_mutex *)mutex;
	struct tproc_mutex_info info = {0};

	if (!mutex || (uintptr_t)mutex % _Alignof(struct tp_mutex) ||
	    notes->magic != TP_MUTEX_MAGIC)
		return TPROC_INVALID;
	info.holder = holder_from(&notes->holder);
	info.died = holder_from(&notes->died);
	*ret_info = info;
	return TPROC_OK;
}
