/*
 * quarantine.h - for how long addresses of programs that have ended are not used again, as users
 * and messages have it.
 */
#ifndef TPROC_QUARANTINE_H
#define TPROC_QUARANTINE_H

#include "lib/base/err.h"

#include <stdint.h>

/* In granules: so many are given up later before one is used again.  0: as late as can be. */
#define QUARANTINE_FOREVER UINT32_MAX
#define QUARANTINE_TEXT 24

/*
 * Takes a size ("64G", "2T"; rounded up to granules) or "forever".  ERR_USAGE for anything else,
 * and for more than a space has.
 */
int quarantine_parse(const char *text, uint32_t *ret_granules, struct err *err);

/* The same as text, for messages. */
void quarantine_text(uint32_t granules, char ret_text[QUARANTINE_TEXT]);

#endif
