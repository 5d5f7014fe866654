/*
 * answer_lines.h - the lines that `owner -` answers with, written by the million.
 */
#ifndef TPROC_INSPECT_ANSWER_LINES_H
#define TPROC_INSPECT_ANSWER_LINES_H

#include "inspect/session.h"

#include "lib/read/addrmap.h"

struct answer_lines {
	struct session *session;
	char *out;
	size_t used;
	size_t size;
};

/* What lies at an address, but for what its place says. */
struct answer {
	const struct addrmap_place *place; /* its text is answer_lines_prepare's */
	uint64_t addr;
	const char *name; /* of the symbol, else of the section, escaped; NULL: neither */
	size_t len;
	bool is_symbol;
	uint64_t offset; /* in that */
};

int answer_lines_open(struct answer_lines *lines, struct session *session, struct err *err);
void answer_lines_close(struct answer_lines *lines);

/* Makes what all answers about a place have in common, once. */
int answer_lines_prepare(const struct answer_lines *lines, struct addrmap_place *place,
                         struct err *err);

/* One line each. */
int answer_lines_add(struct answer_lines *lines, const struct answer *answer, struct err *err);

/* For a line of input that is no address. */
int answer_lines_refuse(struct answer_lines *lines, const char *input, size_t len, struct err *err);

/* Hands on what has been written so far. */
int answer_lines_flush(struct answer_lines *lines, struct err *err);

#endif
