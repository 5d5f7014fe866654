/*
 * Two of these do to each other what goes wrong between components:
 *
 *	party keep		has memory of all kinds: prints "NAME ADDRESS" for each, then
 *"ready", and ends with its input party HOW ADDRESS	does that with the address, which should be
 *the end of it
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define CHUNK (16 * PAGE)

typedef void function(void *);

const char constant[64] = "written at build time";
char variable[64] = "written at run time";
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- What is kept -------------------------------------------------------------------------- */

__attribute__((noinline)) static void lent(void *address)
{
	*(volatile int *)address = 1;
}

static char *page_of(char *at)
{
	return (char *)(((uintptr_t)at + PAGE - 1) & -(uintptr_t)PAGE);
}

/* A chunk that was freed, and a part of it that nobody can touch: what is done there shows. */
static char *make_freed(void)
{
	char *chunk = malloc(CHUNK);
	char *behind = malloc(64);
	char *page = page_of(chunk + PAGE);

	if (!chunk || !behind)
		abort();
	free(chunk);
	mprotect(page, PAGE, PROT_NONE);
	return page;
}

static char *make_used(void)
{
	char *chunk = malloc(CHUNK);
	char *page = page_of(chunk + PAGE);

	if (!chunk)
		abort();
	mprotect(page, PAGE, PROT_NONE);
	return page;
}

/* A mapping, and nothing behind it. */
static char *make_edge(void)
{
	char *map =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(map + PAGE, 63 * PAGE);
	return map + PAGE + 16;
}

static void keep(void)
{
	char *freed, *used;

	mallopt(M_MMAP_THRESHOLD, 1 << 28);
	mallopt(M_TRIM_THRESHOLD, 1 << 28);
	printf("constant %p\nvariable %p\nlent %p\nmutex %p\n", (const void *)constant,
	       (void *)variable, (void *)(uintptr_t)lent, (void *)&mutex);
	used = make_used();
	freed = make_freed();
	printf("used %p\nfreed %p\nedge %p\n", (void *)used, (void *)freed, (void *)make_edge());
	printf("chunk %p\n", malloc(24));
	printf("ready\n");
	fflush(stdout);
	getchar();
}

/* ---- What is done -----------------------------------------------------------------------------
 */

static void read_8(void *address)
{
	printf("%lu\n", (unsigned long)*(volatile uint64_t *)address);
}

static void write_4(void *address)
{
	*(volatile uint32_t *)address = 1;
}

static void call(void *address)
{
	((function *)address)(NULL);
}

/* In memory of the library's, on our behalf. */
static void copy(void *address)
{
	static char buffer[256];

	memcpy(address, buffer, sizeof(buffer));
}

static void free_twice(void *address)
{
	char *chunk = malloc(24);

	(void)address;
	free(chunk);
	free(chunk);
}

static void forbidden_call(void *address)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	(void)address;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	syscall(SYS_getpgrp);
}

/* Keeps a pointer to itself in the other's memory, takes its lock, and ends. */
static void entangle(void *address)
{
	pthread_mutex_lock(address);
	write_4(NULL);
}

static void lock(void *address)
{
	printf("ready\n");
	fflush(stdout);
	pthread_mutex_lock(address);
}

/* Leaves an address of its own where the other one has a variable. */
static void plant(void *address)
{
	static int planted;

	*(void **)address = &planted;
	write_4(NULL);
}

/* Of a chunk that another one allocated. */
static void free_chunk(void *address)
{
	free(address);
}

static void resize(void *address)
{
	if (!realloc(address, 100))
		abort();
}

static void wait_for_kill(void *address)
{
	(void)address;
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

static const struct {
	const char *name;
	function *run;
} ways[] = {
	{"read", read_8},       {"write", write_4},         {"call", call},
	{"copy", copy},         {"free-twice", free_twice}, {"forbidden", forbidden_call},
	{"entangle", entangle}, {"plant", plant},           {"wait", wait_for_kill},
	{"lock", lock},         {"free", free_chunk},       {"resize", resize},
};

int main(int argc, char **argv)
{
	void *address = argc > 2 ? (void *)strtoul(argv[2], NULL, 16) : NULL;

	if (argc > 1 && !strcmp(argv[1], "keep")) {
		keep();
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!strcmp(ways[i].name, argv[1]))
			ways[i].run(address);
	}
	return 1;
}
