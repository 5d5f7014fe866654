/*
 * A program with chunks of musl's malloc, in use and free.  It says what it has as a line of JSON
 * and ends with its input.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const size_t sizes[] = {1, 24, 100, 500, 4000, 20000, 60000, 200000, 3000000};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static char text[1 << 14];

int main(void)
{
	void *users[SIZES][3];
	size_t used = 0;
	char ignored;

	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < SIZES; i++)
			users[i][turn] = malloc(sizes[i]);
	}
	for (size_t i = 0; i < SIZES; i++) {
		/* one of three; a group of large ones is unmapped with its last */
		int freed = sizes[i] < 1000;

		for (int turn = 0; turn < 3; turn++)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used,
				"%s{\"state\": \"%s\", \"user\": \"%p\", \"size\": %zu}",
				used ? ", " : "[", turn == 1 && freed ? "freed" : "in_use",
				users[i][turn], malloc_usable_size(users[i][turn]));
		if (freed)
			free(users[i][1]);
	}
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]\n");
	if (write(STDOUT_FILENO, text, used) != (ssize_t)used)
		return 1;
	return read(STDIN_FILENO, &ignored, 1) < 0;
}
