/*
 * A parser by precedence.  What it is in doubt about (whether a name in parentheses is a type) it
 * asks for; everything else can be seen.
 */
#include "lib/types/expr.h"
#include "lib/types/lex.h"

#include "lib/types/parse_parts.h"

#include <errno.h>
#include <string.h>

/* ---- Words --------------------------------------------------------------- */

int parser_move(struct parser *p)
{
	return lex_next(&p->at, &p->token, p->err);
}

void parser_save(const struct parser *p, struct parser_place *place)
{
	*place = (struct parser_place){p->at, p->token};
}

void parser_restore(struct parser *p, const struct parser_place *place)
{
	p->at = place->at;
	p->token = place->token;
}

int parser_fail(struct parser *p, const char *what)
{
	if (p->token.kind == TOKEN_END)
		return err_set(p->err, ERR_USAGE, "%s at the end of the expression", what);
	return err_set(p->err, ERR_USAGE, "%s at \"%s\"", what, p->token.text);
}

bool parser_is(const struct parser *p, int op)
{
	return p->token.kind == TOKEN_MARK && p->token.op == op;
}

int parser_expect(struct parser *p, int op, const char *what)
{
	if (!parser_is(p, op))
		return parser_fail(p, what);
	return parser_move(p);
}

static int no_memory(struct parser *p)
{
	return err_os(p->err, ENOMEM, "expression");
}

static struct expr *new_expr(struct parser *p, enum expr_kind kind)
{
	struct expr *expr = arena_alloc(p->arena, sizeof(*expr));

	if (expr)
		expr->kind = kind;
	else
		no_memory(p);
	return expr;
}

static struct expr *new_operation(struct parser *p, enum expr_kind kind, int op, struct expr *a,
                                  struct expr *b)
{
	struct expr *expr = new_expr(p, kind);

	if (expr) {
		expr->op = op;
		expr->a = a;
		expr->b = b;
	}
	return expr;
}

/* ---- Primaries ----------------------------------------------------------- */

static struct expr *parse_expression(struct parser *p);
static struct expr *parse_unary(struct parser *p);

static struct expr *parse_literal(struct parser *p, enum expr_kind kind)
{
	struct expr *expr = new_expr(p, kind);

	if (!expr)
		return NULL;
	expr->integer = p->token.integer;
	expr->is_unsigned = p->token.is_unsigned;
	expr->is_long = p->token.is_long;
	expr->number = p->token.number;
	return parser_move(p) ? NULL : expr;
}

static struct expr *parse_name(struct parser *p)
{
	struct expr *expr = new_expr(p, EXPR_NAME);

	return expr && !parser_name(p, &expr->name) ? expr : NULL;
}

static struct expr *parse_named_pointer(struct parser *p)
{
	struct expr *expr = new_expr(p, EXPR_NAMED_POINTER);
	const char *text = p->token.text + 1;
	size_t len = p->token.len - 1;

	if (*text == '\'') {
		text++;
		len -= 2;
	}
	if (!expr)
		return NULL;
	expr->name.path = arena_text(p->arena, text, len);
	if (!expr->name.path) {
		no_memory(p);
		return NULL;
	}
	return parser_move(p) ? NULL : expr;
}

static struct expr *parse_parentheses(struct parser *p)
{
	struct expr *expr;

	if (parser_move(p))
		return NULL;
	expr = parse_expression(p);
	return expr && !parser_expect(p, ')', "a ) is missing") ? expr : NULL;
}

/* "2::name": whether what begins with a number is a name. */
static bool is_numbered_name(const struct parser *p)
{
	return p->token.kind == TOKEN_INTEGER && !strncmp(p->token.text + p->token.len, "::", 2);
}

