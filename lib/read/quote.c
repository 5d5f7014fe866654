#include "lib/read/quote.h"

#include "lib/base/text.h"

#include <string.h>
#include <wctype.h>

enum kind {
	KIND_GOOD,       /* a character */
	KIND_BAD,        /* bytes that are none */
	KIND_INCOMPLETE, /* the beginning of one, at the end of the string */
	KIND_END,
};

struct element {
	enum kind kind;
	uint32_t c;
	uint8_t bytes[4];
	unsigned len;
	size_t repeats;
};

struct reader {
	const uint8_t *at;
	size_t left; /* bytes */
	unsigned width;
};

/* ---- Decoding ---------------------------------------------------------------- */

/* How many bytes a character of UTF-8 that begins so has; 0: none begins so. */
static unsigned utf8_length(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		return 2;
	if ((c & 0xf0) == 0xe0)
		return 3;
	return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Whether the character has a longer form than it needs, is a surrogate or too large. */
static bool utf8_is_wrong(uint32_t c, unsigned len)
{
	return (len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	       (len == 4 && (c < 0x10000 || c > 0x10ffff));
}

static void decode_utf8(const struct reader *r, struct element *e)
{
	unsigned len = utf8_length(r->at[0]);
	unsigned has = len && len <= r->left ? len : (unsigned)r->left;
	unsigned good = 1;
	uint32_t c = len > 1 ? r->at[0] & (0x7fu >> len) : r->at[0];

	*e = (struct element){.kind = KIND_BAD, .len = 1};
	if (!len)
		return;
	for (; good < len && good < has && (r->at[good] & 0xc0) == 0x80; good++)
		c = c << 6 | (r->at[good] & 0x3fu);
	if (good == len && !utf8_is_wrong(c, len)) {
		e->kind = KIND_GOOD;
		e->c = c;
		e->len = len;
	} else if (good == r->left && good < len) {
		e->kind = KIND_INCOMPLETE;
		e->len = good;
	}
}

static void decode_utf16(const struct reader *r, struct element *e)
{
	uint16_t unit, low;

	memcpy(&unit, r->at, 2);
	*e = (struct element){.kind = KIND_GOOD, .c = unit, .len = 2};
	if (unit < 0xd800 || unit >= 0xe000)
		return;
	e->kind = KIND_BAD;
	if (unit >= 0xdc00)
		return;
	if (r->left < 4) {
		e->kind = KIND_INCOMPLETE;
		return;
	}
	memcpy(&low, r->at + 2, 2);
	if (low < 0xdc00 || low >= 0xe000)
		return;
	e->kind = KIND_GOOD;
	e->c = 0x10000 + ((uint32_t)(unit - 0xd800) << 10 | (uint32_t)(low - 0xdc00));
	e->len = 4;
}

static void decode_utf32(const struct reader *r, struct element *e)
{
	uint32_t c;

	memcpy(&c, r->at, 4);
	*e = (struct element){.kind = KIND_GOOD, .c = c, .len = 4};
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		e->kind = KIND_BAD;
}

static void next_element(struct reader *r, struct element *e)
{
	if (r->left < r->width) {
		*e = (struct element){.kind = KIND_END};
		return;
	}
	if (r->width == 1)
		decode_utf8(r, e);
	else if (r->width == 2)
		decode_utf16(r, e);
	else
		decode_utf32(r, e);
	memcpy(e->bytes, r->at, e->len);
	r->at += e->len;
	r->left -= e->len;
	e->repeats = 1;
}

static bool is_same(const struct element *a, const struct element *b)
{
	return a->kind == b->kind && a->len == b->len && a->len &&
	       !memcmp(a->bytes, b->bytes, a->len);
}

/* The next element with its repetitions; *ahead is the one behind it, already read. */
static void next_run(struct reader *r, struct element *ahead, struct element *e)
{
	*e = *ahead;
	for (;;) {
		next_element(r, ahead);
		if (e->kind == KIND_END || !is_same(e, ahead))
			return;
		e->repeats++;
	}
}

/* ---- Writing ----------------------------------------------------------------- */

static size_t encode(uint32_t c, char utf8[4])
{
	if (c < 0x80) {
		utf8[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		utf8[0] = (char)(0xc0 | c >> 6);
		utf8[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		utf8[0] = (char)(0xe0 | c >> 12);
		utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	utf8[0] = (char)(0xf0 | c >> 18);
	utf8[1] = (char)(0x80 | (c >> 12 & 0x3f));
	utf8[2] = (char)(0x80 | (c >> 6 & 0x3f));
	utf8[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Writes the character if it can be shown as it is. */
static bool put_printable(FILE *out, uint32_t c, char quote)
{
	char utf8[4], escaped[TEXT_ESCAPED_SIZE(4)];
	size_t len = encode(c, utf8);

	if (c < 0x80) {
		if (c < ' ' || c == 0x7f)
			return false;
		if ((char)c == quote || c == '\\')
			fputc('\\', out);
		fputc((int)c, out);
		return true;
	}
	/* What the locale has for printable, and nothing that would move others around. */
	if (!iswprint((wint_t)c) || text_escape(escaped, sizeof(escaped), utf8, len) != len)
		return false;
	fwrite(utf8, 1, len, out);
	return true;
}

static bool put_letter(FILE *out, uint32_t c)
{
	static const char letters[] = "abtnvfr";

	if (c < '\a' || c > '\r')
		return false;
	fprintf(out, "\\%c", letters[c - '\a']);
	return true;
}

/* Returns whether a digit that follows would be taken for a part of it. */
static bool put_numbers(FILE *out, const struct element *e, unsigned width)
{
	bool hex = false;

	for (unsigned i = 0; i + width <= e->len; i += width) {
		uint32_t unit = 0;

		memcpy(&unit, e->bytes + i, width);
		hex = unit > 0777;
		fprintf(out, hex ? "\\x%x" : "\\%03o", unit);
	}
	return hex;
}

static void put_element(FILE *out, const struct element *e, unsigned width, char quote, bool *hex)
{
	bool digit = e->c >= '0' && e->c <= '9';

	if (e->kind == KIND_GOOD && !(*hex && digit) &&
	    (put_printable(out, e->c, quote) || put_letter(out, e->c))) {
		*hex = false;
		return;
	}
	*hex = put_numbers(out, e, width);
}

void quote_char(FILE *out, uint8_t c)
{
	struct element e = {
		.kind = c < 0x80 ? KIND_GOOD : KIND_BAD, .c = c, .bytes = {c}, .len = 1};
	bool hex = false;

	fputc('\'', out);
	put_element(out, &e, 1, '\'', &hex);
	fputc('\'', out);
}

/* A string is written in parts: quoted text, repetitions, and at most one incomplete end. */
struct writer {
	FILE *out;
	const char *prefix;
	unsigned width;
	bool any;
	bool quoted; /* within quotes */
	bool hex;
};

static void part(struct writer *w, bool quoted)
{
	if (w->quoted && quoted)
		return;
	if (w->quoted)
		fputc('"', w->out);
	if (w->any)
		fputs(", ", w->out);
	if (quoted)
		fprintf(w->out, "%s\"", w->prefix);
	w->any = true;
	w->quoted = quoted;
	w->hex = false;
}

static void write_run(struct writer *w, const struct element *e)
{
	if (e->kind == KIND_INCOMPLETE) {
		if (w->quoted)
			fputc('"', w->out);
		if (w->any)
			fputc(',', w->out);
		w->quoted = false;
		w->any = true;
		fputs(" <incomplete sequence ", w->out);
		put_numbers(w->out, e, w->width);
		fputc('>', w->out);
	} else if (e->repeats >= QUOTE_REPEATS) {
		part(w, false);
		fprintf(w->out, "%s'", w->prefix);
		put_element(w->out, e, w->width, '\'', &w->hex);
		fprintf(w->out, "' <repeats %zu times>", e->repeats);
	} else {
		part(w, true);
		for (size_t i = 0; i < e->repeats; i++)
			put_element(w->out, e, w->width, '"', &w->hex);
	}
}

static bool ends_in_nul(const uint8_t *bytes, size_t count, unsigned width)
{
	static const uint8_t nul[4];

	return count && !memcmp(bytes + (count - 1) * width, nul, width);
}

void quote_string(FILE *out, const void *bytes, size_t count, unsigned width, bool more)
{
	struct writer w = {
		.out = out,
		.prefix = width == 1   ? ""
	                  : width == 2 ? "u"
	                               : "U",
		.width = width,
	};
	struct reader r = {bytes, 0, width};
	struct element ahead, e;

	if (!more && ends_in_nul(bytes, count, width))
		count--;
	if (!count) {
		fprintf(out, "%s\"\"", w.prefix);
		return;
	}
	r.left = count * width;
	next_element(&r, &ahead);
	for (next_run(&r, &ahead, &e); e.kind != KIND_END; next_run(&r, &ahead, &e))
		write_run(&w, &e);
	if (w.quoted)
		fputc('"', out);
	if (more)
		fputs("...", out);
}
