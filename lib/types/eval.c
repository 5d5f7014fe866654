#include "lib/types/eval.h"

#include "lib/types/eval_parts.h"

#include <errno.h>
#include <string.h>

static int evaluate(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                    struct err *err);

/* ---- Literals ------------------------------------------------------------ */

static int literal(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                   struct err *err)
{
	static const char *const names[2][2] = {{"int", "unsigned int"}, {"long", "unsigned long"}};
	const struct type *type;
	const char *name = names[expr->is_long][expr->is_unsigned];

	if (expr->kind == EXPR_CHARACTER)
		name = "char";
	if (expr->kind == EXPR_FLOAT)
		name = "double";
	if (eval_base(eval, name, &type, err))
		return -1;
	*ret_value = expr->kind == EXPR_FLOAT ? value_of_float(type, expr->number)
	                                      : value_of_integer(type, expr->integer);
	return 0;
}

static int size_value(const struct eval *eval, const struct type *type,
                      const struct reg_threadproc *tp, struct value *ret_value, struct err *err)
{
	const struct type *result;
	uint64_t size;

	if (type_is_reference(type))
		type = type_target(type_strip(type));
	if (!type_size(catalog_define(eval->catalog, tp, type_strip(type)), &size))
		return err_set(err, ERR_NOT_FOUND, "its size is not known");
	if (eval_base(eval, "unsigned long", &result, err))
		return -1;
	*ret_value = value_of_integer(result, size);
	return 0;
}

/* ---- Unary --------------------------------------------------------------- */

static int follow(const struct eval *eval, const struct value *value, struct value *ret_value,
                  struct err *err)
{
	const struct type *type;
	struct value pointer;

	if (eval_decay(eval, value, &pointer, err))
		return -1;
	/* a number is an address of a word, as in GDB */
	if (type_is_integer(pointer.type)) {
		uint64_t addr;

		if (value_integer(eval->catalog, &pointer, &addr, err) ||
		    eval_base(eval, "long", &type, err))
			return -1;
		*ret_value = value_at(type, eval_owner(eval, addr), addr);
		return 0;
	}
	return value_follow(eval->catalog, &pointer, ret_value, err);
}

static int address(const struct eval *eval, const struct value *value, struct value *ret_value,
                   struct err *err)
{
	struct value referred;

	if (value_referred(eval->catalog, value, &referred, err))
		return -1;
	return eval_address(&referred, ret_value, err);
}

static int negate(const struct eval *eval, int op, const struct value *value,
                  struct value *ret_value, struct err *err)
{
	const struct type *type;
	struct value zero;

	if (eval_base(eval, "int", &type, err))
		return -1;
	if (op == '~') {
		zero = value_of_integer(type, UINT64_MAX);
		if (type_strip(value->type)->kind == TYPE_FLOAT)
			return err_set(err, ERR_USAGE, "~ is for integers");
		return eval_binary(eval, '^', value, &zero, ret_value, err);
	}
	zero = value_of_integer(type, 0);
	return eval_binary(eval, op, &zero, value, ret_value, err);
}

static int not(const struct eval *eval, const struct value *value, struct value *ret_value,
               struct err *err)
{
	const struct type *type;
	bool truth;

	if (eval_truth(eval, value, &truth, err) || eval_base(eval, "int", &type, err))
		return -1;
	*ret_value = value_of_integer(type, !truth);
	return 0;
}

static int unary(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                 struct err *err)
{
	struct value value;

	if (evaluate(eval, expr->a, &value, err))
		return -1;
	switch (expr->op) {
	case '*':
		return follow(eval, &value, ret_value, err);
	case '&':
		return address(eval, &value, ret_value, err);
	case '!':
		return not(eval, &value, ret_value, err);
	case OP_SIZEOF:
		return size_value(eval, value.type, value.tp, ret_value, err);
	default:
		return negate(eval, expr->op, &value, ret_value, err);
	}
}

/* ---- Members and elements ------------------------------------------------ */

static int member(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                  struct err *err)
{
	struct value object, referred;

	if (evaluate(eval, expr->a, &object, err) ||
	    value_referred(eval->catalog, &object, &referred, err))
		return -1;
	/* GDB takes a '.' for a '->' as well */
	if ((expr->kind == EXPR_ARROW || type_is_pointer(referred.type)) &&
	    follow(eval, &referred, &referred, err))
		return -1;
	return value_find_member(eval->catalog, &referred, expr->name.path, ret_value, err);
}

