/*
 * verb.h - what a verb is, and how it gets its arguments.
 *
 * A group of verbs is a file that defines `const struct verb verb_NAME` for each of them, and a
 * line for each in verbs.h.  Completion, help, usage, the man page and JSON come from the fields.
 */
#ifndef TPROC_INSPECT_VERB_H
#define TPROC_INSPECT_VERB_H

#include "inspect/session.h"

#define VERB_OPTIONS_MAX 16

/* What an argument or the value of an option is: what completion offers. */
enum verb_takes {
	TAKES_NOTHING, /* or what cannot be completed: an address, a number */
	TAKES_COMPONENT,
	TAKES_SYMBOL,
	TAKES_TYPE,
	TAKES_EXPRESSION, /* symbols and, behind "(", types */
	TAKES_FILE,
	TAKES_VERB,
	TAKES_END,
};

/* "--NAME", "--NAME VALUE" or "--NAME=VALUE" (behind a raw verb, the latter only). */
struct verb_option {
	const char *name;  /* without dashes; NULL ends a table */
	const char *value; /* what it takes, "FILE"; NULL: nothing */
	const char *help;
	enum verb_takes takes; /* the value */
};

/*
 * The arguments of one run.  options has an element for each of the verb's: NULL when it was
 * not given, "" when it was and takes no value, else the value; the last one given counts.
 */
struct verb_args {
	int count;
	char **words;       /* NULL-terminated; behind a raw verb one: the expression as written */
	const char *format; /* "8xg" of x/8xg; "" when there is none */
	const char *options[VERB_OPTIONS_MAX];
};

struct verb {
	const char *name;
	const char *usage;  /* its arguments, without options and format: "ADDR..."; "" for none */
	const char *format; /* what may follow NAME/, "FMT"; NULL: nothing may */
	const char *help;   /* one line, without a full stop */
	const char
		*details; /* sentences, lines of at most 90 characters, each ended; may be NULL */
	const char *example;               /* a whole command line */
	const struct verb_option *options; /* ended by a zero; NULL: none */
	enum verb_takes takes;             /* each argument */
	int args_min;
	int args_max;     /* -1: any number */
	bool raw;         /* the arguments are one expression (see line.h) */
	bool needs_space; /* session->snapshot is fresh when it runs */
	bool streams;     /* answers bit by bit and without end: not for the pager */
	/*
	 * Answers on session->out.  Returns 0, 1 when it answered that something is not there, or
	 * -1 with err.  What takes long asks session_interrupted(), or uses progress.h.
	 */
	int (*run)(struct session *session, const struct verb_args *args, struct err *err);
};

#endif
