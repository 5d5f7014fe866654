/*
 * eval.h - what an expression comes to.
 */
#ifndef TPROC_TYPES_EVAL_H
#define TPROC_TYPES_EVAL_H

#include "lib/types/catalog.h"
#include "lib/types/expr.h"
#include "lib/types/value.h"

struct eval {
	struct catalog *catalog;
	const struct reg_threadproc *tp; /* where names are looked for first; NULL: everywhere */
	pid_t tid;                       /* whose thread-local variables; 0: the only thread's */
	/*
	 * Set, unless it is NULL, when a thread-local variable was met and it takes a tid to say
	 * which: to the threadproc whose it is.
	 */
	const struct reg_threadproc **ret_threaded;
};

/*
 * Names are found thus:
 *
 *	2::x, NAME::x     in the threadproc of that id, or that name if it alone has it
 *	'NAME'::x         likewise, for names that are no words; else of the source file NAME
 *	x                 in eval->tp; without one in whoever has it, if only one threadproc does
 *	(T) e, &(T *) e   T of whoever owns the address e, else as above
 *
 * ERR_USAGE for what makes no sense, ERR_NOT_FOUND for what is not there.
 */
int eval_text(const struct eval *eval, const char *text, struct value *ret_value, struct err *err);

/* The type that a text is the name of ("struct node *"), and who has it. */
int eval_type_text(const struct eval *eval, const char *text, const struct type **ret_type,
                   const struct reg_threadproc **ret_tp, struct err *err);

/* Whose addr is: NULL when it is nobody's. */
const struct reg_threadproc *eval_owner(const struct eval *eval, uint64_t addr);

#endif
