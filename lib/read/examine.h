/*
 * examine.h - memory in the formats of GDB's x command.
 */
#ifndef TPROC_READ_EXAMINE_H
#define TPROC_READ_EXAMINE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Elements of one request; what is more is a slip. */
#define EXAMINE_COUNT_MAX 1000000

/* As after "x/": how many elements (negative: backwards), the letters of format and size. */
struct examine_format {
	int64_t count;
	char letter; /* x d u o t a c f s i z */
	char size;   /* b h w g; '\0' for strings of bytes */
};

/* What GDB begins with. */
#define EXAMINE_FORMAT_FIRST ((struct examine_format){1, 'x', 'w'})

/* GDB's `print elements`: so much of a string is shown as one. */
#define EXAMINE_STRING_MAX 200

/*
 * Parses "8xg", "-3uh" or "s".  What is missing is taken from the last one used, in the way GDB
 * does; the count is 1 then.  ERR_USAGE for what GDB would refuse too.
 */
int examine_parse(const char *text, const struct examine_format *last,
                  struct examine_format *ret_format, struct err *err);

/* What the next one's defaults are. */
struct examine_format examine_last(const struct examine_format *format);

/* Bytes of an element: of an instruction 1, of a string those of a character. */
unsigned examine_size(const struct examine_format *format);

/* Elements that share a line. */
unsigned examine_per_line(const struct examine_format *format);

/*
 * Writes an element of a format that is not 'a', 's' or 'i', of which bytes has
 * examine_size(format).
 */
void examine_scalar(FILE *out, const struct examine_format *format, const void *bytes);

/* The element as an address (format 'a'): sign-extended if it is shorter. */
uint64_t examine_address(const struct examine_format *format, const void *bytes);

/*
 * Writes the string at addr, as GDB does when it meets memory that cannot be read, too.
 * Returns how many characters it has, with the NUL.
 */
size_t examine_string(FILE *out, struct mem *mem, uint64_t addr, unsigned width);

/*
 * Where count strings begin that come before addr; *ret_count is how many there are.
 */
uint64_t examine_strings_before(struct mem *mem, uint64_t addr, size_t count, unsigned width,
                                size_t *ret_count);

#endif
