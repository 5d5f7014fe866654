/* malloc and free, used wrongly.  Compiled without the compiler's own idea of them. */
#include "faulty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MAPPED (1 << 20) /* malloc gives a chunk of this size a mapping of its own */

static void free_twice(uintptr_t where)
{
	char *chunk = malloc(24);

	(void)where;
	free(chunk);
	free(chunk);
}

static void free_twice_large(uintptr_t where)
{
	char *chunk = malloc(5000);
	char *behind = malloc(5000);

	(void)where;
	free(chunk);
	free(chunk);
	free(behind);
}

static void free_stack(uintptr_t where)
{
	char here[64] __attribute__((aligned(16))) = { 0 };

	(void)where;
	free(here + 16);
}

static void free_misaligned(uintptr_t where)
{
	(void)where;
	free((char *)malloc(64) + 4);
}

static void free_there(uintptr_t where)
{
	free((void *)where);
}

/* Into the size of the next chunk, which free looks at. */
static void overflow_chunk(uintptr_t where)
{
	char *chunk = malloc(2000);
	char *behind = malloc(2000);

	(void)where;
	memset(chunk, 0x41, 2100);
	free(behind);
	free(chunk);
}

static void overflow_top(uintptr_t where)
{
	char *chunk = malloc(2000);

	(void)where;
	memset(chunk, 0xff, 2100);
	free(malloc(100000));
}

static void heap_overflow(uintptr_t where)
{
	(void)where;
	for (volatile char *at = malloc(100);; at++)
		*at = 'x';
}

static void heap_underflow(uintptr_t where)
{
	(void)where;
	for (volatile char *at = malloc(100);; at--)
		*at = 'x';
}

static void use_after_free(uintptr_t where)
{
	char *chunk = malloc(MAPPED);

	(void)where;
	free(chunk);
	write_4((uintptr_t)chunk);
}

/* One's own heap is ruined from end to end before the crash. */
static void ruined(uintptr_t where)
{
	char *chunk = malloc(2000);

	(void)where;
	memset(chunk - 16, 0xff, 3000);
	write_4(0);
}

static void free_foreign(uintptr_t where)
{
	free((void *)where);
}

static void free_foreign_twice(uintptr_t where)
{
	free((void *)where);
	free((void *)where);
}

static void realloc_foreign(uintptr_t where)
{
	char *moved = realloc((void *)where, 4000);

	need(moved && moved != (char *)where, "realloc");
	free(moved);
	write_4(0);
}

/* What a program does whose allocations fail. */
static void out_of_memory(uintptr_t where)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	(void)where;
	need(!setrlimit(RLIMIT_AS, &limit), "setrlimit");
	for (;;) {
		char *chunk = malloc(MAPPED);

		if (!chunk)
			abort();
		memset(chunk, 1, MAPPED);
	}
}

static void map_fails(uintptr_t where)
{
	(void)where;
	if (mmap(NULL, UINT64_C(1) << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED)
		abort();
}

static void unchecked_malloc(uintptr_t where)
{
	(void)where;
	memset(malloc(UINT64_C(1) << 46), 1, 8);
}

const struct way heap_ways[] = {
	{ "free-twice", free_twice },
	{ "free-twice-large", free_twice_large },
	{ "free-stack", free_stack },
	{ "free-misaligned", free_misaligned },
	{ "free", free_there },
	{ "overflow-chunk", overflow_chunk },
	{ "overflow-top", overflow_top },
	{ "heap-overflow", heap_overflow },
	{ "heap-underflow", heap_underflow },
	{ "use-after-free", use_after_free },
	{ "heap-ruined", ruined },
	{ "free-foreign", free_foreign },
	{ "free-foreign-twice", free_foreign_twice },
	{ "realloc-foreign", realloc_foreign },
	{ "out-of-memory", out_of_memory },
	{ "map-fails", map_fails },
	{ "unchecked-malloc", unchecked_malloc },
	{ 0 },
};
