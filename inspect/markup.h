/*
 * markup.h - text within HTML and SVG, whatever it is: a hostile name stays text.
 *
 * Text is made printable first (lib/base/text.h), so that a file never has a control character, nor
 * anything that is not UTF-8, then safe between tags and within quoted attributes.
 */
#ifndef TPROC_INSPECT_MARKUP_H
#define TPROC_INSPECT_MARKUP_H

#include <stdarg.h>
#include <stdio.h>

void markup_text(FILE *out, const char *text);

/* What was made printable by whoever wrote it: lines and tabs stay. */
void markup_printed(FILE *out, const char *text);

/* What a format makes of its arguments, all of it as text. */
void markup_format(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void markup_vformat(FILE *out, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

#endif
