/*
 * Lives beside programs that crash, and proves on request that it is unharmed:
 *
 *	neighbour
 *
 * First it says where there is something to be broken, NAME ADDRESS a line, then "ready".  What
 * others may break it does not use itself.  Then it answers what it reads, a line for a line:
 *
 *	check		"right" when all it has computed is still there and comes out again
 *	mutex | robust | pi | robustpi | recursive | spin | read | write | tproc
 *			tries that lock: "free", "taken", "owner died"
 *	hold		takes the second lock of "both", then waits for the first in a thread of its own
 */
#include "tproc/tproc.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 4096
#define BLOCKS 64

/* ---- for others ---------------------------------------------------------------------------- */

static const uint32_t constant = 7;
static uint32_t variable = 7;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, robust;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER, rwlock_2 = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t pi, robust_pi, recursive;
static pthread_spinlock_t spin;
static struct tproc_mutex tproc;
static pthread_mutex_t both[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static __thread uint64_t local = 7;
static char *freed_memory;

/* Others call it, and then it is their crash. */
static void lent(void)
{
	*(volatile uint32_t *)0 = variable;
}

static void offer(const char *name, const volatile void *address)
{
	printf("%s %lx\n", name, (unsigned long)address);
}

static void offer_all(void)
{
	char here = 0;
	char *used = malloc(24), *large = malloc(5000);

	freed_memory = malloc(1 << 20);
	memset(used, 0, 24);
	memset(large, 0, 5000);
	malloc(24);
	offer("constant", &constant);
	offer("variable", &variable);
	offer("lent", (const void *)lent);
	offer("used", used);
	offer("large", large);
	offer("unmapped", freed_memory + 4096);
	offer("tls", &local);
	offer("stack", &here);
	offer("mutex", &mutex);
	offer("robust", &robust);
	offer("read", &rwlock);
	offer("write", &rwlock_2);
	offer("both", both);
	offer("pi", &pi);
	offer("robustpi", &robust_pi);
	offer("recursive", &recursive);
	offer("spin", (const void *)&spin);
	offer("tproc", &tproc);
	free(freed_memory);
}

/* ---- for itself ---------------------------------------------------------------------------- */

struct work {
	uint64_t seed;
	uint64_t *blocks[BLOCKS];
	uint64_t sums[BLOCKS];
};

static struct work work;
static __thread uint64_t tls_copy[64];
static uint64_t bss_copy[WORDS];

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t sum(const uint64_t *words, size_t count)
{
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all = all * 31 + words[i];
	return all;
}

static void fill(uint64_t *words, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		words[i] = next(&seed);
}

static void prepare(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		size_t count = (size_t)8 << (i % 10);

		work.blocks[i] = malloc(count * sizeof(uint64_t));
		fill(work.blocks[i], count, (uint64_t)i + 1);
		work.sums[i] = sum(work.blocks[i], count);
	}
	fill(bss_copy, WORDS, 99);
	fill(tls_copy, 64, 98);
}

static int same(const uint64_t *words, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i] != next(&seed))
			return 0;
	}
	return 1;
}

/* New memory each time, and floating point: pi, which is known. */
static int computes(void)
{
	double *terms = malloc(WORDS * sizeof(*terms)), pi = 0;

	for (int i = 0; i < WORDS; i++)
		terms[i] = (i % 2 ? -4.0 : 4.0) / (2 * i + 1);
	for (int i = WORDS; i-- > 0;)
		pi += terms[i];
	free(terms);
	return pi > 3.1413 && pi < 3.1416;
}

static void *in_thread(void *arg)
{
	return computes() ? arg : NULL;
}

static const char *check(void)
{
	pthread_t thread;
	void *result = NULL;

	for (int i = 0; i < BLOCKS; i++) {
		if (!same(work.blocks[i], (size_t)8 << (i % 10), (uint64_t)i + 1) ||
		    sum(work.blocks[i], (size_t)8 << (i % 10)) != work.sums[i])
			return "wrong: heap";
	}
	if (!same(bss_copy, WORDS, 99))
		return "wrong: variables";
	if (!same(tls_copy, 64, 98))
		return "wrong: thread-local variables";
	if (pthread_create(&thread, NULL, in_thread, &work) || pthread_join(thread, &result))
		return "wrong: threads";
	return result == &work && computes() ? "right" : "wrong: arithmetic";
}

/* ---- locks ---------------------------------------------------------------------------------- */

static void make(pthread_mutex_t *lock, int robust, int protocol, int type)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static void make_locks(void)
{
	make(&robust, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL);
	make(&pi, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL);
	make(&robust_pi, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL);
	make(&recursive, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE);
	pthread_spin_init(&spin, PTHREAD_PROCESS_SHARED);
	tproc_mutex_init(&tproc);
}

static const char *try_tproc(void)
{
	switch (tproc_mutex_trylock(&tproc)) {
	case TPROC_OK:
		return "free";
	case TPROC_LOCKED:
		return "taken";
	case TPROC_OWNER_DIED:
		return "owner died";
	default:
		return "error";
	}
}

static const char *outcome(int result)
{
	return result == 0 ? "free" : result == EBUSY ? "taken" : result == EOWNERDEAD ? "owner died" : "error";
}

static void *wait_for_first(void *arg)
{
	pthread_mutex_lock(&both[1]);
	puts("holding");
	pthread_mutex_lock(&both[0]);
	return arg;
}

static void answer(const char *line)
{
	pthread_t thread;

	if (!strcmp(line, "check"))
		puts(check());
	else if (!strcmp(line, "mutex"))
		puts(outcome(pthread_mutex_trylock(&mutex)));
	else if (!strcmp(line, "robust"))
		puts(outcome(pthread_mutex_trylock(&robust)));
	else if (!strcmp(line, "pi"))
		puts(outcome(pthread_mutex_trylock(&pi)));
	else if (!strcmp(line, "robustpi"))
		puts(outcome(pthread_mutex_trylock(&robust_pi)));
	else if (!strcmp(line, "recursive"))
		puts(outcome(pthread_mutex_trylock(&recursive)));
	else if (!strcmp(line, "spin"))
		puts(outcome(pthread_spin_trylock(&spin)));
	else if (!strcmp(line, "tproc"))
		puts(try_tproc());
	else if (!strcmp(line, "read"))
		puts(outcome(pthread_rwlock_trywrlock(&rwlock)));
	else if (!strcmp(line, "write"))
		puts(outcome(pthread_rwlock_tryrdlock(&rwlock_2)));
	else if (!strcmp(line, "hold"))
		pthread_create(&thread, NULL, wait_for_first, NULL);
	else
		puts("what?");
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	make_locks();
	offer_all();
	prepare();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		answer(line);
	}
	return 0;
}
