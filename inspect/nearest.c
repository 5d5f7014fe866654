#include "inspect/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau and Levenshtein's, where nothing is changed twice. */
size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_LENGTH_MAX + 1];
	size_t a_len = strnlen(a, NEAREST_LENGTH_MAX + 1);
	size_t b_len = strnlen(b, NEAREST_LENGTH_MAX + 1);

	if (a_len > NEAREST_LENGTH_MAX || b_len > NEAREST_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t wrong = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min2(wrong, min2(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

void nearest_init(struct nearest *nearest, const char *word)
{
	*nearest = (struct nearest){.word = word, .distance = strlen(word) / 3 + 1};
}

void nearest_consider(struct nearest *nearest, const char *candidate)
{
	size_t distance = nearest_distance(nearest->word, candidate);

	if (distance > nearest->distance || (!nearest->best && distance == nearest->distance))
		return;
	/* The same word twice is one. */
	if (distance == nearest->distance) {
		nearest->several |= strcmp(nearest->best, candidate) != 0;
		return;
	}
	nearest->best = candidate;
	nearest->distance = distance;
	nearest->several = false;
}

const char *nearest_found(const struct nearest *nearest)
{
	return nearest->several ? NULL : nearest->best;
}
