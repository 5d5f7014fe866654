#include "inspect/line.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>

/* No isalpha() and the like: what a word is does not depend on the locale. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

/* ---- Verb and format ----------------------------------------------------- */

static bool ends_verb(char c)
{
	return !c || is_blank(c) || c == '/' || c == '|' || c == '>';
}

/* Copies what is up to end; a text that does not fit is not one of ours. */
static bool take(char *dst, size_t size, const char *from, const char *end)
{
	size_t len = (size_t)(end - from);

	if (len >= size)
		return false;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return true;
}

static int head_format(const char *at, struct line_head *head, struct err *err)
{
	const char *end = at;

	if (*end == '-') /* a count that goes backwards */
		end++;
	while (is_letter_or_digit(*end))
		end++;
	if (end == at || !ends_verb(*end) || *end == '/')
		return err_set(err, ERR_USAGE,
		               "letters and digits follow the '/' of a verb, as in x/8xg");
	if (!take(head->format, sizeof(head->format), at, end))
		return err_set(err, ERR_USAGE, "the format of '%s' is too long", head->verb);
	head->rest = end;
	return 0;
}

int line_head(const char *text, struct line_head *ret_head, struct err *err)
{
	struct line_head head = {.rest = text};
	const char *at, *end;

	if (strnlen(text, LINE_LENGTH_MAX + 1) > LINE_LENGTH_MAX)
		return err_set(err, ERR_USAGE, "a line of more than %d bytes", LINE_LENGTH_MAX);
	at = skip_blanks(text);
	if (*at && *at != '#') {
		for (end = at; !ends_verb(*end);)
			end++;
		if (end == at)
			return err_set(err, ERR_USAGE, "no verb before '%c'", *at);
		if (!take(head.verb, sizeof(head.verb), at, end))
			return err_set(err, ERR_USAGE,
			               "no verb has so long a name; 'help' lists them");
		head.rest = end;
		if (*end == '/' && head_format(end + 1, &head, err))
			return -1;
	}
	*ret_head = head;
	return 0;
}

/* ---- Words --------------------------------------------------------------- */

struct parser {
	const char *at;
	char *free; /* of line->store */
	struct line *line;
	struct err *err;
};

static void add_word(struct parser *p, char *word)
{
	p->line->words[p->line->count++] = word;
}

