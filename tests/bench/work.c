/*
 * Work that is measured inside the program that does it:
 *
 *	bench-work malloc|mmap|fork|owner SAMPLES
 *	bench-work hold MIB
 *
 * Says "ready", waits for a line on standard input, so that several can start at once, and
 * prints nanoseconds per operation, one sample a line ("owner": of a look-up and of a pointer
 * dereference); again for each further line, until its input ends.  "hold" fills so much memory
 * instead and stays until its input ends.
 */
#include "tests/bench/clock.h"
#include "tproc/tproc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE 10000
#define MALLOCS 2000000
#define MMAPS 5000
#define FORKS 30
#define FORK_MIB 100
#define OWNERS 5000000
#define POINTERS 4096

/* Small, fast and the same in every run. */
static uint32_t random_state = 1;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static char *allocate(uint32_t n)
{
	char *block = malloc(16 + n % 497);

	if (!block)
		exit(1);
	*block = 1;
	return block;
}

static double measure_malloc(void)
{
	static char *blocks[LIVE];
	uint64_t start;

	for (int i = 0; i < LIVE; i++) {
		if (!blocks[i])
			blocks[i] = allocate(next_random());
	}
	start = now_ns();
	for (int i = 0; i < MALLOCS; i++) {
		uint32_t n = next_random();
		char **block = &blocks[n % LIVE];

		free(*block);
		*block = allocate(n >> 16);
	}
	return (double)(now_ns() - start) / MALLOCS;
}

static double measure_mmap(void)
{
	uint64_t start = now_ns();

	for (int i = 0; i < MMAPS; i++) {
		size_t size = 64 << 10;
		char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                  -1, 0);

		if (area == MAP_FAILED)
			exit(1);
		*area = 1;
		munmap(area, size);
	}
	return (double)(now_ns() - start) / MMAPS;
}

/* The program itself is as large as its neighbours: that much any fork has to copy. */
static double measure_fork(void)
{
	static char *area;
	uint64_t start;

	if (!area) {
		area = malloc(FORK_MIB << 20);
		if (!area)
			exit(1);
		memset(area, 1, FORK_MIB << 20);
	}
	start = now_ns();
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			exit(1);
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return (double)(now_ns() - start) / FORKS;
}

static double measure_owner(void)
{
	static char target[POINTERS];
	unsigned id = 0;
	unsigned sum = 0;
	uint64_t start = now_ns();

	for (int i = 0; i < OWNERS; i++) {
		if (tproc_owner(&target[i % POINTERS], &id))
			exit(1);
		sum += id;
	}
	if (!sum)
		exit(1);
	return (double)(now_ns() - start) / OWNERS;
}

/* Each pointer leads to the next, so that none can be followed ahead of its turn. */
static double measure_dereference(void)
{
	static void *ring[POINTERS];
	void **at = ring;
	uint64_t start;

	for (size_t i = 0; i < POINTERS; i++)
		ring[i] = &ring[(i * 1597 + 1) % POINTERS];
	start = now_ns();
	for (int i = 0; i < OWNERS; i++) {
		at = *at;
		__asm__ volatile("" : "+r"(at));
	}
	return (double)(now_ns() - start) / OWNERS;
}

static void hold(size_t mib)
{
	char *area = malloc(mib << 20);

	if (!area)
		exit(1);
	memset(area, 1, mib << 20);
	/* else the compiler, which sees that nobody reads it, leaves it untouched */
	__asm__ volatile("" : : "r"(area) : "memory");
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	free(area);
}

static double (*find_work(const char *name))(void)
{
	static const struct {
		const char *name;
		double (*work)(void);
	} works[] = {
		{"malloc", measure_malloc},
		{"mmap", measure_mmap},
		{"fork", measure_fork},
		{"owner", measure_owner},
	};

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (!strcmp(works[i].name, name))
			return works[i].work;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	double (*work)(void);
	int samples;

	if (argc != 3)
		return 2;
	samples = (int)strtol(argv[2], NULL, 10);
	if (!strcmp(argv[1], "hold")) {
		hold((size_t)samples);
		return 0;
	}
	work = find_work(argv[1]);
	if (!work)
		return 2;
	work(); /* warms up */
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		for (int i = 0; i < samples; i++) {
			if (work == measure_owner)
				printf("%.3f %.3f\n", measure_dereference(), work());
			else
				printf("%.3f\n", work());
		}
		fflush(stdout);
	}
	return 0;
}
