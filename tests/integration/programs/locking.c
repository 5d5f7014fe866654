/*
 * Threads that hold and wait for locks:
 *
 *	locking offer			prints the address of two mutexes, holds the first
 *	locking cross FIRST SECOND	holds SECOND, waits for FIRST
 *	locking KIND...			for each a lock of that kind that a thread holds and
 *					another one waits for: prints "KIND ADDRESS HOLDER WAITER"
 *
 * offer waits for the second mutex after a line of input.  The others end with their input.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct lock {
	const char *kind;
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
	long holder;
	long waiter;
	sem_t held;
	sem_t told;
};

static pthread_mutex_t offered[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static int is(const struct lock *lock, const char *kind)
{
	return !strcmp(lock->kind, kind);
}

static int is_rwlock(const struct lock *lock)
{
	return is(lock, "writer") || is(lock, "readers");
}

static void make(struct lock *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	if (is(lock, "recursive"))
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	if (is(lock, "errorcheck"))
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	if (is(lock, "robust") || is(lock, "died") || is(lock, "unwaited"))
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (is(lock, "inherit"))
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (is(lock, "shared"))
		pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&lock->mutex, &attr);
	pthread_rwlock_init(&lock->rwlock, NULL);
	sem_init(&lock->held, 0, 0);
	sem_init(&lock->told, 0, 0);
}

static void *hold(void *arg)
{
	struct lock *lock = arg;

	lock->holder = syscall(SYS_gettid);
	if (is(lock, "writer"))
		pthread_rwlock_wrlock(&lock->rwlock);
	else if (is(lock, "readers"))
		pthread_rwlock_rdlock(&lock->rwlock);
	else
		pthread_mutex_lock(&lock->mutex);
	if (is(lock, "recursive"))
		pthread_mutex_lock(&lock->mutex);
	sem_post(&lock->held);
	if (is(lock, "gone") || is(lock, "died"))
		return NULL;
	for (;;)
		pause();
}

static void *wait_for(void *arg)
{
	struct lock *lock = arg;

	lock->waiter = syscall(SYS_gettid);
	sem_post(&lock->told);
	if (is_rwlock(lock))
		pthread_rwlock_wrlock(&lock->rwlock);
	else
		pthread_mutex_lock(&lock->mutex);
	return NULL;
}

static void play(const char *kind)
{
	struct lock *lock = calloc(1, sizeof(*lock));
	pthread_t holder, waiter;

	if (!lock)
		abort();
	lock->kind = kind;
	make(lock);
	pthread_create(&holder, NULL, hold, lock);
	sem_wait(&lock->held);
	if (is(lock, "gone") || is(lock, "died"))
		pthread_join(holder, NULL);
	if (!is(lock, "died") && !is(lock, "unwaited")) {
		pthread_create(&waiter, NULL, wait_for, lock);
		sem_wait(&lock->told);
	}
	printf("%s %p %ld %ld\n", kind,
	       is_rwlock(lock) ? (void *)&lock->rwlock : (void *)&lock->mutex, lock->holder,
	       lock->waiter);
}

static void cross(char **address)
{
	pthread_mutex_lock((pthread_mutex_t *)strtoul(address[1], NULL, 16));
	puts("ready");
	fflush(stdout);
	pthread_mutex_lock((pthread_mutex_t *)strtoul(address[0], NULL, 16));
}

static void offer(void)
{
	pthread_mutex_lock(&offered[0]);
	printf("%p %p\n", (void *)&offered[0], (void *)&offered[1]);
	fflush(stdout);
	getchar();
	pthread_mutex_lock(&offered[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "offer"))
		offer();
	else if (argc > 3 && !strcmp(argv[1], "cross"))
		cross(argv + 2);
	else
		for (int i = 1; i < argc; i++)
			play(argv[i]);
	puts("ready");
	fflush(stdout);
	getchar();
	_exit(0);
}
