/*
 * nearest.h - "did you mean ...?"
 */
#ifndef TPROC_INSPECT_NEAREST_H
#define TPROC_INSPECT_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Longer words have no neighbours. */
#define NEAREST_LENGTH_MAX 63

struct nearest {
	const char *word; /* borrowed, like the candidates */
	const char *best;
	size_t distance;
	bool several; /* others are as near */
};

/*
 * The candidate with the fewest typing mistakes (a character too many, missing, wrong, or two
 * exchanged), if it is one that could be meant: a third of the word's length at most.
 */
void nearest_init(struct nearest *nearest, const char *word);
void nearest_consider(struct nearest *nearest, const char *candidate);

/* NULL when none is near, or several are the nearest. */
const char *nearest_found(const struct nearest *nearest);

/* Mistakes between a and b; SIZE_MAX when either is longer than NEAREST_LENGTH_MAX. */
size_t nearest_distance(const char *a, const char *b);

#endif
