#include "inspect/markup.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <stdbool.h>

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void put(FILE *out, char c)
{
	const char *name = entity(c);

	if (name)
		fputs(name, out);
	else
		fputc(c, out);
}

void markup_text(FILE *out, const char *text)
{
	AUTO_FREE char *printable = text_escape_dup(text);

	for (const char *p = printable ? printable : ""; *p; p++)
		put(out, *p);
}

void markup_printed(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		bool control = (unsigned char)*p < ' ' || *p == 0x7f;

		put(out, control && *p != '\n' && *p != '\t' ? '?' : *p);
	}
}

void markup_vformat(FILE *out, const char *fmt, va_list args)
{
	AUTO_FREE char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL; /* undefined after a failure */
	if (text)
		markup_text(out, text);
}

void markup_format(FILE *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	markup_vformat(out, fmt, args);
	va_end(args);
}
