/*
 * options.h - the options among the words behind a verb.
 */
#ifndef TPROC_INSPECT_OPTIONS_H
#define TPROC_INSPECT_OPTIONS_H

#include "inspect/verb.h"

#include <stdint.h>

/*
 * Sorts count words (NULL-terminated, reordered in place) into options and arguments.  Options
 * may stand anywhere; "--" ends them; a single dash and "-5" are arguments.  Sets ret_args but for
 * its format.  ERR_USAGE for an unknown option, one without its value, and for too few or too
 * many arguments.
 */
int options_parse(const struct verb *verb, char **words, int count, struct verb_args *ret_args,
                  struct err *err);

/* "x[/FMT] [--gdb] ADDR": the caller frees it; NULL when memory is short. */
char *options_usage(const struct verb *verb);

/*
 * A decimal number in the range, the value of the option of that name ("count") or an argument.
 * ERR_USAGE when it is none.
 */
int option_number(const char *name, const char *value, uint64_t min, uint64_t max,
                  uint64_t *ret_number, struct err *err);

#endif
