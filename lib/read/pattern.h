/*
 * pattern.h - what can be searched for in memory, as people write it.
 *
 *	"text"  u"text"  U"text"	a string as UTF-8, UTF-16, UTF-32, with the escapes of C
 *	/expression/flags		Perl's regular expression over bytes; flags i, s, x, u
 *(UTF-8) de:ad:??:ef			bytes; ?? is any 0x7f0012345678			a pointer,
 *unless a size is given 1234, -1			an integer, of 4 bytes unless a size is
 *given text				else: a string as UTF-8
 */
#ifndef TPROC_READ_PATTERN_H
#define TPROC_READ_PATTERN_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;

enum pattern_kind { PATTERN_BYTES, PATTERN_NUMBER, PATTERN_POINTER, PATTERN_TEXT, PATTERN_REGEX };

/* What is longer than this is found cut, if at all. */
#define PATTERN_MATCH_MAX 4096

/*
 * size: bytes of a number (1, 2, 4, 8), 0 when none was given.  ERR_USAGE, with a reason, for
 * what is none.
 */
int pattern_create(const char *text, unsigned size, struct pattern **ret_pattern, struct err *err);
void pattern_destroy(struct pattern *pattern);

enum pattern_kind pattern_kind(const struct pattern *pattern);

/* Bytes of a number or pointer, and of what else is of a fixed length; 0 when it is not. */
size_t pattern_length(const struct pattern *pattern);

/* How much of one block has to be at the beginning of the next, so that nothing is missed. */
size_t pattern_overlap(const struct pattern *pattern);

/* Where it is, at `from` or later.  0 when it is nowhere, 1, or -1: ERR_LIMIT when a regular
 * expression would cost too much. */
int pattern_find(struct pattern *pattern, const uint8_t *hay, size_t len, size_t from,
                 size_t *ret_at, size_t *ret_len, struct err *err);

#endif
