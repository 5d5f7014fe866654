/*
 * eval_parts.h - what the files that evaluate share.
 */
#ifndef TPROC_TYPES_EVAL_PARTS_H
#define TPROC_TYPES_EVAL_PARTS_H

#include "lib/types/eval.h"

/* A name taken apart. */
struct meaning {
	const struct reg_threadproc *tp; /* NULL: not said */
	const char *file;                /* likewise */
	const char *path;
};

int eval_take_apart(const struct eval *eval, const struct expr_name *name,
                    struct meaning *ret_meaning, struct err *err);

/* A type as it was written; hint is the threadproc whose it is most likely, NULL for none. */
int eval_type(const struct eval *eval, const struct expr_type *type,
              const struct reg_threadproc *hint, const struct type **ret_type,
              const struct reg_threadproc **ret_tp, struct err *err);

/* A variable or a function. */
int eval_name(const struct eval *eval, const struct expr_name *name, struct value *ret_value,
              struct err *err);

/* $NAME */
int eval_named_pointer(const struct eval *eval, const char *name, struct value *ret_value,
                       struct err *err);

/* For the parser. */
bool eval_name_is_type(void *context, enum type_kind tag, const struct expr_name *name);

/* "int" and so on; fails only for lack of memory. */
int eval_base(const struct eval *eval, const char *name, const struct type **ret_type,
              struct err *err);

int eval_binary(const struct eval *eval, int op, const struct value *a, const struct value *b,
                struct value *ret_value, struct err *err);
int eval_cast(const struct eval *eval, const struct value *value, const struct type *type,
              const struct reg_threadproc *tp, struct value *ret_value, struct err *err);

/* Whether it is anything but 0. */
int eval_truth(const struct eval *eval, const struct value *value, bool *ret_truth,
               struct err *err);

/* An array becomes a pointer to its first element, a function one to itself; a reference what it is
 * of. */
int eval_decay(const struct eval *eval, const struct value *value, struct value *ret_value,
               struct err *err);

/* The address of what is in memory. */
int eval_address(const struct value *value, struct value *ret_value, struct err *err);

#endif
