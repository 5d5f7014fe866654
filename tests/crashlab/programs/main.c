/*
 * Goes wrong in the way that its argument says:
 *
 *	faulty HOW [ADDRESS]
 *
 * Status 99: it could not even go wrong.
 */
#include "faulty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *wanted = "";
static volatile uint64_t sink;

void write_4(uintptr_t where)
{
	*(volatile uint32_t *)where = 1;
}

uint64_t read_8(uintptr_t where)
{
	return *(volatile uint64_t *)where;
}

void call(uintptr_t where)
{
	((void (*)(void))where)();
	sink++; /* no tail call */
}

void need(int done, const char *what)
{
	if (done)
		return;
	perror(what);
	_Exit(99);
}

int is_way(const char *name)
{
	return !strcmp(wanted, name);
}

/* glibc hands constructors what it hands main. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
	if (argc > 1)
		wanted = argv[1];
	if (is_way("constructor"))
		write_4(0);
}

__attribute__((destructor)) static void end(void)
{
	if (is_way("destructor"))
		write_4(0);
}

static int try(const struct way *ways, uintptr_t where)
{
	for (; ways->name; ways++) {
		if (!is_way(ways->name))
			continue;
		ways->run(where);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct way *all[] = { memory_ways, heap_ways,   stack_ways, signal_ways,
				    filter_ways, thread_ways, life_ways,  toolkit_ways };
	uintptr_t where = argc > 2 ? strtoull(argv[2], NULL, 16) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (try(all[i], where))
			return 0;
	}
	return is_way("destructor") ? 0 : 99;
}
