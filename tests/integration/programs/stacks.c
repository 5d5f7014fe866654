/*
 * Threads that are each in a place which is hard to unwind from.  Prints "NAME TID" once each is
 * there, then "ready"; ends with the end of its input.
 *
 *	stacks KIND...		one thread each
 *	stacks --offer		prints the address of a function that waits in read(2)
 *	stacks --call ADDR	calls one, of another program
 */
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
/* Keeps calls from becoming jumps. */
#define STAY() __asm__ volatile("" ::: "memory")

static int never[2]; /* a pipe that nobody writes to */
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *name)
{
	pthread_mutex_lock(&printing);
	printf("%s %ld\n", name, syscall(SYS_gettid));
	fflush(stdout);
	pthread_mutex_unlock(&printing);
}

NOINLINE void wait_for_ever(void);
NOINLINE void wait_for_ever(void)
{
	char byte;

	while (read(never[0], &byte, 1) != 1)
		STAY();
}

/* ---- Kinds --------------------------------------------------------------- */

/* Mostly in the toolkit's code, through a stub. */
NOINLINE void map_and_unmap(void);
NOINLINE void map_and_unmap(void)
{
	for (;;) {
		void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		               0);

		if (p == MAP_FAILED)
			abort();
		munmap(p, 65536);
	}
}

static void in_mmap(void)
{
	say("mmap");
	map_and_unmap();
	STAY();
}

/* The system call itself is made in a stub: syscall(2) is patched where it waits. */
NOINLINE void wait_in_syscall(void);
NOINLINE void wait_in_syscall(void)
{
	static unsigned word;

	for (;;)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void in_syscall(void)
{
	say("syscall");
	wait_in_syscall();
	STAY();
}

static void on_signal(int number)
{
	say(number == SIGUSR1 ? "signal" : number == SIGUSR2 ? "altstack" : "null");
	wait_for_ever();
	STAY();
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(number, &action, NULL);
}

NOINLINE void interrupted(int number);
NOINLINE void interrupted(int number)
{
	pthread_kill(pthread_self(), number);
	STAY();
}

static void in_signal(void)
{
	handle(SIGUSR1, 0);
	interrupted(SIGUSR1);
	STAY();
}

static void in_altstack(void)
{
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};

	sigaltstack(&stack, NULL);
	handle(SIGUSR2, SA_ONSTACK);
	interrupted(SIGUSR2);
	STAY();
}

NOINLINE void call_null(void);
NOINLINE void call_null(void)
{
	void (*volatile nothing)(void) = NULL;

	nothing();
	STAY();
}

static void in_null(void)
{
	handle(SIGSEGV, 0);
	call_null();
	STAY();
}

NOINLINE void recurse(int depth);
NOINLINE void recurse(int depth)
{
	volatile char room[1024];

	room[0] = 1;
	if (!depth) {
		say("deep");
		wait_for_ever();
	} else {
		recurse(depth - room[0]);
	}
	STAY();
}

static void in_deep(void)
{
	recurse(2000);
	STAY();
}

NOINLINE void spin(void);
NOINLINE void spin(void)
{
	for (;;)
		STAY();
}

static void in_spin(void)
{
	say("spin");
	spin();
	STAY();
}

static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static sem_t is_owned;

static void in_owner(void)
{
	pthread_mutex_lock(&contended);
	sem_post(&is_owned);
	say("owner");
	wait_for_ever();
}

static void in_mutex(void)
{
	sem_wait(&is_owned);
	say("mutex");
	pthread_mutex_lock(&contended);
	abort();
}

static void *waits(void *arg)
{
	wait_for_ever();
	return arg;
}

static void in_join(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, waits, NULL))
		abort();
	say("join");
	pthread_join(other, NULL);
	abort();
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{"mmap", in_mmap},         {"syscall", in_syscall}, {"signal", in_signal},
	{"altstack", in_altstack}, {"null", in_null},       {"deep", in_deep},
	{"spin", in_spin},         {"owner", in_owner},     {"mutex", in_mutex},
	{"join", in_join},
};

static void *thread(void *arg)
{
	const char *name = arg;

	pthread_setname_np(pthread_self(), name);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(name, kinds[i].name))
			kinds[i].run();
	}
	fprintf(stderr, "stacks: %s came back\n", name);
	exit(2);
}

/* ---- Calls across components ---------------------------------------------- */

NOINLINE void offered(void);
NOINLINE void offered(void)
{
	wait_for_ever();
	STAY();
}

static void end_with_input(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	exit(0);
}

NOINLINE void call_foreign(const char *address);
NOINLINE void call_foreign(const char *address)
{
	void (*function)(void) = (void (*)(void))strtoull(address, NULL, 16);

	say("call");
	function();
	STAY();
}

int main(int argc, char **argv)
{
	pthread_t id;

	if (pipe(never) || sem_init(&is_owned, 0, 0))
		return 1;
	if (argc == 2 && !strcmp(argv[1], "--offer")) {
		printf("%p\n", (void *)offered);
		fflush(stdout);
		end_with_input();
	}
	if (argc == 3 && !strcmp(argv[1], "--call"))
		call_foreign(argv[2]);
	for (int i = 1; i < argc; i++) {
		if (pthread_create(&id, NULL, thread, argv[i]))
			return 1;
	}
	end_with_input();
}
