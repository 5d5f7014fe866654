#include "lib/types/lex.h"

#include "lib/types/expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t name_length(const char *text)
{
	size_t len = 0;

	while (is_name(text[len]))
		len++;
	return len;
}

/* ---- Numbers ------------------------------------------------------------- */

static bool is_float(const char *text, size_t len)
{
	bool hex = len > 1 && text[0] == '0' && (text[1] | 0x20) == 'x';

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' || (!hex && (text[i] | 0x20) == 'e') ||
		    (hex && (text[i] | 0x20) == 'p'))
			return true;
	}
	return false;
}

/* Letters, digits and '.', and a sign behind an exponent. */
static size_t number_length(const char *text)
{
	bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	size_t len = 0;

	while (is_name(text[len]) || text[len] == '.') {
		char exponent = hex ? 'p' : 'e';

		if ((text[len] | 0x20) == exponent &&
		    (text[len + 1] == '+' || text[len + 1] == '-'))
			len++;
		len++;
	}
	return len;
}

static int bad_number(const struct token *token, struct err *err)
{
	return err_set(err, ERR_USAGE, "\"%.*s\" is not a number", (int)token->len, token->text);
}

static int lex_float(struct token *token, struct err *err)
{
	char *end;

	token->kind = TOKEN_FLOAT;
	token->number = strtod(token->text, &end);
	if (end < token->text + token->len && strchr("fFlL", *end))
		end++;
	return end == token->text + token->len ? 0 : bad_number(token, err);
}

static int lex_integer(struct token *token, struct err *err)
{
	bool binary = token->len > 2 && token->text[0] == '0' && (token->text[1] | 0x20) == 'b';
	bool decimal = token->text[0] != '0';
	char *end;

	token->kind = TOKEN_INTEGER;
	errno = 0;
	token->integer = strtoull(token->text + (binary ? 2 : 0), &end, binary ? 2 : 0);
	if (errno)
		return err_set(err, ERR_USAGE, "%.*s does not fit 64 bits", (int)token->len,
		               token->text);
	for (; end < token->text + token->len; end++) {
		if ((*end | 0x20) == 'u')
			token->is_unsigned = true;
		else if ((*end | 0x20) == 'l')
			token->is_long = true;
		else
			return bad_number(token, err);
	}
	if (token->integer > (decimal ? INT32_MAX : UINT32_MAX))
		token->is_long = true;
	else if (token->integer > INT32_MAX && !token->is_long)
		token->is_unsigned = true;
	if (token->integer > INT64_MAX)
		token->is_unsigned = true;
	return 0;
}

static int lex_number(struct token *token, struct err *err)
{
	token->len = number_length(token->text);
	return is_float(token->text, token->len) ? lex_float(token, err) : lex_integer(token, err);
}

/* ---- Quotes -------------------------------------------------------------- */

static bool escape_value(char c, uint64_t *ret_value)
{
	static const char letters[] = "0abtnvfre\\'\"";
	static const char values[] = "\0\a\b\t\n\v\f\r\033\\'\"";
	const char *found = c ? strchr(letters, c) : NULL;

	if (found)
		*ret_value = (unsigned char)values[found - letters];
	return found;
}

/* 'c' and '\n' are characters, 'anything else' is a name in quotes. */
static int lex_quote(struct token *token, struct err *err)
{
	const char *text = token->text;
	const char *end = strchr(text + 1, '\'');

	if (text[1] == '\\' && text[2] && text[3] == '\'' &&
	    escape_value(text[2], &token->integer)) {
		token->kind = TOKEN_CHARACTER;
		token->len = 4;
		return 0;
	}
	if (!end || end == text + 1)
		return err_set(err, ERR_USAGE, "a ' is missing");
	token->len = (size_t)(end - text) + 1;
	if (token->len == 3 && strncmp(end + 1, "::", 2) != 0) {
		token->kind = TOKEN_CHARACTER;
		token->integer = (uint64_t)(int64_t)(signed char)text[1];
		return 0;
	}
	token->kind = TOKEN_QUOTED;
	return 0;
}

static int lex_named_pointer(struct token *token, struct err *err)
{
	const char *name = token->text + 1;
	size_t len = name_length(name);
	const char *end;

	token->kind = TOKEN_NAMED_POINTER;
	if (len) {
		token->len = len + 1;
		return 0;
	}
	end = *name == '\'' ? strchr(name + 1, '\'') : NULL;
	if (!end)
		return err_set(err, ERR_USAGE, "behind $ there is no name");
	token->len = (size_t)(end - token->text) + 1;
	return 0;
}

/* ---- Marks --------------------------------------------------------------- */

static int lex_mark(struct token *token, struct err *err)
{
	static const struct {
		char text[3];
		enum token_kind kind;
		int op;
	} pairs[] = {
		{"::", TOKEN_SCOPE, 0},
		{"->", TOKEN_ARROW, 0},
		{"<<", TOKEN_MARK, OP_SHIFT_LEFT},
		{">>", TOKEN_MARK, OP_SHIFT_RIGHT},
		{"<=", TOKEN_MARK, OP_LESS_EQUAL},
		{">=", TOKEN_MARK, OP_GREATER_EQUAL},
		{"==", TOKEN_MARK, OP_EQUAL},
		{"!=", TOKEN_MARK, OP_NOT_EQUAL},
		{"&&", TOKEN_MARK, OP_AND},
		{"||", TOKEN_MARK, OP_OR},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (strncmp(token->text, pairs[i].text, 2) != 0)
			continue;
		token->kind = pairs[i].kind;
		token->op = pairs[i].op;
		token->len = 2;
		return 0;
	}
	if (!strchr("()[]*&.+-/%~!<>^|?:@,", *token->text))
		return err_set(err, ERR_USAGE, "\"%s\" is not understood here", token->text);
	token->kind = TOKEN_MARK;
	token->op = (unsigned char)*token->text;
	token->len = 1;
	return 0;
}

int lex_next(const char **at, struct token *ret_token, struct err *err)
{
	struct token token = {0};
	const char *text = *at;
	int ret = 0;

	while (isspace((unsigned char)*text))
		text++;
	token.text = text;
	if (!*text) {
		token.kind = TOKEN_END;
	} else if (isdigit((unsigned char)*text) ||
	           (*text == '.' && isdigit((unsigned char)text[1]))) {
		ret = lex_number(&token, err);
	} else if (is_name_start(*text)) {
		token.kind = TOKEN_NAME;
		token.len = name_length(text);
	} else if (*text == '\'') {
		ret = lex_quote(&token, err);
	} else if (*text == '$') {
		ret = lex_named_pointer(&token, err);
	} else {
		ret = lex_mark(&token, err);
	}
	if (ret)
		return -1;
	*at = text + token.len;
	*ret_token = token;
	return 0;
}
