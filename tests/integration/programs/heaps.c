/*
 * A program with chunks of malloc in every state.  It says what it has as a line of JSON, an
 * object for each chunk, and ends with its input.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 900

static char text[1 << 16];
static size_t used;
static void *keep[MANY]; /* neighbours, so that nothing is joined */

/* Without stdio, which would use malloc. */
static void say(const char *what, const char *arena, const void *user, size_t size)
{
	used += (size_t)snprintf(text + used, sizeof(text) - used,
	                         "%s{\"state\": \"%s\", \"arena\": \"%s\", \"user\": \"%p\", "
	                         "\"size\": %zu}",
	                         used > 1 ? ", " : "", what, arena, user, size);
}

/* Another of the same size follows, so that its neighbour stays in use. */
static void *apart(size_t size)
{
	void *user = malloc(size);

	keep[0] = malloc(24);
	return user;
}

static void make_lists(const char *arena)
{
	char *tcache[3], *fast[10], *small[8], *rest, *large, *unsorted, *in_use = malloc(100);

	say("in_use", arena, in_use, malloc_usable_size(in_use));
	for (int i = 0; i < 3; i++)
		tcache[i] = apart(40);
	for (int i = 0; i < 10; i++)
		fast[i] = apart(72);
	for (int i = 0; i < 8; i++)
		small[i] = apart(600);
	rest = apart(1500);
	large = apart(3000);
	unsorted = apart(5000);
	for (int i = 0; i < 3; i++) {
		say("tcache", arena, tcache[i], malloc_usable_size(tcache[i]));
		free(tcache[i]);
	}
	for (int i = 0; i < 10; i++) {
		say(i < 7 ? "tcache" : "fastbin", arena, fast[i], malloc_usable_size(fast[i]));
		free(fast[i]);
	}
	for (int i = 0; i < 8; i++) {
		say(i < 7 ? "tcache" : "small_bin", arena, small[i], malloc_usable_size(small[i]));
		free(small[i]);
	}
	say("large_bin", arena, large, malloc_usable_size(large));
	free(large);
	/* A request has the unsorted ones sorted and takes what it needs of the smallest that
	 * fits; it is small enough for fastbins to stay as they are. */
	free(rest);
	keep[1] = malloc(1000);
	say("unsorted", arena, unsorted, malloc_usable_size(unsorted));
	free(unsorted);
}

static pthread_barrier_t barrier;

/* More than one heap of 64 MiB has room for. */
static void *work(void *arg)
{
	void *last = NULL;

	for (int i = 0; i < MANY; i++)
		last = malloc(100000);
	say("in_use", "thread", last, malloc_usable_size(last));
	make_lists("thread");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

int main(void)
{
	char *mapped = malloc(300000), *aligned = aligned_alloc(8192, 400000);
	char *paged = aligned_alloc(65536, 500000), *after;
	pthread_t thread;

	text[used++] = '[';
	for (int i = 3; i < 40; i++)
		keep[i] = malloc(64u * (unsigned)i);
	/* somebody else's, in the midst of the heap */
	if (sbrk(5000) == (void *)-1)
		return 1;
	after = malloc(120000);
	say("in_use", "main", after, malloc_usable_size(after));
	say("in_use", "none", mapped, malloc_usable_size(mapped));
	say("in_use", "none", aligned, malloc_usable_size(aligned));
	say("in_use", "none", paged, malloc_usable_size(paged));
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	pthread_barrier_wait(&barrier);
	make_lists("main");
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]\n");
	for (size_t done = 0; done < used;) {
		ssize_t wrote = write(STDOUT_FILENO, text + done, used - done);

		if (wrote < 0)
			return 1;
		done += (size_t)wrote;
	}
	while (read(STDIN_FILENO, text, 1) < 0 && errno == EINTR)
		;
	return 0;
}
