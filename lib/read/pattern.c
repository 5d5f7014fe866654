#include "lib/read/pattern.h"

#include "lib/base/cleanup.h"
#include "lib/read/needle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of one attempt to match: an expression that needs more is of the exploding kind. */
#define STEPS_MAX 1000000

struct pattern {
	enum pattern_kind kind;
	struct needle needle; /* but for a regular expression */
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static int wrong(const char *text, const char *why, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s: %s", text, why);
}

static bool add_byte(struct needle *needle, uint8_t byte, uint8_t mask)
{
	if (needle->len == NEEDLE_MAX)
		return false;
	needle->bytes[needle->len] = byte;
	needle->mask[needle->len++] = mask;
	return true;
}

static bool add_bytes(struct needle *needle, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!add_byte(needle, ((const uint8_t *)bytes)[i], 0xff))
			return false;
	}
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* ---- Bytes ---------------------------------------------------------------------------- */

/* "de" or "??" */
static bool parse_byte(const char *at, struct needle *needle)
{
	if (at[0] == '?' && at[1] == '?')
		return add_byte(needle, 0, 0);
	if (digit_of(at[0]) < 0 || digit_of(at[1]) < 0)
		return false;
	return add_byte(needle, (uint8_t)(digit_of(at[0]) << 4 | digit_of(at[1])), 0xff);
}

static bool looks_like_bytes(const char *text)
{
	size_t len = strlen(text);

	return len >= 5 && len % 3 == 2 && text[2] == ':' &&
	       strspn(text, "0123456789abcdefABCDEF:?") == len;
}

static int parse_bytes(struct pattern *p, const char *text, struct err *err)
{
	p->kind = PATTERN_BYTES;
	for (const char *at = text;; at += 3) {
		if (!parse_byte(at, &p->needle) || (at[2] && at[2] != ':'))
			return wrong(text, "bytes are pairs of digits with colons between", err);
		if (!at[2])
			return 0;
	}
}

/* ---- Numbers -------------------------------------------------------------------------- */

static bool looks_like_number(const char *text)
{
	const char *digits = *text == '-' ? text + 1 : text;

	return *digits >= '0' && *digits <= '9';
}

static bool fits(uint64_t value, bool negative, unsigned size)
{
	uint64_t limit = UINT64_C(1) << (size * 8 - 1);

	if (size == 8)
		return !negative || value <= limit;
	return negative ? value <= limit : value < limit * 2;
}

static int parse_number(struct pattern *p, const char *text, unsigned size, struct err *err)
{
	bool negative = *text == '-';
	const char *digits = negative ? text + 1 : text;
	bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(digits, &end, hex ? 16 : 10);
	if (*end || end == digits)
		return wrong(text, "neither a number nor bytes; texts go in quotes", err);
	p->kind = size || !hex ? PATTERN_NUMBER : PATTERN_POINTER;
	if (!size)
		size = hex ? 8 : 4;
	if (errno || !fits(value, negative, size))
		return wrong(text, "too large for its size", err);
	value = negative ? -value : value;
	add_bytes(&p->needle, &value, size); /* little endian */
	return 0;
}

/* ---- Texts ---------------------------------------------------------------------------- */

/* A character in units of width bytes. */
static bool add_character(struct needle *needle, uint32_t c, unsigned width)
{
	uint16_t pair[2] = {(uint16_t)(0xd800 + ((c - 0x10000) >> 10)),
	                    (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff))};

	if (width == 2 && c >= 0x10000)
		return add_bytes(needle, pair, sizeof(pair));
	return add_bytes(needle, &c, width);
}

static unsigned number(const char **at, unsigned base, unsigned digits_max)
{
	unsigned value = 0;

	for (unsigned i = 0; i < digits_max; i++, ++*at) {
		int digit = digit_of(**at);

		if (digit < 0 || digit >= (int)base)
			break;
		value = value * base + (unsigned)digit;
	}
	return value;
}

/* What follows a backslash. */
static uint32_t escape(const char **at)
{
	static const char letters[] = "abtnvfr";
	const char *found = **at ? strchr(letters, **at) : NULL;

	if (**at >= '0' && **at <= '7')
		return number(at, 8, 3) & 0xff;
	if (**at == 'x') {
		++*at;
		return number(at, 16, 2);
	}
	if (found) {
		++*at;
		return (uint32_t)('\a' + (found - letters));
	}
	return (uint8_t) * (*at)++;
}

/* A character of UTF-8, or a byte where there is none. */
static uint32_t decode(const char **at)
{
	const uint8_t *s = (const uint8_t *)*at;
	unsigned more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc2 ? 1 : 0;
	uint32_t c = s[0] & (0x3fu >> more);

	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			more = 0;
			break;
		}
		c = c << 6 | (s[i] & 0x3fu);
	}
	*at += more + 1;
	return more ? c : s[0];
}

/* The text between quotes, which ends the pattern. */
static int parse_quoted(struct pattern *p, const char *text, const char *at, unsigned width,
                        struct err *err)
{
	p->kind = PATTERN_TEXT;
	while (*at != '"') {
		bool fitted;

		if (!*at || (*at == '\\' && !at[1]))
			return wrong(text, "its quote is not closed", err);
		if (*at == '\\') {
			at++;
			fitted = add_character(&p->needle, escape(&at), width);
		} else if (width == 1) {
			fitted = add_byte(&p->needle, (uint8_t)*at++, 0xff);
		} else {
			fitted = add_character(&p->needle, decode(&at), width);
		}
		if (!fitted)
			return wrong(text, "too long", err);
	}
	if (at[1])
		return wrong(text, "something follows its closing quote", err);
	return 0;
}