static struct expr *parse_primary(struct parser *p)
{
	if (is_numbered_name(p))
		return parse_name(p);
	switch (p->token.kind) {
	case TOKEN_INTEGER:
		return parse_literal(p, EXPR_INTEGER);
	case TOKEN_FLOAT:
		return parse_literal(p, EXPR_FLOAT);
	case TOKEN_CHARACTER:
		return parse_literal(p, EXPR_CHARACTER);
	case TOKEN_NAME:
	case TOKEN_QUOTED:
	case TOKEN_SCOPE:
		return parse_name(p);
	case TOKEN_NAMED_POINTER:
		return parse_named_pointer(p);
	default:
		break;
	}
	if (parser_is(p, '('))
		return parse_parentheses(p);
	parser_fail(p, "a value is missing");
	return NULL;
}

/* ---- Postfix ------------------------------------------------------------- */

static struct expr *parse_index(struct parser *p, struct expr *a)
{
	struct expr *b;

	if (parser_move(p))
		return NULL;
	b = parse_expression(p);
	if (!b || parser_expect(p, ']', "a ] is missing"))
		return NULL;
	return new_operation(p, EXPR_INDEX, 0, a, b);
}

static struct expr *parse_member(struct parser *p, struct expr *a)
{
	enum expr_kind kind = p->token.kind == TOKEN_ARROW ? EXPR_ARROW : EXPR_MEMBER;
	struct expr *expr;

	if (parser_move(p))
		return NULL;
	if (p->token.kind != TOKEN_NAME) {
		parser_fail(p, "the name of a member is missing");
		return NULL;
	}
	expr = new_operation(p, kind, 0, a, NULL);
	if (!expr || parser_member_name(p, &expr->name))
		return NULL;
	return expr;
}

static struct expr *parse_postfix(struct parser *p)
{
	struct expr *expr = parse_primary(p);
	int depth = 0;

	while (expr) {
		if (++depth > EXPR_LENGTH_MAX)
			break;
		if (parser_is(p, '[')) {
			expr = parse_index(p, expr);
		} else if (parser_is(p, '.') || p->token.kind == TOKEN_ARROW) {
			expr = parse_member(p, expr);
		} else if (parser_is(p, '(')) {
			parser_fail(p, "functions cannot be called: nothing runs in the space");
			return NULL;
		} else {
			break;
		}
	}
	return expr;
}

/* ---- Unary --------------------------------------------------------------- */

static struct expr *parse_cast(struct parser *p, const struct expr_type *type)
{
	struct expr *expr = new_expr(p, EXPR_CAST);

	if (!expr)
		return NULL;
	expr->type = *type;
	expr->a = parse_unary(p);
	return expr->a ? expr : NULL;
}

static bool is_sizeof(const struct parser *p)
{
	return p->token.kind == TOKEN_NAME && p->token.len == 6 &&
	       !strncmp(p->token.text, "sizeof", 6);
}

static struct expr *parse_sizeof(struct parser *p)
{
	struct expr *expr;
	bool is_type = false;

	if (parser_move(p))
		return NULL;
	expr = new_expr(p, EXPR_SIZEOF_TYPE);
	if (!expr)
		return NULL;
	if (parser_is(p, '(') && parser_type_in_parentheses(p, &expr->type, &is_type))
		return NULL;
	if (is_type)
		return expr;
	expr->kind = EXPR_UNARY;
	expr->op = OP_SIZEOF;
	expr->a = parse_unary(p);
	return expr->a ? expr : NULL;
}

static bool is_unary(const struct parser *p)
{
	return p->token.kind == TOKEN_MARK && p->token.op < 256 && strchr("*&-+!~", p->token.op);
}

static struct expr *parse_unary_inner(struct parser *p)
{
	struct expr_type type;
	bool is_type = false;
	struct expr *a;
	int op;

	if (is_sizeof(p))
		return parse_sizeof(p);
	if (parser_is(p, '(')) {
		if (parser_type_in_parentheses(p, &type, &is_type))
			return NULL;
		return is_type ? parse_cast(p, &type) : parse_postfix(p);
	}
	if (!is_unary(p))
		return parse_postfix(p);
	op = p->token.op;
	if (parser_move(p))
		return NULL;
	a = parse_unary(p);
	return a ? new_operation(p, EXPR_UNARY, op, a, NULL) : NULL;
}

