/* Threads, and what they share with each other and with other processes. */
#include "verbs.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 500

static __thread int own = 3;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static long total;

static void *count(void *arg)
{
	char *block = malloc(5000);

	memset(block, 1, 5000);
	own += (int)(intptr_t)arg;
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&lock);
	total += own;
	pthread_mutex_unlock(&lock);
	free(block);
	return arg;
}

static int many(int argc, char **argv)
{
	pthread_t threads[MANY];
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_barrier_init(&barrier, NULL, MANY);
	for (intptr_t i = 0; i < MANY; i++)
		CHECK(!pthread_create(&threads[i], &small, count, (void *)i));
	for (intptr_t i = 0; i < MANY; i++) {
		void *result;

		CHECK(!pthread_join(threads[i], &result) && result == (void *)i);
	}
	printf("total %ld own %d\n", total, own);
	return 0;
}

static void *show_stack(void *arg)
{
	pthread_attr_t attributes;
	size_t size;
	size_t guard;
	void *at;

	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &at, &size);
	pthread_attr_getguardsize(&attributes, &guard);
	printf("%s: size %zu guard %zu, within %d\n", (const char *)arg, size, guard,
	       (char *)&attributes > (char *)at && (char *)&attributes < (char *)at + size);
	return NULL;
}

static int stacks(int argc, char **argv)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *memory =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(!pthread_create(&thread, NULL, show_stack, "default"));
	pthread_join(thread, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 20);
	CHECK(!pthread_create(&thread, &attributes, show_stack, "large"));
	pthread_join(thread, NULL);
	pthread_attr_setstack(&attributes, memory, 1 << 20);
	CHECK(!pthread_create(&thread, &attributes, show_stack, "given"));
	pthread_join(thread, NULL);
	return 0;
}

/* The size that libc finds for the main thread is the limit, less what lies above and around. */
static int main_stack(int argc, char **argv)
{
	pthread_attr_t attributes;
	struct rlimit limit;
	size_t size;
	void *at;

	CHECK(!pthread_getattr_np(pthread_self(), &attributes) && !getrlimit(RLIMIT_STACK, &limit));
	CHECK(!pthread_attr_getstack(&attributes, &at, &size));
	printf("size %s, within %d\n",
	       size <= limit.rlim_cur && size > limit.rlim_cur - (1 << 18) ? "as the limit" : "odd",
	       (char *)&limit > (char *)at && (char *)&limit < (char *)at + size);
	return 0;
}

static void *ends_all(void *arg)
{
	exit((int)(intptr_t)arg);
}

static void *endless(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void say_bye(void)
{
	puts("bye");
}

static int exit_in_thread(int argc, char **argv)
{
	pthread_t thread;

	atexit(say_bye);
	CHECK(!pthread_create(&thread, NULL, endless, NULL));
	CHECK(!pthread_create(&thread, NULL, ends_all, (void *)5));
	endless(NULL);
	return 0;
}

static int exit_meanwhile(int argc, char **argv)
{
	pthread_t thread;

	atexit(say_bye);
	for (int i = 0; i < 50; i++)
		CHECK(!pthread_create(&thread, NULL, endless, NULL));
	return 4;
}

static void *late(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	puts("main is gone");
	return NULL;
}

static int main_first(int argc, char **argv)
{
	static pthread_t first;
	pthread_t thread;

	first = pthread_self();
	CHECK(!pthread_create(&thread, NULL, late, &first));
	pthread_exit(NULL);
}

/* The holder dies with it; the next one is told. */
static int robust(int argc, char **argv)
{
	pthread_mutex_t *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;
	int result;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(shared, &attributes);
	if (fork() == 0) {
		pthread_mutex_lock(shared);
		_exit(0);
	}
	wait(NULL);
	result = pthread_mutex_lock(shared);
	printf("%s\n", strerror(result));
	printf("%d %d\n", pthread_mutex_consistent(shared), pthread_mutex_unlock(shared));
	return 0;
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	sem_t semaphore;
	int value;
};

static int shared(int argc, char **argv)
{
	struct meeting *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t mutex_attributes;
	pthread_condattr_t cond_attributes;

	pthread_mutexattr_init(&mutex_attributes);
	pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&cond_attributes);
	pthread_condattr_setpshared(&cond_attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&m->lock, &mutex_attributes);
	pthread_cond_init(&m->changed, &cond_attributes);
	sem_init(&m->semaphore, 1, 0);
	if (fork() == 0) {
		sem_wait(&m->semaphore);
		pthread_mutex_lock(&m->lock);
		m->value = 42;
		pthread_cond_signal(&m->changed);
		pthread_mutex_unlock(&m->lock);
		_exit(0);
	}
	pthread_mutex_lock(&m->lock);
	sem_post(&m->semaphore);
	while (!m->value)
		pthread_cond_wait(&m->changed, &m->lock);
	pthread_mutex_unlock(&m->lock);
	wait(NULL);
	printf("%d\n", m->value);
	return 0;
}

static void clean(void *arg)
{
	puts(arg);
}

static void *cancelled(void *arg)
{
	pthread_cleanup_push(clean, "cleaned");
	pthread_barrier_wait(&barrier);
	pause();
	pthread_cleanup_pop(0);
	return arg;
}

static int cancel(int argc, char **argv)
{
	pthread_t thread;
	void *result;

	pthread_barrier_init(&barrier, NULL, 2);
	CHECK(!pthread_create(&thread, NULL, cancelled, NULL));
	pthread_barrier_wait(&barrier);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("%d\n", result == PTHREAD_CANCELED);
	return 0;
}

static void *forks_in_thread(void *arg)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		free(malloc(1000000));
		_exit(own == 3 ? 6 : 7);
	}
	waitpid(child, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
	return arg;
}

static int fork_in_thread(int argc, char **argv)
{
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, forks_in_thread, NULL));
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void *execs(void *arg)
{
	execl("/bin/sh", "sh", "-c", "echo executed", NULL);
	return arg;
}

static int exec_in_thread(int argc, char **argv)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, endless, NULL));
	CHECK(!pthread_create(&thread, NULL, execs, NULL));
	endless(NULL);
	return 0;
}

static const struct verb verbs[] = {
	{"many", many},
	{"stacks", stacks},
	{"main-stack", main_stack},
	{"exit-in-thread", exit_in_thread},
	{"exit-meanwhile", exit_meanwhile},
	{"main-first", main_first},
	{"robust", robust},
	{"shared", shared},
	{"cancel", cancel},
	{"fork", fork_in_thread},
	{"exec", exec_in_thread},
};

VERBS_MAIN(verbs)