static int parse_word(struct pattern *p, const char *text, struct err *err)
{
	p->kind = PATTERN_TEXT;
	return add_bytes(&p->needle, text, strlen(text)) ? 0 : wrong(text, "too long", err);
}

/* ---- Regular expressions ----------------------------------------------------------------- */

static bool flags_of(const char *letters, uint32_t *ret_flags)
{
	uint32_t flags = PCRE2_NEVER_BACKSLASH_C;

	for (; *letters; letters++) {
		switch (*letters) {
		case 'i':
			flags |= PCRE2_CASELESS;
			break;
		case 's':
			flags |= PCRE2_DOTALL;
			break;
		case 'x':
			flags |= PCRE2_EXTENDED;
			break;
		case 'u':
			flags |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
			break;
		default:
			return false;
		}
	}
	*ret_flags = flags;
	return true;
}

static int parse_regex(struct pattern *p, const char *text, struct err *err)
{
	const char *end = strrchr(text, '/');
	PCRE2_UCHAR why[120];
	uint32_t flags;
	PCRE2_SIZE at;
	int code;

	p->kind = PATTERN_REGEX;
	if (end < text + 2 || !flags_of(end + 1, &flags))
		return wrong(text, "an expression is /.../ with flags i, s, x, u behind", err);
	p->code = pcre2_compile((PCRE2_SPTR)text + 1, (PCRE2_SIZE)(end - text - 1), flags, &code,
	                        &at, NULL);
	if (!p->code) {
		pcre2_get_error_message(code, why, sizeof(why));
		return err_set(err, ERR_USAGE, "%s: at %zu: %s", text, (size_t)at, (char *)why);
	}
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* or it is interpreted */
	p->match = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->match || !p->context)
		return err_os(err, ENOMEM, "regular expression");
	pcre2_set_match_limit(p->context, STEPS_MAX);
	pcre2_set_heap_limit(p->context, 64 * 1024); /* KiB */
	return 0;
}

static int find_regex(struct pattern *p, const uint8_t *hay, size_t len, size_t from,
                      size_t *ret_at, size_t *ret_len, struct err *err)
{
	const PCRE2_SIZE *span = pcre2_get_ovector_pointer(p->match);
	PCRE2_UCHAR why[120];
	int found = pcre2_match(p->code, hay, len, from, PCRE2_NOTEMPTY, p->match, p->context);

	if (found == PCRE2_ERROR_NOMATCH)
		return 0;
	if (found < 0) {
		pcre2_get_error_message(found, why, sizeof(why));
		return err_set(err, ERR_LIMIT, "the expression costs too much: %s", (char *)why);
	}
	/* \K can put the beginning behind the end */
	*ret_at = span[0] < span[1] ? span[0] : span[1];
	*ret_len = span[1] - *ret_at;
	return 1;
}

/* -------------------------------------------------------------------------------------------- */

static int parse(struct pattern *p, const char *text, unsigned size, struct err *err)
{
	if (!*text)
		return wrong("''", "nothing to look for", err);
	if (*text == '/')
		return parse_regex(p, text, err);
	if (*text == '"')
		return parse_quoted(p, text, text + 1, 1, err);
	if ((*text == 'u' || *text == 'U') && text[1] == '"')
		return parse_quoted(p, text, text + 2, *text == 'u' ? 2 : 4, err);
	if (looks_like_bytes(text))
		return parse_bytes(p, text, err);
	if (looks_like_number(text))
		return parse_number(p, text, size, err);
	return parse_word(p, text, err);
}

int pattern_create(const char *text, unsigned size, struct pattern **ret_pattern, struct err *err)
{
	struct pattern *p = calloc(1, sizeof(*p));

	if (!p)
		return err_os(err, ENOMEM, "pattern");
	if (parse(p, text, size, err)) {
		pattern_destroy(p);
		return -1;
	}
	if (p->kind != PATTERN_REGEX && (!p->needle.len || !needle_prepare(&p->needle))) {
		pattern_destroy(p);
		return wrong(text, "nothing to look for", err);
	}
	*ret_pattern = p;
	return 0;
}

void pattern_destroy(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->context);
	pcre2_match_data_free(pattern->match);
	pcre2_code_free(pattern->code);
	free(pattern);
}

enum pattern_kind pattern_kind(const struct pattern *pattern)
{
	return pattern->kind;
}

size_t pattern_length(const struct pattern *pattern)
{
	return pattern->needle.len;
}

size_t pattern_overlap(const struct pattern *pattern)
{
	return (pattern->kind == PATTERN_REGEX ? PATTERN_MATCH_MAX : pattern->needle.len) - 1;
}

int pattern_find(struct pattern *pattern, const uint8_t *hay, size_t len, size_t from,
                 size_t *ret_at, size_t *ret_len, struct err *err)
{
	size_t at;

	if (pattern->kind == PATTERN_REGEX)
		return find_regex(pattern, hay, len, from, ret_at, ret_len, err);
	at = needle_find(&pattern->needle, hay, len, from);
	if (at == len)
		return 0;
	*ret_at = at;
	*ret_len = pattern->needle.len;
	return 1;
}