static int element(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                   struct err *err)
{
	struct value base, index, pointer;
	uint64_t at;

	if (evaluate(eval, expr->a, &base, err) || evaluate(eval, expr->b, &index, err) ||
	    value_referred(eval->catalog, &base, &base, err) ||
	    value_integer(eval->catalog, &index, &at, err))
		return -1;
	if (type_strip(base.type)->kind == TYPE_ARRAY)
		return value_element(eval->catalog, &base, (int64_t)at, ret_value, err);
	if (!type_is_pointer(base.type))
		return err_set(err, ERR_USAGE, "only arrays and pointers have elements");
	if (eval_binary(eval, '+', &base, &index, &pointer, err))
		return -1;
	return value_follow(eval->catalog, &pointer, ret_value, err);
}

/* ---- The rest ------------------------------------------------------------ */

static int logical(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                   struct err *err)
{
	const struct type *type;
	struct value value;
	bool truth;

	if (evaluate(eval, expr->a, &value, err) || eval_truth(eval, &value, &truth, err))
		return -1;
	if (truth == (expr->op == OP_AND)) {
		if (evaluate(eval, expr->b, &value, err) || eval_truth(eval, &value, &truth, err))
			return -1;
	}
	if (eval_base(eval, "int", &type, err))
		return -1;
	*ret_value = value_of_integer(type, truth);
	return 0;
}

static int binary(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                  struct err *err)
{
	struct value a, b;

	if (expr->op == OP_AND || expr->op == OP_OR)
		return logical(eval, expr, ret_value, err);
	if (evaluate(eval, expr->a, &a, err) || evaluate(eval, expr->b, &b, err))
		return -1;
	return eval_binary(eval, expr->op, &a, &b, ret_value, err);
}

static int condition(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                     struct err *err)
{
	struct value value;
	bool truth;

	if (evaluate(eval, expr->a, &value, err) || eval_truth(eval, &value, &truth, err))
		return -1;
	return evaluate(eval, truth ? expr->b : expr->c, ret_value, err);
}

/* Of what an address is a cast of, its owner knows the type best. */
static int cast(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                struct err *err)
{
	const struct reg_threadproc *hint, *tp;
	const struct type *type;
	struct value value;
	struct err ignored;
	uint64_t addr;

	if (evaluate(eval, expr->a, &value, err))
		return -1;
	hint = value.tp;
	if (!value_integer(eval->catalog, &value, &addr, &ignored) && eval_owner(eval, addr))
		hint = eval_owner(eval, addr);
	else if (value.in_memory && eval_owner(eval, value.addr))
		hint = eval_owner(eval, value.addr);
	if (eval_type(eval, &expr->type, hint, &type, &tp, err))
		return -1;
	return eval_cast(eval, &value, type, tp, ret_value, err);
}

static int evaluate(const struct eval *eval, const struct expr *expr, struct value *ret_value,
                    struct err *err)
{
	const struct reg_threadproc *tp;
	const struct type *type;

	switch (expr->kind) {
	case EXPR_INTEGER:
	case EXPR_FLOAT:
	case EXPR_CHARACTER:
		return literal(eval, expr, ret_value, err);
	case EXPR_NAME:
		return eval_name(eval, &expr->name, ret_value, err);
	case EXPR_NAMED_POINTER:
		return eval_named_pointer(eval, expr->name.path, ret_value, err);
	case EXPR_UNARY:
		return unary(eval, expr, ret_value, err);
	case EXPR_BINARY:
		return binary(eval, expr, ret_value, err);
	case EXPR_CONDITION:
		return condition(eval, expr, ret_value, err);
	case EXPR_MEMBER:
	case EXPR_ARROW:
		return member(eval, expr, ret_value, err);
	case EXPR_INDEX:
		return element(eval, expr, ret_value, err);
	case EXPR_CAST:
		return cast(eval, expr, ret_value, err);
	case EXPR_SIZEOF_TYPE:
		if (eval_type(eval, &expr->type, NULL, &type, &tp, err))
			return -1;
		return size_value(eval, type, tp, ret_value, err);
	}
	return err_set(err, ERR_USAGE, "not an expression");
}

int eval_text(const struct eval *eval, const char *text, struct value *ret_value, struct err *err)
{
	struct expr_names names = {.is_type = eval_name_is_type, .context = (void *)eval};
	struct arena arena = {0};
	struct expr *expr;
	int ret;

	ret = expr_parse(text, &names, &arena, &expr, err);
	if (!ret)
		ret = evaluate(eval, expr, ret_value, err);
	arena_deinit(&arena);
	return ret;
}

int eval_type_text(const struct eval *eval, const char *text, const struct type **ret_type,
                   const struct reg_threadproc **ret_tp, struct err *err)
{
	struct expr_names names = {.is_type = eval_name_is_type, .context = (void *)eval};
	struct arena arena = {0};
	struct expr_type type;
	int ret;

	ret = expr_parse_type(text, &names, &arena, &type, err);
	if (!ret)
		ret = eval_type(eval, &type, NULL, ret_type, ret_tp, err);
	arena_deinit(&arena);
	return ret;
}
