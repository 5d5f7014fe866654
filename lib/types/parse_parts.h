/*
 * parse_parts.h - what the parsers of expressions and of types share.
 */
#ifndef TPROC_TYPES_PARSE_PARTS_H
#define TPROC_TYPES_PARSE_PARTS_H

#include "lib/types/expr.h"
#include "lib/types/lex.h"

struct parser {
	const char *at; /* behind token */
	struct token token;
	const struct expr_names *names;
	struct arena *arena;
	struct err *err;
	int depth;
};

struct parser_place {
	const char *at;
	struct token token;
};

int parser_move(struct parser *p);
void parser_save(const struct parser *p, struct parser_place *place);
void parser_restore(struct parser *p, const struct parser_place *place);
bool parser_is(const struct parser *p, int op);
int parser_expect(struct parser *p, int op, const char *what);

/* Sets ERR_USAGE "WHAT at ...".  Returns -1. */
int parser_fail(struct parser *p, const char *what);

/* A name with all of its parts, templates' arguments included. */
int parser_name(struct parser *p, struct expr_name *ret_name);

/* The name of a member: "name", "Base::name". */
int parser_member_name(struct parser *p, struct expr_name *ret_name);

/* A type. */
int parser_type(struct parser *p, struct expr_type *ret_type);

/* At a '(': whether a type is in it; if so it is read with its ')'. */
int parser_type_in_parentheses(struct parser *p, struct expr_type *ret_type, bool *ret_is_type);

#endif
