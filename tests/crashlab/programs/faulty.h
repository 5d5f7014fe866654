/* faulty.h - ways in which a program can go wrong, a file for each kind of them. */
#ifndef TPROC_CRASHLAB_FAULTY_H
#define TPROC_CRASHLAB_FAULTY_H

#include <stdint.h>

struct way {
	const char *name;
	void (*run)(uintptr_t where); /* where: an address given, or 0 */
};

/* Each ends with a way that has no name. */
extern const struct way memory_ways[];
extern const struct way heap_ways[];
extern const struct way stack_ways[];
extern const struct way signal_ways[];
extern const struct way filter_ways[];
extern const struct way thread_ways[];
extern const struct way life_ways[];
extern const struct way toolkit_ways[];

/* What most of them end with. */
void write_4(uintptr_t where);
uint64_t read_8(uintptr_t where);
void call(uintptr_t where);

/* Ends the program when something that has to work does not. */
void need(int done, const char *what);

/* What is to go wrong before main or after it, by the program's argument. */
int is_way(const char *name);

#endif
