/*
 * A program whose backtraces are known: main and two threads wait at the end of a few calls.
 * Prints "ready" once each is there; ends with the end of its input.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define STAY() __asm__ volatile("" ::: "memory")

static int never[2];
static sem_t there;
char *big; /* reserved, of which two pages are used */

NOINLINE void wait_here(int fd);
NOINLINE void wait_here(int fd)
{
	char byte;

	sem_post(&there);
	while (read(fd, &byte, 1) == 1)
		STAY();
}

NOINLINE void inner(int depth);
NOINLINE void inner(int depth)
{
	if (depth)
		inner(depth - 1);
	else
		wait_here(never[0]);
	STAY();
}

static void *first_thread(void *arg)
{
	inner(*(int *)arg);
	STAY();
	return NULL;
}

static void *second_thread(void *arg)
{
	inner(*(int *)arg + 2);
	STAY();
	return NULL;
}

int main(void)
{
	static int depth = 3;
	pthread_t thread;

	big = mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE,
	           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (big == MAP_FAILED || pipe(never) || sem_init(&there, 0, 0))
		return 1;
	big[0] = 'a';
	big[(size_t)1 << 29] = 'b';
	pthread_create(&thread, NULL, first_thread, &depth);
	pthread_create(&thread, NULL, second_thread, &depth);
	sem_wait(&there);
	sem_wait(&there);
	puts("ready");
	fflush(stdout);
	wait_here(STDIN_FILENO);
	STAY();
	return 0;
}
