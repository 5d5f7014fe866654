/*
 * line.h - the grammar of a command line.
 *
 *	VERB[/FORMAT] WORD... [| SHELL-COMMAND | > FILE | >> FILE] [# COMMENT]
 *
 * Words are separated by blanks.  '...' takes everything as it is; in "..." a backslash quotes
 * '"' and itself; elsewhere it quotes the next character.  '|', '>' and '#' mean something only
 * where a word could begin (behind a blank, or right behind the verb): "vector<int>" is a word.
 *
 * A raw verb takes the rest of the line as one word, as it was written: an expression.  Options
 * come before it or at the end ("--name", "--name=value"; "--" ends them).  There '|', '>', '>>'
 * and '#' count only between blanks, and outside of quotes and of (), [] and {}: "p->next",
 * "(a > b)" and "a>b" are expressions, "a > b" is the value of a in the file b.
 */
#ifndef TPROC_INSPECT_LINE_H
#define TPROC_INSPECT_LINE_H

#include "lib/base/err.h"

#include <stdbool.h>

#define LINE_LENGTH_MAX 65536
#define LINE_FORMAT_MAX 32

/* Where the answer goes. */
enum line_sink {
	LINE_SINK_OUT, /* where answers go */
	LINE_SINK_PIPE,
	LINE_SINK_FILE,
	LINE_SINK_APPEND,
};

struct line_head {
	char verb[64];                /* "": nothing to do */
	char format[LINE_FORMAT_MAX]; /* letters and digits; "": none */
	const char *rest;             /* within the text */
};

struct line {
	char **words; /* NULL-terminated */
	int count;
	enum line_sink sink;
	char *target; /* the shell command, the file; NULL when the sink needs none */
	char *store;  /* what they all point into */
};

/* The verb and its format.  ERR_USAGE for what is not one, and for a line that is too long. */
int line_head(const char *text, struct line_head *ret_head, struct err *err);

/* What follows the head; line_deinit releases it. */
int line_parse(const char *rest, bool raw, struct line *ret_line, struct err *err);
void line_deinit(struct line *line);

/* A raw verb's word without the quotes around all of it, for who knows none; points into word. */
char *line_unquote(char *word);

#endif