/* At a quote: copies what is between it and its other end. */
static int copy_quoted(struct parser *p)
{
	const char quote = *p->at++;

	for (; *p->at != quote; p->at++) {
		if (quote == '"' && *p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		if (!*p->at)
			return err_set(p->err, ERR_USAGE, "a quote (%c) is not closed", quote);
		*p->free++ = *p->at;
	}
	p->at++;
	return 0;
}

/* Up to the next blank, quotes resolved, in the store.  NULL on failure. */
static char *parse_word(struct parser *p)
{
	char *word = p->free;

	while (*p->at && !is_blank(*p->at)) {
		if (*p->at == '\'' || *p->at == '"') {
			if (copy_quoted(p))
				return NULL;
			continue;
		}
		if (*p->at == '\\' && !*++p->at) {
			err_set(p->err, ERR_USAGE, "nothing follows the '\\' at the end");
			return NULL;
		}
		*p->free++ = *p->at++;
	}
	*p->free++ = '\0';
	return word;
}

/* ---- Where it goes ------------------------------------------------------- */

/* Without the blanks around it. */
static char *copy_trimmed(struct parser *p, const char *from, const char *end)
{
	char *copy = p->free;

	while (from < end && is_blank(*from))
		from++;
	while (end > from && is_blank(end[-1]))
		end--;
	memcpy(copy, from, (size_t)(end - from));
	p->free = copy + (end - from);
	*p->free++ = '\0';
	return copy;
}

static int parse_pipe(struct parser *p)
{
	p->line->sink = LINE_SINK_PIPE;
	p->line->target = copy_trimmed(p, p->at + 1, p->at + strlen(p->at));
	if (!*p->line->target)
		return err_set(p->err, ERR_USAGE, "a shell command follows '|'");
	return 0;
}

static int parse_file(struct parser *p)
{
	bool append = p->at[1] == '>';

	p->line->sink = append ? LINE_SINK_APPEND : LINE_SINK_FILE;
	p->at = skip_blanks(p->at + (append ? 2 : 1));
	p->line->target = parse_word(p);
	if (!p->line->target)
		return -1;
	if (!*p->line->target)
		return err_set(p->err, ERR_USAGE, "a file name follows '%s'", append ? ">>" : ">");
	p->at = skip_blanks(p->at);
	if (*p->at && *p->at != '#')
		return err_set(p->err, ERR_USAGE, "nothing can follow the file of '%s'",
		               append ? ">>" : ">");
	return 0;
}

/* At the end, '#', '|' or '>'. */
static int parse_tail(struct parser *p)
{
	switch (*p->at) {
	case '|':
		return parse_pipe(p);
	case '>':
		return parse_file(p);
	default:
		return 0;
	}
}

static bool begins_tail(const char *at)
{
	return !*at || *at == '#' || *at == '|' || *at == '>';
}

static int parse_words(struct parser *p)
{
	for (;;) {
		char *word;

		p->at = skip_blanks(p->at);
		if (begins_tail(p->at))
			return parse_tail(p);
		word = parse_word(p);
		if (!word)
			return -1;
		add_word(p, word);
	}
}

/* ---- Raw ----------------------------------------------------------------- */

static bool is_option(const char *at)
{
	return at[0] == '-' && at[1] == '-' &&
	       (!at[2] || is_blank(at[2]) || is_letter_or_digit(at[2]));
}

static int parse_raw_options(struct parser *p, bool *ret_ended)
{
	*ret_ended = false;
	while (is_option(p->at)) {
		char *word = parse_word(p);

		if (!word)
			return -1;
		add_word(p, word);
		p->at = skip_blanks(p->at);
		*ret_ended = !strcmp(word, "--");
		if (*ret_ended)
			break;
	}
	return 0;
}

/* Behind a quoted text; one that is not closed ends with the line. */
static const char *skip_quoted(const char *at)
{
	const char quote = *at++;

	for (; *at && *at != quote; at++) {
		if (*at == '\\' && at[1])
			at++;
	}
	return *at ? at + 1 : at;
}

/* "|", ">", ">>" or "#", with a blank or the end behind it. */
static bool is_operator(const char *at)
{
	if (*at == '#')
		return true;
	if (*at == '>')
		at += at[1] == '>';
	else if (*at != '|')
		return false;
	return !at[1] || is_blank(at[1]);
}

/* No expression has this behind a blank; "--5" may be a number. */
static bool is_late_option(const char *at)
{
	return is_option(at) && at[2] && !is_blank(at[2]) && (at[2] < '0' || at[2] > '9');
}

/* Behind the options that begin at `at`. */
static const char *skip_options(const char *at)
{
	while (is_late_option(at)) {
		while (*at && !is_blank(*at))
			at = *at == '"' || *at == '\'' ? skip_quoted(at) : at + 1;
		at = skip_blanks(at);
	}
	return at;
}

/* Where the expression at `at` ends: in front of an operator, or of options and nothing else. */
static const char *raw_end(const char *at, bool options_ended)
{
	const char *behind_options = at;
	bool blank = true; /* what is before at */
	long depth = 0;

	while (*at) {
		if (*at == '"' || *at == '\'') {
			at = skip_quoted(at);
			blank = false;
			continue;
		}
		if (blank && depth <= 0 && is_operator(at))
			break;
		if (blank && depth <= 0 && !options_ended && at >= behind_options) {
			behind_options = skip_options(at);
			if (behind_options > at &&
			    (!*behind_options || is_operator(behind_options)))
				break;
		}
		depth += (*at == '(' || *at == '[' || *at == '{');
		depth -= (*at == ')' || *at == ']' || *at == '}');
		blank = is_blank(*at++);
	}
	return at;
}

static int parse_raw(struct parser *p)
{
	const char *end;
	bool ended;
	char *word;

	p->at = skip_blanks(p->at);
	if (parse_raw_options(p, &ended))
		return -1;
	end = raw_end(p->at, ended);
	word = copy_trimmed(p, p->at, end);
	if (*word)
		add_word(p, word);
	p->at = end;
	if (!ended && parse_raw_options(p, &ended))
		return -1;
	return parse_tail(p);
}

/* ---- The whole ----------------------------------------------------------- */

int line_parse(const char *rest, bool raw, struct line *ret_line, struct err *err)
{
	size_t len = strnlen(rest, LINE_LENGTH_MAX + 1);
	struct line line = {.sink = LINE_SINK_OUT};
	struct parser p = {.at = rest, .line = &line, .err = err};

	if (len > LINE_LENGTH_MAX)
		return err_set(err, ERR_USAGE, "a line of more than %d bytes", LINE_LENGTH_MAX);
	/*
	 * Each word is at least one byte, and a blank is between two of them: so the words, their
	 * NULs and those of an empty expression and the target fit.
	 */
	line.store = malloc(len + 3);
	line.words = calloc(len / 2 + 3, sizeof(*line.words));
	p.free = line.store;
	if (!line.store || !line.words) {
		line_deinit(&line);
		return err_os(err, ENOMEM, "command");
	}
	if (raw ? parse_raw(&p) : parse_words(&p)) {
		line_deinit(&line);
		return -1;
	}
	*ret_line = line;
	return 0;
}

char *line_unquote(char *word)
{
	const size_t len = strlen(word);

	if ((*word != '"' && *word != '\'') || len < 2 || word[len - 1] != *word ||
	    skip_quoted(word) != word + len)
		return word;
	word[len - 1] = '\0';
	return word + 1;
}

void line_deinit(struct line *line)
{
	free(line->words);
	free(line->store);
}
