/*
 * Operators on two values, and conversions.
 */
#include "lib/types/eval_parts.h"

#include "lib/types/dynamic.h"

#include <errno.h>
#include <string.h>

int eval_address(const struct value *value, struct value *ret_value, struct err *err)
{
	const struct type *pointer;

	if (!value->in_memory)
		return err_set(err, ERR_USAGE, "what is not in memory has no address");
	if (value->bit_size)
		return err_set(err, ERR_USAGE, "a bit-field has no address");
	pointer = type_make_pointer(value->type, TYPE_POINTER);
	if (!pointer)
		return err_os(err, ENOMEM, "pointer");
	*ret_value = value_of_integer(pointer, value->addr);
	ret_value->tp = value->tp;
	return 0;
}

int eval_decay(const struct eval *eval, const struct value *value, struct value *ret_value,
               struct err *err)
{
	struct value referred;
	const struct type *base;
	const struct type *pointer;

	if (value_referred(eval->catalog, value, &referred, err))
		return -1;
	base = type_strip(referred.type);
	if (base->kind == TYPE_FUNCTION)
		return eval_address(&referred, ret_value, err);
	if (base->kind != TYPE_ARRAY) {
		*ret_value = referred;
		return 0;
	}
	if (!referred.in_memory)
		return err_set(err, ERR_USAGE, "what is not in memory has no address");
	pointer = type_make_pointer(type_target(base), TYPE_POINTER);
	if (!pointer)
		return err_os(err, ENOMEM, "pointer");
	*ret_value = value_of_integer(pointer, referred.addr);
	ret_value->tp = referred.tp;
	return 0;
}

int eval_truth(const struct eval *eval, const struct value *value, bool *ret_truth, struct err *err)
{
	struct value decayed;
	long double number;

	if (eval_decay(eval, value, &decayed, err) ||
	    value_number(eval->catalog, &decayed, &number, err))
		return -1;
	*ret_truth = number != 0;
	return 0;
}

/* ---- Numbers ------------------------------------------------------------- */

static int truth_value(const struct eval *eval, bool truth, struct value *ret_value,
                       struct err *err)
{
	const struct type *type;

	if (eval_base(eval, "int", &type, err))
		return -1;
	*ret_value = value_of_integer(type, truth);
	return 0;
}

static bool is_comparison(int op)
{
	return op == '<' || op == '>' || op == OP_LESS_EQUAL || op == OP_GREATER_EQUAL ||
	       op == OP_EQUAL || op == OP_NOT_EQUAL;
}

/* order: less than, equal to or greater than 0. */
static bool compare(int op, int order)
{
	switch (op) {
	case '<':
		return order < 0;
	case '>':
		return order > 0;
	case OP_LESS_EQUAL:
		return order <= 0;
	case OP_GREATER_EQUAL:
		return order >= 0;
	case OP_EQUAL:
		return !order;
	default:
		return order;
	}
}

/* The wider of those that are floating-point numbers. */
static const char *float_type(const struct value *a, const struct value *b)
{
	const struct type *x = type_strip(a->type), *y = type_strip(b->type);
	uint64_t size = x->kind == TYPE_FLOAT ? x->size : 0;

	if (y->kind == TYPE_FLOAT && y->size > size)
		size = y->size;
	return size == sizeof(float) ? "float" : size == sizeof(double) ? "double" : "long double";
}

static int float_arithmetic(int op, long double x, long double y, long double *ret_result,
                            struct err *err)
{
	switch (op) {
	case '+':
		*ret_result = x + y;
		return 0;
	case '-':
		*ret_result = x - y;
		return 0;
	case '*':
		*ret_result = x * y;
		return 0;
	case '/':
		*ret_result = x / y;
		return 0;
	default:
		return err_set(err, ERR_USAGE,
		               "floating-point numbers do not go with this operator");
	}
}

static int float_binary(const struct eval *eval, int op, const struct value *a,
                        const struct value *b, struct value *ret_value, struct err *err)
{
	const struct type *type;
	long double x, y, result = 0;

	if (value_number(eval->catalog, a, &x, err) || value_number(eval->catalog, b, &y, err))
		return -1;
	if (is_comparison(op)) {
		if (x != x || y != y) /* not a number: different, and in no order */
			return truth_value(eval, op == OP_NOT_EQUAL, ret_value, err);
		return truth_value(eval, compare(op, (x > y) - (x < y)), ret_value, err);
	}
	if (float_arithmetic(op, x, y, &result, err) ||
	    eval_base(eval, float_type(a, b), &type, err))
		return -1;
	*ret_value = value_of_float(type, result);
	return 0;
}

