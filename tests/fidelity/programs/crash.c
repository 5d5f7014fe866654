/* Dies in every way in which a program can. */
#include "verbs.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int null(int argc, char **argv)
{
	*(volatile int *)0 = 1;
	return 0;
}

static int wild(int argc, char **argv)
{
	*(volatile int *)UINTPTR_MAX = 1;
	return 0;
}

static int read_only(int argc, char **argv)
{
	*(volatile char *)(uintptr_t) "constant" = 1;
	return 0;
}

static int jump(int argc, char **argv)
{
	((void (*)(void))(uintptr_t)0x10)();
	return 0;
}

static int divide(int argc, char **argv)
{
	volatile int zero = argc - 1;

	return argc / zero;
}

static int illegal(int argc, char **argv)
{
	__builtin_trap();
}

static int trap(int argc, char **argv)
{
	__asm__ volatile("int3");
	return 0;
}

/* A page of a file that ended before it. */
static int bus(int argc, char **argv)
{
	int fd = memfd_create("short", 0);
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return *page;
}

static int aborts(int argc, char **argv)
{
	abort();
}

static volatile int depth;

static int recurse(int argc, char **argv)
{
	volatile char frame[4096];

	frame[0] = (char)depth++;
	return recurse(argc + 1, argv) + frame[0];
}

static void *in_thread(void *arg)
{
	*(volatile int *)0 = 1;
	return arg;
}

static int thread(int argc, char **argv)
{
	pthread_t id;

	pthread_create(&id, NULL, in_thread, NULL);
	pthread_join(id, NULL);
	return 0;
}

static int smash(int argc, char **argv)
{
	char *volatile block = malloc(16);

	free(block);
	free(block);
	return 0;
}

static int raises(int argc, char **argv)
{
	raise(argc > 1 ? atoi(argv[1]) : 0);
	return 0;
}

static const struct verb verbs[] = {
	{"null", null},     {"wild", wild},       {"read-only", read_only}, {"jump", jump},
	{"divide", divide}, {"illegal", illegal}, {"trap", trap},           {"bus", bus},
	{"abort", aborts},  {"recurse", recurse}, {"thread", thread},       {"double-free", smash},
	{"raise", raises},
};

VERBS_MAIN(verbs)
