/* Threads: one that crashes, several at once, locks that are held. */
#include "faulty.h"
#include "tproc/tproc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 32

static pthread_barrier_t together;
static pthread_key_t key;

static void *crash(void *arg)
{
	write_4((uintptr_t)arg);
	return NULL;
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	need(!pthread_create(&thread, NULL, run, arg), "pthread_create");
	return thread;
}

static void in_thread(uintptr_t where)
{
	pthread_join(start(crash, (void *)where), NULL);
}

static void *crash_together(void *arg)
{
	pthread_barrier_wait(&together);
	return crash(arg);
}

static void at_once(unsigned count)
{
	pthread_barrier_init(&together, NULL, count);
	for (unsigned i = 1; i < count; i++)
		start(crash_together, NULL);
	crash_together(NULL);
}

static void two_at_once(uintptr_t where)
{
	(void)where;
	at_once(2);
}

static void many_at_once(uintptr_t where)
{
	(void)where;
	at_once(MANY);
}

static void *crash_after_main(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	return crash(NULL);
}

static void after_main(uintptr_t where)
{
	static pthread_t self;

	(void)where;
	self = pthread_self();
	start(crash_after_main, &self);
	pthread_exit(NULL);
}

static void destroy(void *value)
{
	(void)value;
	write_4(0);
}

static void *with_value(void *arg)
{
	pthread_setspecific(key, &key);
	return arg;
}

static void in_tls_destructor(uintptr_t where)
{
	(void)where;
	pthread_key_create(&key, destroy);
	pthread_join(start(with_value, NULL), NULL);
}

static void *cancelled(void *arg)
{
	pthread_cleanup_push(destroy, NULL);
	pause();
	pthread_cleanup_pop(0);
	return arg;
}

static void in_cleanup(uintptr_t where)
{
	pthread_t thread = start(cancelled, NULL);

	(void)where;
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

static void *exits(void *arg)
{
	pthread_barrier_wait(&together);
	exit(3);
	return arg;
}

/* ---- death while a lock is held, which lies in memory of another component -------------- */

static void holds_mutex(uintptr_t where)
{
	need(!pthread_mutex_lock((pthread_mutex_t *)where), "lock");
	write_4(0);
}

static void holds_read(uintptr_t where)
{
	need(!pthread_rwlock_rdlock((pthread_rwlock_t *)where), "lock");
	write_4(0);
}

static void holds_write(uintptr_t where)
{
	need(!pthread_rwlock_wrlock((pthread_rwlock_t *)where), "lock");
	write_4(0);
}

static void holds_spin(uintptr_t where)
{
	need(!pthread_spin_lock((pthread_spinlock_t *)where), "lock");
	write_4(0);
}

static void holds_tproc(uintptr_t where)
{
	need(!tproc_mutex_lock((struct tproc_mutex *)where), "lock");
	write_4(0);
}

static void *hold_and_wait(void *arg)
{
	need(!pthread_mutex_lock(arg), "lock");
	pthread_barrier_wait(&together);
	for (;;)
		pause();
}

/* A thread holds it, another one crashes. */
static void thread_holds(uintptr_t where)
{
	pthread_barrier_init(&together, NULL, 2);
	start(hold_and_wait, (void *)where);
	pthread_barrier_wait(&together);
	write_4(0);
}

static void holds_and_exits(uintptr_t where)
{
	need(!pthread_mutex_lock((pthread_mutex_t *)where), "lock");
	_exit(3);
}

static void holds_and_is_killed(uintptr_t where)
{
	need(!pthread_mutex_lock((pthread_mutex_t *)where), "lock");
	raise(SIGKILL);
}

/* With one held by us, for the other that the other component holds and does not give. */
static void deadlock(uintptr_t where)
{
	pthread_mutex_t *both = (pthread_mutex_t *)where;

	need(!pthread_mutex_lock(&both[0]), "lock");
	puts("locked");
	need(getchar() == '\n', "line");
	pthread_mutex_lock(&both[1]);
}

static void crash_and_exit(uintptr_t where)
{
	(void)where;
	pthread_barrier_init(&together, NULL, 2);
	start(exits, NULL);
	pthread_barrier_wait(&together);
	for (;;)
		pause();
}

const struct way thread_ways[] = {
	{ "thread", in_thread },
	{ "two-at-once", two_at_once },
	{ "many-at-once", many_at_once },
	{ "thread-after-main", after_main },
	{ "tls-destructor", in_tls_destructor },
	{ "cleanup", in_cleanup },
	{ "exit-of-thread", crash_and_exit },
	{ "holds-mutex", holds_mutex },
	{ "holds-read", holds_read },
	{ "holds-write", holds_write },
	{ "holds-spin", holds_spin },
	{ "holds-tproc", holds_tproc },
	{ "thread-holds", thread_holds },
	{ "holds-and-exits", holds_and_exits },
	{ "holds-and-is-killed", holds_and_is_killed },
	{ "deadlock", deadlock },
	{ 0 },
};
