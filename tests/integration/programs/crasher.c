/*
 * Ends in the way that its argument says:
 *
 *	crasher HOW
 *
 * Prints first what it finds out about signal handlers: nothing is to differ from elsewhere.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

__attribute__((noinline)) static int recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	return recurse(here) + here[0];
}

static void *write_to_null(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void null(void)
{
	write_to_null(NULL);
}

static void overflow(void)
{
	volatile char c = 1;

	recurse(&c);
}

static void divide(void)
{
	volatile int zero = 0;

	printf("%d\n", 100 / zero);
}

static void illegal(void)
{
	__builtin_trap();
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void thread(void)
{
	pthread_t other;

	pthread_create(&other, NULL, write_to_null, (void *)16);
	pthread_join(other, NULL);
}

static void *overflow_in_thread(void *arg)
{
	(void)arg;
	overflow();
	return NULL;
}

static void *come_and_go(void *arg)
{
	return arg;
}

/* After so many threads that stacks for signals have to be used again. */
static void thread_overflow(void)
{
	pthread_t other;

	for (int i = 0; i < 2000; i++) {
		pthread_create(&other, NULL, come_and_go, NULL);
		pthread_join(other, NULL);
	}
	pthread_create(&other, NULL, overflow_in_thread, NULL);
	pthread_join(other, NULL);
}

static void past_the_file(void)
{
	FILE *file = tmpfile();
	char *map;

	if (!file || ftruncate(fileno(file), 4096))
		exit(1);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	map[4096] = 1;
}

static void on_signal(int sig)
{
	*(volatile int *)8 = sig;
}

/* The handler of another signal crashes. */
static void in_handler(void)
{
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
}

static void own_handler(int sig)
{
	static const char text[] = "handled\n";

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(7);
}

/* A program's own handler is the one that counts. */
static void handled(void)
{
	signal(SIGSEGV, own_handler);
	null();
}

/* What was taken back is as it was at first. */
static void taken_back(void)
{
	signal(SIGSEGV, own_handler);
	if (signal(SIGSEGV, SIG_DFL) != own_handler || signal(SIGSEGV, SIG_DFL) != SIG_DFL)
		exit(3);
	null();
}

/* A forked child's crash is no crash of the threadproc. */
static void forked(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		null();
	waitpid(child, &status, 0);
	printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	exit(0);
}

static void sent(void)
{
	raise(SIGBUS);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"null", null},
	{"overflow", overflow},
	{"divide", divide},
	{"illegal", illegal},
	{"breakpoint", breakpoint},
	{"thread", thread},
	{"deep", thread_overflow},
	{"bus", past_the_file},
	{"handler", in_handler},
	{"handled", handled},
	{"back", taken_back},
	{"fork", forked},
	{"sent", sent},
	{"abort", abort},
};

static void show_handlers(void)
{
	stack_t stack;

	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++) {
		struct sigaction action;

		sigaction(crash_signals[i], NULL, &action);
		printf("%d %s %x\n", crash_signals[i],
		       action.sa_handler == SIG_DFL ? "default" : "handled", action.sa_flags);
	}
	sigaltstack(NULL, &stack);
	printf("stack %d %zu\n", stack.ss_flags, stack.ss_size);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	show_handlers();
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!strcmp(ways[i].name, argv[1]))
			ways[i].run();
	}
	return 1;
}
