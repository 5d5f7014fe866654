/*
 * holder.h - what holds a word: in a line, the most specific thing that is known of it.
 */
#ifndef TPROC_INSPECT_HOLDER_H
#define TPROC_INSPECT_HOLDER_H

#include "inspect/session.h"

#include "lib/read/identify.h"

#define HOLDER_TEXT_SIZE 640

struct holder {
	/* "symbol", "tls", "chunk", "frame", "stack", "section", "mapping", "toolkit" */
	const char *kind;
	uint64_t lo;                 /* where it begins */
	uint64_t hi;                 /* and ends; 0: not known */
	char text[HOLDER_TEXT_SIZE]; /* raw: "errno of thread 4711", "48 bytes, in use" */
};

/* A frame only if the identity has one (frames_find). */
void holder_of(const struct identity *id, struct holder *ret_holder);

/* Whether both are the same thing. */
bool holder_same(const struct holder *a, const struct holder *b);

/* "kind", "address", "text" of it; NULL when memory is short. */
json_t *holder_json(const struct holder *holder);

/* BEFORE and "+0x8" or "-0x10": where an address is in it. */
void holder_print_offset(FILE *out, const char *before, uint64_t addr, const struct holder *holder);

/* "chunk 0x101000a8e3a0, 48 bytes, in use" without an end of line. */
void holder_print(struct session *session, const struct holder *holder);

#endif
