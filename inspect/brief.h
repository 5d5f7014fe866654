/*
 * brief.h - what an address is, in a few words: behind a pointer, in a list of finds.
 *
 * In JSON that is identities_json_brief.
 */
#ifndef TPROC_INSPECT_BRIEF_H
#define TPROC_INSPECT_BRIEF_H

#include "inspect/session.h"

#include "lib/read/identify.h"

/*
 * "printstr(2) heap chunk+0x8 of 24", "allocstr(1) libc.so.6 malloc+0x13",
 * "exited gone(3)", "the registry", "not mapped".  Escaped.
 */
void brief_text(FILE *out, const struct identity *id);

/* The same without the owner. */
void brief_place(FILE *out, const struct identity *id);

/* "threadproc", "exited", "toolkit", "kernel", "unowned". */
const char *brief_owner(const struct identity *id);

/* The mapping around it: "printstr(2) heap, rw-p, 0x101800a00000-0x101800a21000". */
void brief_area(FILE *out, const struct identity *id);

#endif
