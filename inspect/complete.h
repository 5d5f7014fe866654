/*
 * complete.h - what the word that is being typed could become.
 *
 * To have symbols or types completed: a provider, and its line in complete.c's table.
 */
#ifndef TPROC_INSPECT_COMPLETE_H
#define TPROC_INSPECT_COMPLETE_H

#include "inspect/verb.h"

#include <stddef.h>

/* More than a person would look through; what exceeds it is left out. */
#define COMPLETE_MAX 1000

struct complete_list {
	char **words;
	size_t count;
	bool stopped; /* full, or memory is short */
};

/* Calls complete_add for what begins with prefix.  What goes wrong leaves the list short. */
typedef void (*complete_provider)(struct session *session, const char *prefix,
                                  struct complete_list *list);

/*
 * Adds a copy of word, if it begins with prefix and can be typed: no blanks, quotes and control
 * characters.  Returns whether there is room for more.
 */
bool complete_add(struct complete_list *list, const char *prefix, const char *word);

/* Symbols of all files that are mapped, as sym takes them. */
void complete_symbols(struct session *session, const char *prefix, struct complete_list *list);

/* Types of the programs, with and without what they are in. */
void complete_types(struct session *session, const char *prefix, struct complete_list *list);

struct completion {
	size_t start;              /* where in the line the word begins */
	bool file;                 /* a file name: the list is empty */
	bool within;               /* an expression, which may go on without a blank */
	struct complete_list list; /* in order, each once */
};

/* line is what stands before the cursor.  Released by completion_deinit. */
void complete_line(struct session *session, const char *line, struct completion *ret_completion);
void completion_deinit(struct completion *completion);

#endif
