/*
 * futex.h - inside libtproc: waiting on words that other processes write.
 *
 * The words lie in memory shared with the server, so no futex here is private.
 * errno stays as it is.
 */
#ifndef TPROC_LIB_FUTEX_H
#define TPROC_LIB_FUTEX_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Sleeps while *word is seen: until it is woken, for timeout_ns nanoseconds at most (less
 * than a second).  May return for no reason at all.  The word may be read-only memory.
 */
static inline void tproci_futex_wait(const uint32_t *word, uint32_t seen, long timeout_ns)
{
	struct timespec timeout = {0, timeout_ns};
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, NULL, 0);
	errno = saved;
}

/* Wakes everyone who waits on the word, in whatever process. */
static inline void tproci_futex_wake(uint32_t *word)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	errno = saved;
}

/* Milliseconds of a clock that only goes forward. */
static inline int64_t tproci_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