static struct expr *parse_unary(struct parser *p)
{
	struct expr *expr;

	if (++p->depth > EXPR_DEPTH_MAX) {
		parser_fail(p, "too much within each other");
		return NULL;
	}
	expr = parse_unary_inner(p);
	p->depth--;
	return expr;
}

/* ---- Binary -------------------------------------------------------------- */

/* How tight an operator binds, 0 for what is none; '@' as in GDB, between shifts and sums. */
static int precedence(const struct token *token)
{
	if (token->kind != TOKEN_MARK)
		return 0;
	switch (token->op) {
	case OP_OR:
		return 1;
	case OP_AND:
		return 2;
	case '|':
		return 3;
	case '^':
		return 4;
	case '&':
		return 5;
	case OP_EQUAL:
	case OP_NOT_EQUAL:
		return 6;
	case '<':
	case '>':
	case OP_LESS_EQUAL:
	case OP_GREATER_EQUAL:
		return 7;
	case OP_SHIFT_LEFT:
	case OP_SHIFT_RIGHT:
		return 8;
	case '@':
		return 9;
	case '+':
	case '-':
		return 10;
	case '*':
	case '/':
	case '%':
		return 11;
	default:
		return 0;
	}
}

static struct expr *parse_binary(struct parser *p, int least)
{
	struct expr *a = parse_unary(p);
	int depth = 0;

	while (a && precedence(&p->token) >= least) {
		int op = p->token.op, level = precedence(&p->token);
		struct expr *b;

		if (++depth > EXPR_DEPTH_MAX) {
			parser_fail(p, "too many operators");
			return NULL;
		}
		if (parser_move(p))
			return NULL;
		b = parse_binary(p, level + 1);
		a = b ? new_operation(p, EXPR_BINARY, op, a, b) : NULL;
	}
	return a;
}

static struct expr *parse_condition(struct parser *p)
{
	struct expr *a = parse_binary(p, 1), *expr;

	if (!a || !parser_is(p, '?'))
		return a;
	expr = new_operation(p, EXPR_CONDITION, 0, a, NULL);
	if (!expr || parser_move(p))
		return NULL;
	expr->b = parse_expression(p);
	if (!expr->b || parser_expect(p, ':', "a : is missing"))
		return NULL;
	expr->c = parse_condition(p);
	return expr->c ? expr : NULL;
}

static struct expr *parse_expression(struct parser *p)
{
	struct expr *expr;

	if (++p->depth > EXPR_DEPTH_MAX) {
		parser_fail(p, "too much within each other");
		return NULL;
	}
	expr = parse_condition(p);
	p->depth--;
	return expr;
}

/* ---- The whole ----------------------------------------------------------- */

static int begin(struct parser *p, const char *text)
{
	if (strlen(text) > EXPR_LENGTH_MAX)
		return err_set(p->err, ERR_USAGE, "an expression of more than %d characters",
		               EXPR_LENGTH_MAX);
	p->at = text;
	return parser_move(p);
}

int expr_parse(const char *text, const struct expr_names *names, struct arena *arena,
               struct expr **ret_expr, struct err *err)
{
	struct parser p = {.names = names, .arena = arena, .err = err};
	struct expr *expr;

	if (begin(&p, text))
		return -1;
	expr = parse_expression(&p);
	if (!expr)
		return -1;
	if (p.token.kind != TOKEN_END)
		return parser_fail(&p, "an operator is missing");
	*ret_expr = expr;
	return 0;
}

int expr_parse_type(const char *text, const struct expr_names *names, struct arena *arena,
                    struct expr_type *ret_type, struct err *err)
{
	struct parser p = {.names = names, .arena = arena, .err = err};
	struct expr_type type;

	if (begin(&p, text) || parser_type(&p, &type))
		return -1;
	if (p.token.kind != TOKEN_END)
		return parser_fail(&p, "a type ends before");
	*ret_type = type;
	return 0;
}
