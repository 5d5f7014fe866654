/*
 * types.h - types that were found, as text and as JSON.
 */
#ifndef TPROC_INSPECT_TYPES_H
#define TPROC_INSPECT_TYPES_H

#include "inspect/debugging.h"

#include "lib/types/layout.h"

struct types_list {
	struct found *list;
	size_t count;
	size_t room;
	bool pattern; /* they are to be listed, not shown in full */
	bool cut;     /* there are more */
};

/* Both return what a verb returns. */
int types_text(struct session *session, struct debugging *debugging, const struct types_list *list,
               struct err *err);
int types_json(struct session *session, struct debugging *debugging, const struct types_list *list,
               struct err *err);

/* "struct", "typedef" and so on. */
const char *types_keyword(const struct type *type);

/* How deep records without a name are shown within each other. */
#define TYPES_DEPTH_MAX 8

/* The type of a member that is a record without a name, which is shown with it; else NULL. */
const struct type *types_unnamed(const struct layout_row *row);

/* Calls visit with each threadproc that maps the file of what was found. */
void types_each_owner(struct debugging *debugging, const struct found *found,
                      void (*visit)(void *context, const struct reg_threadproc *tp), void *context);

/* Whether both lie in memory in the same way: members, their names, places and types. */
bool types_same_layout(struct debugging *debugging, const struct found *a, const struct found *b);

#endif
