/*
 * print.h - a value that was rendered, as text and as JSON.
 */
#ifndef TPROC_INSPECT_PRINT_H
#define TPROC_INSPECT_PRINT_H

#include "inspect/session.h"

#include "lib/types/render.h"

#define PRINT_COLUMNS 100

/*
 * Writes it as GDB does, in one line; with columns, what is wider than these goes into lines of its
 * own, indented by what it is in.
 */
void print_text(FILE *out, bool colour, unsigned columns, const struct shown *shown);

/* NULL when memory is short. */
json_t *print_json(const struct shown *shown);

#endif
