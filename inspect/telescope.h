/*
 * telescope.h - words and where they lead, as lines: for `telescope` and `stack`.
 */
#ifndef TPROC_INSPECT_TELESCOPE_H
#define TPROC_INSPECT_TELESCOPE_H

#include "inspect/session.h"

#include "lib/read/identify.h"

#include <stddef.h>
#include <stdint.h>

#define TELESCOPE_HOPS_DEFAULT 6

/*
 * Prints count words from addr up, one a line: "0x...+0x8: 0x... printstr(2) heap -> "text"".  id
 * is room to work in.  ERR_NOT_FOUND where the first cannot be read; the others end the list.
 */
int telescope_print(struct session *session, uint64_t addr, size_t count, size_t hops,
                    struct identity *id, struct err *err);

/* The same as an array of objects; NULL with err. */
json_t *telescope_json(struct session *session, uint64_t addr, size_t count, size_t hops,
                       struct identity *id, struct err *err);

#endif
