/*
 * A component under test: threads that calculate and check what they calculated, and a main thread
 * that does as it is told, line by line, and answers each line with one.
 *
 *	worker NUMBER [THREADS [fast]]
 *
 * "fast" never waits between two rounds.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64

struct worker {
	pthread_t thread;
	int number;
	volatile long rounds;
	volatile long wrong;
};

int component;		     /* which one this is */
volatile long total;	     /* of all rounds, about */
volatile int signals_caught;
volatile long shared;	     /* others write here too */
__thread long own_rounds;    /* of this thread */
static int fast;
static int thread_count = 1;
static struct worker workers[MAX_THREADS];

/* n * n, in some steps. */
__attribute__((noinline)) static long square(long n)
{
	long result = 0;	      /* first line of square */

	for (int bit = 0; bit < 20; bit++)
		if (n & (1L << bit))
			result += n << bit;
	return result;		      /* last line of square */
}

/* One round: what square says is right? */
__attribute__((noinline)) static long work(struct worker *worker, long n)
{
	long here = n + 1;	      /* first line of work */
	long got = square(n);	      /* work calls square */
	long other = square(here);

	if (other - got != 2 * n + 1) /* work compares */
		worker->wrong++;
	worker->rounds++;
	own_rounds++;
	total++;
	return got;		      /* last line of work */
}

static void *loop(void *arg)
{
	struct worker *worker = arg;

	for (long n = 0;; n = (n + 1) & 0xffff) {
		work(worker, n);
		if (!fast)
			poll(NULL, 0, 2);
	}
	return NULL;
}

/* A function that only another component calls, through a pointer. */
__attribute__((noinline)) static long offer(long n)
{
	long doubled = 2 * n;	      /* first line of offer */

	return doubled + component;   /* last line of offer */
}

static void on_signal(int sig)
{
	(void)sig;
	signals_caught++;
}

static void *nothing(void *arg)
{
	return arg;
}

/* ---- what it can be told ------------------------------------------------------------------ */

static void do_check(void)
{
	long rounds = 0;
	long wrong = 0;

	for (int i = 0; i < thread_count; i++) {
		rounds += workers[i].rounds;
		wrong += workers[i].wrong;
	}
	printf("rounds %ld wrong %ld\n", rounds, wrong);
}

static void do_call(const char *argument)
{
	long (*function)(long) = (long (*)(long))strtoul(argument, NULL, 0);
	long result = function(21); /* do_call calls */

	printf("called %ld\n", result);
}

/*
 * "ADDRESS VALUE", or "own VALUE"; by itself, by another thread, by the kernel, by a child that
 * shares the memory (and that a SIGTRAP would kill), by one that has a copy.
 */
static volatile long *poke_at;
static long poke_value;

__attribute__((noinline)) static void do_poke(void)
{
	*poke_at = poke_value; /* do_poke writes */
}

static void *poke_in_thread(void *arg)
{
	do_poke();
	return arg;
}

static void poke_by_kernel(void)
{
	int ends[2];

	if (pipe(ends))
		return;
	if (write(ends[1], &poke_value, sizeof(poke_value)) < 0 ||
	    read(ends[0], (void *)poke_at, sizeof(*poke_at)) < 0)
		perror("poke");
	close(ends[0]);
	close(ends[1]);
}

static void report_child(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("child %d 0x%x\n", (int)pid, (unsigned)status);
}

static void poke_in_vfork(void)
{
	sigset_t traps;
	pid_t pid = vfork();

	if (pid == 0) {
		signal(SIGTRAP, SIG_DFL);
		sigemptyset(&traps);
		sigaddset(&traps, SIGTRAP);
		sigprocmask(SIG_BLOCK, &traps, NULL);
		do_poke();
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	report_child(pid);
}

static void poke_in_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		do_poke();
		_exit(0);
	}
	report_child(pid);
}

