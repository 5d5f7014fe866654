/*
 * Writes to a counter when it is told to:
 *
 *	watched [ADDRESS]	its own, or one of another program's
 *
 * Prints the address, then for each letter of input: 'w' writes, 'r' reads, 't' writes in a new
 * thread, 'k' has the kernel write, 'v' writes in a child that shares the memory, 'f' in one that
 *has a copy; and echoes the letter when it is done.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t own;
static volatile int64_t *counter = &own;

__attribute__((noinline, noclone)) void bump(void);
__attribute__((noinline, noclone)) void bump(void)
{
	*counter = *counter + 1;
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline, noclone)) int64_t look(void);
__attribute__((noinline, noclone)) int64_t look(void)
{
	return *counter;
}

static void *bump_in_thread(void *arg)
{
	bump();
	__asm__ volatile("" ::: "memory");
	return arg;
}

static void in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, bump_in_thread, NULL);
	pthread_join(thread, NULL);
}

__attribute__((noinline, noclone)) void by_kernel(void);
__attribute__((noinline, noclone)) void by_kernel(void)
{
	int ends[2];
	char byte = 7;

	if (pipe(ends) || write(ends[1], &byte, 1) != 1 ||
	    read(ends[0], (void *)(uintptr_t)counter, 1) != 1)
		abort();
}

/* The child is gone before anybody can look at it. */
static void in_child(pid_t pid)
{
	if (pid == 0) {
		bump();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		abort();
}

static void act(int letter)
{
	if (letter == 'w')
		bump();
	else if (letter == 'r' && look() < 0)
		abort();
	else if (letter == 't')
		in_thread();
	else if (letter == 'k')
		by_kernel();
	else if (letter == 'v')
		in_child(vfork());
	else if (letter == 'f')
		in_child(fork());
	__asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
	int letter;

	if (argc > 1)
		counter = (volatile int64_t *)strtoul(argv[1], NULL, 16);
	printf("%p\n", (const void *)(uintptr_t)counter);
	fflush(stdout);
	while ((letter = getchar()) != EOF) {
		if (letter == '\n')
			continue;
		act(letter);
		printf("%c\n", letter);
		fflush(stdout);
	}
	return 0;
}
