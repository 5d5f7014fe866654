/* Addresses that are wrong. */
#include "faulty.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t constant = 7;
static uint32_t variable = 7;
static char global[4096];

static void read_there(uintptr_t where)
{
	read_8(where);
}

static void write_constant(uintptr_t where)
{
	(void)where;
	write_4((uintptr_t)&constant);
}

static void write_code(uintptr_t where)
{
	(void)where;
	write_4((uintptr_t)write_code);
}

static void call_variable(uintptr_t where)
{
	(void)where;
	call((uintptr_t)&variable);
}

/* Writes up to where nothing can be written. */
static void write_upwards(volatile char *from)
{
	for (;;)
		*from++ = 'x';
}

static void write_downwards(volatile char *from)
{
	for (;;)
		*from-- = 'x';
}

static void global_overflow(uintptr_t where)
{
	(void)where;
	write_upwards(global);
}

static void global_underflow(uintptr_t where)
{
	(void)where;
	write_downwards(global);
}

/* From one's own memory to the end of what is mapped there, or from a given address on. */
static void overflow(uintptr_t where)
{
	write_upwards((volatile char *)where);
}

static void underflow(uintptr_t where)
{
	write_downwards((volatile char *)where);
}

static void map_overflow(uintptr_t where)
{
	char *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)where;
	need(map != MAP_FAILED && !mprotect(map + 8192, 4096, PROT_NONE), "mmap");
	write_upwards(map);
}

static char *map_file(FILE *file, off_t size)
{
	char *map;

	need(file && !ftruncate(fileno(file), size), "file");
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	need(map != MAP_FAILED, "mmap");
	return map;
}

static void past_the_file(uintptr_t where)
{
	(void)where;
	write_4((uintptr_t)map_file(tmpfile(), 4096) + 4096);
}

/* The file becomes shorter while it is mapped. */
static void cut_file(uintptr_t where)
{
	FILE *file = tmpfile();
	char *map = map_file(file, 8192);

	(void)where;
	memset(map, 1, 8192);
	need(!ftruncate(fileno(file), 0), "ftruncate");
	read_8((uintptr_t)map);
}

static void unmapped(uintptr_t where)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)where;
	need(map != MAP_FAILED && !munmap(map, 4096), "mmap");
	read_8((uintptr_t)map);
}

static void misaligned(uintptr_t where)
{
	(void)where;
	__asm__ volatile("movaps (%0), %%xmm0" : : "r"(global + 1) : "xmm0");
}

/* It changes what belongs to somebody else, who never looks there; nothing crashes. */
static void scribble(uintptr_t where)
{
	write_4(where);
}

const struct way memory_ways[] = {
	{ "read", read_there },
	{ "write", scribble },
	{ "call", call },
	{ "write-constant", write_constant },
	{ "write-code", write_code },
	{ "call-variable", call_variable },
	{ "global-overflow", global_overflow },
	{ "global-underflow", global_underflow },
	{ "overflow", overflow },
	{ "underflow", underflow },
	{ "map-overflow", map_overflow },
	{ "past-the-file", past_the_file },
	{ "cut-file", cut_file },
	{ "unmapped", unmapped },
	{ "misaligned", misaligned },
	{ 0 },
};
