/*
 * identities.h - everything that an address is, one line each.
 *
 * A further kind of identity is a row of the table in identities.c: what identify() found
 * out about it lies in struct identity, and the row says how to show that.
 */
#ifndef TPROC_INSPECT_IDENTITIES_H
#define TPROC_INSPECT_IDENTITIES_H

#include "inspect/session.h"

#include "lib/read/identify.h"

struct identity_row {
	const char *kind;  /* in JSON, as the member "kind" */
	const char *label; /* in text; NULL: the headline says it already */
	bool (*applies)(const struct identity *id);
	json_t *(*json)(const struct identity *id); /* an object; NULL when memory is short */
	/* What follows the label, without a newline; NULL when label is. */
	void (*text)(struct session *session, const struct identity *id);
};

/* The whole answer: who owns it, and "identities", the most specific first. */
json_t *identities_json(const struct target *target, const struct identity *id);

/* The same as text: a headline, and a line for each. */
void identities_print(struct session *session, const struct identity *id);

/* Owner and the most specific identity alone, without the address: "allocstr: symbol main+0x4". */
json_t *identities_json_brief(const struct identity *id);

#endif
