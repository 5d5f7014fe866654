#include "lib/types/name.h"

#include <ctype.h>
#include <string.h>

/* How deep template arguments are in each other. */
#define DEPTH_MAX 64

struct reader {
	const char *at;
	const char *end;
	char *dst;
	size_t size;
	size_t used;
	int depth;
};

static void put(struct reader *r, const char *text, size_t len)
{
	if (len > r->size - r->used)
		len = r->size - r->used;
	memcpy(r->dst + r->used, text, len);
	r->used += len;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

static size_t word_length(const struct reader *r)
{
	size_t len = 0;

	while (r->at + len < r->end && is_word(r->at[len]))
		len++;
	return len;
}

static bool is(const char *word, size_t len, const char *wanted)
{
	return len == strlen(wanted) && !strncmp(word, wanted, len);
}

/* ---- Words --------------------------------------------------------------- */

/* What words without a place of their own say of a type. */
struct words {
	bool is_const;
	bool is_volatile;
	bool is_unsigned;
	bool is_signed;
	bool is_short;
	bool is_int;
	bool is_char;
	int longs;
};

/* Takes a word in; false when it is another one. */
static bool take_word(struct words *words, const char *word, size_t len)
{
	if (is(word, len, "const"))
		words->is_const = true;
	else if (is(word, len, "volatile"))
		words->is_volatile = true;
	else if (is(word, len, "unsigned"))
		words->is_unsigned = true;
	else if (is(word, len, "signed"))
		words->is_signed = true;
	else if (is(word, len, "short"))
		words->is_short = true;
	else if (is(word, len, "long"))
		words->longs++;
	else if (is(word, len, "int"))
		words->is_int = true;
	else if (is(word, len, "char"))
		words->is_char = true;
	else
		return false;
	return true;
}

static void put_words(struct reader *r, const struct words *w, bool is_named)
{
	const char *kind = w->is_char     ? "char"
	                   : w->is_short  ? "short"
	                   : w->longs > 1 ? "llong"
	                   : w->longs     ? "long"
	                                  : "int";

	/* "long double": the rest is a name */
	if (!is_named && (w->is_char || w->is_short || w->longs || w->is_int || w->is_unsigned ||
	                  w->is_signed)) {
		if (w->is_unsigned)
			put(r, "u", 1);
		else if (w->is_signed && w->is_char)
			put(r, "s", 1);
		put(r, kind, strlen(kind));
	} else if (is_named && w->longs) {
		put(r, "long", 4);
	}
	if (w->is_const)
		put(r, " c", 2);
	if (w->is_volatile)
		put(r, " v", 2);
}

/* ---- Types --------------------------------------------------------------- */

static void canonical(struct reader *r, char until);

/* A number: without the letters that say of which type it is. */
static void put_number(struct reader *r, const char *word, size_t len)
{
	while (len > 1 && strchr("uUlL", word[len - 1]))
		len--;
	put(r, word, len);
}

/* std::string is the name of a type that is written out where it is an argument. */
static bool put_string(struct reader *r, const char *word, size_t len)
{
	static const char full[] =
		"__cxx11::basic_string<char,std::char_traits<char>,std::allocator<char>>";
	static const char scope[] = "std::";
	size_t scope_len = strlen(scope);

	if (!is(word, len, "string") || !r->depth || r->used < scope_len ||
	    memcmp(r->dst + r->used - scope_len, scope, scope_len) != 0)
		return false;
	put(r, full, strlen(full));
	return true;
}

/* One word or mark of what is not a list; returns whether a word that names something was put. */
static bool put_other(struct reader *r)
{
	size_t len = word_length(r);
	const char *word = r->at;

	if (!len) {
		char mark = *r->at++;

		put(r, &mark, 1);
		if ((mark == '<' || mark == '(') && r->depth < DEPTH_MAX) {
			r->depth++;
			canonical(r, mark == '<' ? '>' : ')');
			r->depth--;
		}
		return false;
	}
	r->at += len;
	if (isdigit((unsigned char)*word))
		put_number(r, word, len);
	else if (!put_string(r, word, len))
		put(r, word, len);
	return true;
}

/* Up to the mark that closes the list: its elements each begin anew. */
static void canonical(struct reader *r, char until)
{
	struct words words = {0};
	bool is_named = false;

	for (;;) {
		size_t len;

		skip_blanks(r);
		if (r->at == r->end)
			break;
		if (*r->at == ',' || *r->at == until || *r->at == '*' || *r->at == '&') {
			char mark = *r->at++;

			put_words(r, &words, is_named);
			put(r, &mark, 1);
			if (mark == until)
				return;
			words = (struct words){0};
			is_named = mark == '*' || mark == '&';
			continue;
		}
		len = word_length(r);
		if (len && take_word(&words, r->at, len))
			r->at += len;
		else
			is_named |= put_other(r);
	}
	put_words(r, &words, is_named);
}

size_t name_canonical(const char *name, size_t len, char *dst, size_t size)
{
	struct reader r = {.at = name, .end = name + len, .dst = dst, .size = size};

	canonical(&r, '\0');
	return r.used;
}

/* ---- Comparison ---------------------------------------------------------- */

static bool is_simple(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_word(name[i]))
			return false;
	}
	return true;
}

bool names_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	char x[NAME_SIZE], y[NAME_SIZE];
	size_t x_len, y_len;

	if (a_len == b_len && !memcmp(a, b, a_len))
		return true;
	if (is_simple(a, a_len) && is_simple(b, b_len))
		return false;
	x_len = name_canonical(a, a_len, x, sizeof(x));
	y_len = name_canonical(b, b_len, y, sizeof(y));
	/* of what does not fit, the end may differ */
	return x_len == y_len && x_len < sizeof(x) && !memcmp(x, y, x_len);
}

/* Behind the ',' at text: where the '>' is that closes the list. */
static size_t skip_arguments(const char *text, size_t len, size_t at)
{
	int depth = 0;

	for (; at < len; at++) {
		if (text[at] == '<' || text[at] == '(')
			depth++;
		else if ((text[at] == '>' || text[at] == ')') && !depth--)
			return at;
	}
	return at;
}

bool names_fit(const char *name, size_t len, const char *full, size_t full_len)
{
	char x[NAME_SIZE], y[NAME_SIZE];
	size_t x_len = name_canonical(name, len, x, sizeof(x));
	size_t y_len = name_canonical(full, full_len, y, sizeof(y));
	size_t i = 0, j = 0;

	if (x_len == sizeof(x) || y_len == sizeof(y))
		return false;
	while (i < x_len && j < y_len) {
		if (x[i] == '>' && y[j] == ',')
			j = skip_arguments(y, y_len, j);
		if (j == y_len || x[i++] != y[j++])
			return false;
	}
	return i == x_len && j == y_len;
}

static uint64_t hash(const char *text, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return sum;
}

uint64_t name_hash(const char *name, size_t len)
{
	char text[NAME_SIZE];

	/* of one word the canonical form may be another only if it is a number's type */
	if (is_simple(name, len) && !is(name, len, "int") && !is(name, len, "long") &&
	    !is(name, len, "short") && !is(name, len, "char") && !is(name, len, "unsigned"))
		return hash(name, len);
	return hash(text, name_canonical(name, len, text, sizeof(text)));
}

size_t name_last_part(const char *name, size_t len)
{
	size_t begin = 0;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (name[i] == '<' || name[i] == '(')
			depth++;
		else if ((name[i] == '>' || name[i] == ')') && depth)
			depth--;
		else if (!depth && name[i] == ':' && i + 1 < len && name[i + 1] == ':')
			begin = ++i + 1;
	}
	return begin;
}
