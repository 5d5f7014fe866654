/*
 * lex.h - the words of an expression.
 */
#ifndef TPROC_TYPES_LEX_H
#define TPROC_TYPES_LEX_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_QUOTED, /* 'several characters' */
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_CHARACTER,
	TOKEN_NAMED_POINTER, /* $name, $'name': text is the name */
	TOKEN_MARK,          /* an operator or a bracket: op is its character or OP_ */
	TOKEN_SCOPE,         /* :: */
	TOKEN_ARROW,
};

struct token {
	enum token_kind kind;
	int op;
	const char *text; /* within the expression */
	size_t len;
	uint64_t integer;
	bool is_unsigned;
	bool is_long;
	double number;
};

/* The next word at *at, which is moved behind it.  ERR_USAGE. */
int lex_next(const char **at, struct token *ret_token, struct err *err);

#endif
