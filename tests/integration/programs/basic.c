/*
 * A bit of all that makes mappings: small and large allocations, brk, mmap, threads with
 * thread-local variables, a deep stack.  Says "ok", and with the argument "wait" stays until
 * its standard input ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 4
#define BLOCKS 1000

static __thread int own = 7;
static int shared_sum;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int allocate(void)
{
	char *blocks[BLOCKS];
	int wrong = 0;

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = i % 100 == 0 ? 400000 : i + 1;

		blocks[i] = malloc(size);
		if (!blocks[i])
			abort();
		memset(blocks[i], (int)i, size);
	}
	for (size_t i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
	for (size_t i = 1; i < BLOCKS; i += 2) {
		wrong += blocks[i][0] != (char)i;
		free(blocks[i]);
	}
	return wrong;
}

/* musl's sbrk refuses to move; then there is nothing to look at. */
static int move_break(void)
{
	char *was = sbrk(0);
	char *more = sbrk(1 << 16);

	if (more == (void *)-1)
		return 0;
	if (more != was)
		return -1;
	memset(more, 1, 1 << 16);
	return sbrk(-(1 << 16)) == (void *)-1;
}

static int map(void)
{
	size_t size = 8 << 20;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *grown;

	if (area == MAP_FAILED)
		return -1;
	area[size - 1] = 42;
	grown = mremap(area, size, 4 * size, MREMAP_MAYMOVE);
	if (grown == MAP_FAILED || grown[size - 1] != 42)
		return -1;
	return munmap(grown, 4 * size);
}

static void *thread(void *arg)
{
	own += *(int *)arg;
	if (allocate())
		return NULL;
	pthread_mutex_lock(&lock);
	shared_sum += own;
	pthread_mutex_unlock(&lock);
	return arg;
}

static int run_threads(void)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, thread, &numbers[i]))
			return -1;
	}
	for (int i = 0; i < THREADS; i++) {
		void *result;

		if (pthread_join(threads[i], &result) || !result)
			return -1;
	}
	return shared_sum != 4 * 7 + 6 || own != 7;
}

static int go_deep(int levels)
{
	volatile char frame[1024];

	frame[0] = (char)levels;
	return levels ? go_deep(levels - 1) + (frame[0] != (char)levels) : 0;
}

int main(int argc, char **argv)
{
	if (allocate() || move_break() || map() || run_threads() || go_deep(4000)) {
		puts("failed");
		return 1;
	}
	puts("ok");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		while (getchar() != EOF)
			;
	}
	return 0;
}