/* C's usual conversions: *ret_wide and *ret_unsigned say what both become. */
static void promote(const struct type *a, const struct type *b, bool *ret_wide, bool *ret_unsigned)
{
	uint64_t a_size = a->size < 4 ? 4 : a->size, b_size = b->size < 4 ? 4 : b->size;
	bool a_unsigned = !a->is_signed && a->size >= 4 && a->kind != TYPE_ENUM;
	bool b_unsigned = !b->is_signed && b->size >= 4 && b->kind != TYPE_ENUM;

	*ret_wide = a_size > 4 || b_size > 4;
	*ret_unsigned = (a_unsigned && a_size >= b_size) || (b_unsigned && b_size >= a_size);
}

static int divide(int op, uint64_t x, uint64_t y, bool is_unsigned, uint64_t *ret, struct err *err)
{
	int64_t a = (int64_t)x, b = (int64_t)y;

	if (!y)
		return err_set(err, ERR_USAGE, "division by zero");
	if (is_unsigned)
		*ret = op == '/' ? x / y : x % y;
	else if (b == -1) /* INT64_MIN / -1 traps */
		*ret = op == '/' ? -x : 0;
	else
		*ret = (uint64_t)(op == '/' ? a / b : a % b);
	return 0;
}

static uint64_t shift(int op, uint64_t x, uint64_t y, bool is_unsigned)
{
	if (y >= 64)
		return op == OP_SHIFT_RIGHT && !is_unsigned && (int64_t)x < 0 ? UINT64_MAX : 0;
	if (op == OP_SHIFT_LEFT)
		return x << y;
	return is_unsigned ? x >> y : (uint64_t)((int64_t)x >> y);
}

static int arithmetic(int op, uint64_t x, uint64_t y, bool is_unsigned, uint64_t *ret,
                      struct err *err)
{
	switch (op) {
	case '+':
		*ret = x + y;
		return 0;
	case '-':
		*ret = x - y;
		return 0;
	case '*':
		*ret = x * y;
		return 0;
	case '/':
	case '%':
		return divide(op, x, y, is_unsigned, ret, err);
	case '&':
		*ret = x & y;
		return 0;
	case '|':
		*ret = x | y;
		return 0;
	case '^':
		*ret = x ^ y;
		return 0;
	default:
		*ret = shift(op, x, y, is_unsigned);
		return 0;
	}
}

/* As many bits as its type has. */
static uint64_t narrow(uint64_t integer, bool wide, bool is_unsigned)
{
	if (wide)
		return integer;
	return is_unsigned ? (uint32_t)integer : (uint64_t)(int64_t)(int32_t)integer;
}

static int integer_binary(const struct eval *eval, int op, const struct value *a,
                          const struct value *b, struct value *ret_value, struct err *err)
{
	static const char *const names[2][2] = {{"int", "unsigned int"}, {"long", "unsigned long"}};
	const struct type *a_type = type_strip(a->type), *b_type = type_strip(b->type), *type;
	bool wide, is_unsigned;
	uint64_t x, y, result = 0;

	if (value_integer(eval->catalog, a, &x, err) || value_integer(eval->catalog, b, &y, err))
		return -1;
	if (op == OP_SHIFT_LEFT || op == OP_SHIFT_RIGHT)
		b_type = a_type;
	promote(a_type, b_type, &wide, &is_unsigned);
	x = narrow(x, wide, is_unsigned);
	y = narrow(y, wide, is_unsigned);
	if (is_comparison(op)) {
		int order = is_unsigned ? (x > y) - (x < y)
		                        : ((int64_t)x > (int64_t)y) - ((int64_t)x < (int64_t)y);

		return truth_value(eval, compare(op, order), ret_value, err);
	}
	if (arithmetic(op, x, y, is_unsigned, &result, err) ||
	    eval_base(eval, names[wide][is_unsigned], &type, err))
		return -1;
	*ret_value = value_of_integer(type, narrow(result, wide, is_unsigned));
	return 0;
}

/* ---- Pointers ------------------------------------------------------------ */

static uint64_t step_of(const struct eval *eval, const struct value *pointer)
{
	const struct type *target = type_strip(type_target(type_strip(pointer->type)));
	uint64_t size;

	if (!type_size(catalog_define(eval->catalog, pointer->tp, target), &size) || !size)
		return 1;
	return size;
}

static int pointer_binary(const struct eval *eval, int op, const struct value *a,
                          const struct value *b, struct value *ret_value, struct err *err)
{
	bool both = type_is_pointer(a->type) && type_is_pointer(b->type);
	const struct value *pointer = type_is_pointer(a->type) ? a : b;
	const struct type *type;
	uint64_t x, y, step = step_of(eval, pointer);

	if (value_integer(eval->catalog, a, &x, err) || value_integer(eval->catalog, b, &y, err))
		return -1;
	if (is_comparison(op))
		return truth_value(eval, compare(op, (x > y) - (x < y)), ret_value, err);
	if (op == '-' && both) {
		if (eval_base(eval, "long", &type, err))
			return -1;
		*ret_value = value_of_integer(type, (uint64_t)((int64_t)(x - y) / (int64_t)step));
		return 0;
	}
	if (both || (op != '+' && op != '-') || (op == '-' && pointer == b))
		return err_set(err, ERR_USAGE, "pointers do not go with this operator");
	if (pointer == a)
		y *= step;
	else
		x *= step;
	*ret_value = value_of_integer(pointer->type, op == '+' ? x + y : x - y);
	ret_value->tp = pointer->tp;
	return 0;
}