static void do_poking(char how, const char *argument)
{
	pthread_t thread;
	char *end;

	poke_at = (volatile long *)strtoul(argument, &end, 0);
	if (!poke_at)
		poke_at = &shared;
	poke_value = strtol(end, NULL, 0);
	if (how == 't' && !pthread_create(&thread, NULL, poke_in_thread, NULL))
		pthread_join(thread, NULL);
	else if (how == 'k')
		poke_by_kernel();
	else if (how == 'v')
		poke_in_vfork();
	else if (how == 'f')
		poke_in_fork();
	else
		do_poke();
	printf("poked %ld\n", *poke_at); /* do_poking reads */
}

/* Any of the ways to have a child; it works too, and says so by its status. */
static void do_fork(void)
{
	struct worker mine = {0};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		for (long n = 0; n < 10; n++)
			work(&mine, n);
		_exit(mine.wrong ? 1 : 42);
	}
	waitpid(pid, &status, 0);
	printf("forked 0x%x\n", (unsigned)status);
}

static void do_vfork(void)
{
	int status = -1;
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	printf("vforked 0x%x\n", (unsigned)status);
}

static void do_spawn(void)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 42", NULL};
	int status = -1;
	pid_t pid;

	if (!posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ))
		waitpid(pid, &status, 0);
	printf("spawned 0x%x\n", (unsigned)status);
}

static void do_dlopen(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	long (*function)(long) = library ? (long (*)(long))dlsym(library, "plugged") : NULL;

	printf("plugged %ld\n", function ? function(7) : -1);
	if (library)
		dlclose(library);
}

static void do_thread(void)
{
	pthread_t thread;
	void *result = NULL;

	pthread_create(&thread, NULL, nothing, &component);
	pthread_join(thread, &result);
	printf("thread %d\n", result == &component);
}

/* Many that come, wait for each other and go. */
static void do_crowd(int count)
{
	pthread_t threads[MAX_THREADS];
	int here = 0;
	void *result;

	while (here < count && here < MAX_THREADS &&
	       !pthread_create(&threads[here], NULL, nothing, &component))
		here++;
	for (int i = 0; i < here; i++)
		pthread_join(threads[i], &result);
	printf("crowd %d\n", here);
}

static void do_as_told(char *line)
{
	char *argument = strchr(line, ' ');

	line[strcspn(line, "\n")] = '\0';
	if (argument)
		*argument++ = '\0';
	if (!strcmp(line, "check"))
		do_check();
	else if (!strcmp(line, "address"))
		printf("offer %p\n", (void *)(uintptr_t)offer);
	else if (!strcmp(line, "shared"))
		printf("shared %p\n", (volatile void *)&shared);
	else if (!strcmp(line, "call"))
		do_call(argument);
	else if (!strncmp(line, "poke", 4))
		do_poking(line[4], argument);
	else if (!strcmp(line, "fork"))
		do_fork();
	else if (!strcmp(line, "vfork"))
		do_vfork();
	else if (!strcmp(line, "crowd"))
		do_crowd(atoi(argument));
	else if (!strcmp(line, "spawn"))
		do_spawn();
	else if (!strcmp(line, "system"))
		printf("system 0x%x\n", (unsigned)system("exit 42"));
	else if (!strcmp(line, "dlopen"))
		do_dlopen(argument);
	else if (!strcmp(line, "thread"))
		do_thread();
	else if (!strcmp(line, "raise"))
		printf("raised %d\n", raise(atoi(argument)));
	else if (!strcmp(line, "peek"))
		printf("peek %ld\n", *(volatile long *)strtoul(argument, NULL, 0));
	else if (!strcmp(line, "exit"))
		_exit(atoi(argument));
	else if (!strcmp(line, "exec"))
		execl("/bin/sh", "sh", "-c", "echo executed; exec cat >/dev/null", (char *)NULL);
	else
		printf("what? %s\n", line);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[512];

	component = argc > 1 ? atoi(argv[1]) : 0;
	thread_count = argc > 2 ? atoi(argv[2]) : 1;
	fast = argc > 3;
	if (thread_count < 0 || thread_count > MAX_THREADS)
		return 2;
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < thread_count; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, loop, &workers[i]))
			return 2;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		do_as_told(line);
	return 0;
}
