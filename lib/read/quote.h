/*
 * quote.h - characters of a target's memory as C literals, the way GDB shows them.
 *
 * What comes out is printable UTF-8 and nothing else, whatever went in: fit for a terminal.
 */
#ifndef TPROC_READ_QUOTE_H
#define TPROC_READ_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* So many of the same character in a row are shown as 'x' <repeats N times>. */
#define QUOTE_REPEATS 11

/*
 * Writes a string of count characters, which are width bytes each: 1 (UTF-8), 2 (UTF-16, u"...")
 * or 4 (UTF-32, U"...").  A NUL at its end is not shown, unless more says that the string goes
 * on, for which "..." is added.
 */
void quote_string(FILE *out, const void *bytes, size_t count, unsigned width, bool more);

/* 'c', '\n', '\303' */
void quote_char(FILE *out, uint8_t c);

#endif