/* LEFT @ COUNT */
static int slice(const struct eval *eval, const struct value *a, const struct value *b,
                 struct value *ret_value, struct err *err)
{
	const struct type *array;
	uint64_t count;

	if (value_integer(eval->catalog, b, &count, err))
		return -1;
	if (!a->in_memory || a->bit_size)
		return err_set(err, ERR_USAGE, "left of @ something in memory is wanted");
	if (!count || count > UINT32_MAX)
		return err_set(err, ERR_USAGE, "right of @ a number of elements is wanted");
	array = type_make_array(a->type, count);
	if (!array)
		return err_os(err, ENOMEM, "array");
	*ret_value = value_at(array, a->tp, a->addr);
	return 0;
}

int eval_binary(const struct eval *eval, int op, const struct value *a, const struct value *b,
                struct value *ret_value, struct err *err)
{
	struct value x, y;

	if (op == '@')
		return slice(eval, a, b, ret_value, err);
	if (eval_decay(eval, a, &x, err) || eval_decay(eval, b, &y, err))
		return -1;
	if (type_is_pointer(x.type) || type_is_pointer(y.type))
		return pointer_binary(eval, op, &x, &y, ret_value, err);
	if (!type_is_number(x.type) || !type_is_number(y.type))
		return err_set(err, ERR_USAGE, "only numbers and pointers go with operators");
	if (type_strip(x.type)->kind == TYPE_FLOAT || type_strip(y.type)->kind == TYPE_FLOAT)
		return float_binary(eval, op, &x, &y, ret_value, err);
	return integer_binary(eval, op, &x, &y, ret_value, err);
}

/* ---- Casts --------------------------------------------------------------- */

/* Between pointers to related classes the address changes, as static_cast's does. */
static uint64_t related(const struct eval *eval, const struct value *from, const struct type *to,
                        uint64_t addr)
{
	const struct type *a = type_strip(from->type), *b = type_strip(to);
	struct value object, whole;
	uint64_t moved;

	if (a->kind != TYPE_POINTER || b->kind != TYPE_POINTER || !addr ||
	    !type_is_record(type_target(a)) || !type_is_record(type_target(b)))
		return addr;
	if (value_base_offset(eval->catalog, type_target(a), type_target(b), addr, &moved))
		return moved;
	/* from a virtual base class, only the object knows the way */
	object = value_at(type_target(a), from->tp, addr);
	if (dynamic_value(eval->catalog, &object, &whole) &&
	    value_base_offset(eval->catalog, whole.type, type_target(b), whole.addr, &moved))
		return moved;
	return addr;
}

/* An object as another type of object: what is at its address. */
static int reinterpret(const struct eval *eval, const struct value *value, const struct type *type,
                       const struct reg_threadproc *tp, struct value *ret_value, struct err *err)
{
	uint64_t addr = value->addr;

	if (!value->in_memory)
		return err_set(err, ERR_USAGE, "what is not in memory cannot be taken for that");
	if (type_is_record(value->type))
		value_base_offset(eval->catalog, value->type, type, value->addr, &addr);
	*ret_value = value_at(type, tp, addr);
	return 0;
}

int eval_cast(const struct eval *eval, const struct value *value, const struct type *type,
              const struct reg_threadproc *tp, struct value *ret_value, struct err *err)
{
	const struct type *base = type_strip(type);
	struct value from;
	long double number;
	uint64_t integer;

	if (type_is_reference(base)) {
		if (value_referred(eval->catalog, value, &from, err))
			return -1;
		return reinterpret(eval, &from, type_target(base), tp, ret_value, err);
	}
	if (type_is_record(base) || base->kind == TYPE_ARRAY) {
		if (value_referred(eval->catalog, value, &from, err))
			return -1;
		return reinterpret(eval, &from, type, tp, ret_value, err);
	}
	if (eval_decay(eval, value, &from, err))
		return -1;
	if (base->kind == TYPE_FLOAT) {
		if (value_number(eval->catalog, &from, &number, err))
			return -1;
		*ret_value = value_of_float(type, number);
		return 0;
	}
	if (type_strip(from.type)->kind == TYPE_FLOAT) {
		if (value_number(eval->catalog, &from, &number, err))
			return -1;
		integer = number < 0 ? (uint64_t)(int64_t)number : (uint64_t)number;
	} else if (value_integer(eval->catalog, &from, &integer, err)) {
		return -1;
	}
	if (base->kind == TYPE_BOOL)
		integer = integer != 0;
	*ret_value = value_of_integer(type, related(eval, &from, type, integer));
	ret_value->tp = tp;
	return 0;
}
