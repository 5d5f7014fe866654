/*
 * A program that holds pointers in every kind of place.  Prints "NAME ADDRESS" for each, then
 * "ready"; changes some memory for each line of its input, prints "done", and ends with it.
 *
 *	pointers [ADDRESS]	what to point to, of another program; else to its own target
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESERVE ((size_t)1 << 30)
#define DEEP ((size_t)600 << 20)

char target[64];
void *global_holder;
static __thread void *tls_holder;
int changing[4096];

static pthread_barrier_t barrier;

/* On the stack of a thread that waits. */
static void *hold(void *pointer)
{
	void *volatile here = pointer;

	printf("stack %p\n", (void *)&here);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return here;
}

int main(int argc, char **argv)
{
	void *pointer = argc > 1 ? (void *)strtoul(argv[1], NULL, 16) : target;
	void **chunk = calloc(10, sizeof(*chunk));
	char *reserve = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char line[16], *block = malloc(20000);
	pthread_t thread;

	if (!chunk || !block || reserve == MAP_FAILED)
		return 1;
	chunk[3] = pointer;
	global_holder = pointer;
	tls_holder = pointer;
	*(void **)(reserve + DEEP) = pointer;
	memset(block, 'a', 20000);
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, hold, pointer))
		return 1;
	pthread_barrier_wait(&barrier);
	printf("target %p\nglobal_holder %p\ntls_holder %p\nchunk %p\nmapping %p\nchanging %p\n"
	       "block %p\nready\n",
	       (void *)target, (void *)&global_holder, (void *)&tls_holder, (void *)chunk,
	       (void *)(reserve + DEEP), (void *)changing, (void *)block);
	fflush(stdout);
	for (int turn = 1; fgets(line, sizeof(line), stdin); turn++) {
		changing[2000] = turn;
		block[10000] = (char)('a' + turn);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
