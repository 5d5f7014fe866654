/*
 * expr.h - expressions as they are written: C's, with "::" and "@".
 *
 *	2::config.table[3]->name            a variable of threadproc 2
 *	'main.c'::counter                   a static one of that source file
 *	*(struct node *) 0x101000000010     an object by its type
 *	array[1] @ 3                        three elements
 *	$scene                              a named pointer (libtproc)
 *
 * Parsing makes a tree that says nothing of values; eval.h computes it.
 */
#ifndef TPROC_TYPES_EXPR_H
#define TPROC_TYPES_EXPR_H

#include "lib/base/err.h"
#include "lib/types/arena.h"
#include "lib/types/type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_LENGTH_MAX 4096
#define EXPR_DEPTH_MAX 64

enum expr_kind {
	EXPR_INTEGER,
	EXPR_FLOAT,
	EXPR_CHARACTER,
	EXPR_NAME,
	EXPR_NAMED_POINTER, /* $NAME */
	EXPR_UNARY,
	EXPR_BINARY,
	EXPR_CONDITION,
	EXPR_MEMBER, /* a.name */
	EXPR_ARROW,  /* a->name */
	EXPR_INDEX,
	EXPR_CAST,
	EXPR_SIZEOF_TYPE,
};

/* Operators: a character, or one of these. */
enum expr_operator {
	OP_SHIFT_LEFT = 256,
	OP_SHIFT_RIGHT,
	OP_LESS_EQUAL,
	OP_GREATER_EQUAL,
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_AND,
	OP_OR,
	OP_SIZEOF,
};

/* A name, and what it is to be looked for in. */
struct expr_name {
	const char *quoted; /* 'this'::path: a threadproc or a source file; NULL: none */
	const char *path;   /* "2::outer::name"; its first part may be a threadproc */
};

/* A type as it is written: its base, then what is derived from it, the innermost first. */
#define EXPR_DERIVED_MAX 16

struct expr_type {
	enum type_kind tag; /* TYPE_STRUCT, TYPE_UNION, TYPE_ENUM; TYPE_VOID: none was written */
	bool is_base;       /* path is C's own name for a number, or void */
	unsigned int qualifiers;
	struct expr_name name;
	struct {
		enum type_kind kind; /* TYPE_POINTER, TYPE_REFERENCE, TYPE_RVALUE, TYPE_ARRAY */
		unsigned int qualifiers;
		uint64_t count;
	} derived[EXPR_DERIVED_MAX];
	size_t derived_count;
};

struct expr {
	enum expr_kind kind;
	int op;
	uint64_t integer;
	bool is_unsigned;
	bool is_long;
	double number;
	struct expr_name name; /* EXPR_NAMED_POINTER, EXPR_MEMBER and EXPR_ARROW: in path */
	struct expr_type type;
	struct expr *a;
	struct expr *b;
	struct expr *c;
};

/* What the parser has to know of names: whether "(NAME)" and "NAME<...>" are types. */
struct expr_names {
	bool (*is_type)(void *context, enum type_kind tag, const struct expr_name *name);
	void *context;
};

/* The tree is the arena's.  ERR_USAGE says what is wrong, and where. */
int expr_parse(const char *text, const struct expr_names *names, struct arena *arena,
               struct expr **ret_expr, struct err *err);

/* The same for a type alone: "struct node *". */
int expr_parse_type(const char *text, const struct expr_names *names, struct arena *arena,
                    struct expr_type *ret_type, struct err *err);

#endif
