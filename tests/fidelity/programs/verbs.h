/* A program with several verbs: `PROGRAM VERB [ARG...]`; each says on standard output how it went.
 */
#ifndef FIDELITY_VERBS_H
#define FIDELITY_VERBS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb; an exit status */
};

/* Ends the program with a line that says what failed, and why. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("line %d: %s: %s\n", __LINE__, #condition, strerror(errno));        \
			fflush(stdout);                                                            \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

static inline int run_verb(const struct verb *verbs, size_t count, int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < count; i++) {
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "%s: no such verb\n", argc > 1 ? argv[1] : "");
	return 98;
}

#define VERBS_MAIN(verbs)                                                                          \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return run_verb(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);              \
	}

#endif
