/*
 * out.h - how commands show things: colour, tables, JSON.
 *
 * Everything that goes through here is escaped by text.h.
 */
#ifndef TPROC_BASE_OUT_H
#define TPROC_BASE_OUT_H

#include "lib/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- Colour -------------------------------------------------------------- */

enum out_colour { OUT_COLOUR_AUTO, OUT_COLOUR_ALWAYS, OUT_COLOUR_NEVER };

/* "auto", "always" or "never"; ERR_USAGE for any other word. */
int out_colour_parse(const char *word, enum out_colour *ret_when, struct err *err);

/* Whether it is a terminal, and not a "dumb" one: escape sequences mean something there. */
bool out_has_sequences(int fd);

/*
 * Whether to use colour on the descriptor: with auto, on a terminal that is not "dumb",
 * unless NO_COLOR is set to something (https://no-color.org).
 */
bool out_colour_wanted(enum out_colour when, int fd);

/* Escape sequences for the terminal; "" when colour is not wanted. */
enum out_style { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_RED, OUT_GREEN, OUT_YELLOW, OUT_CYAN };
const char *out_style(bool colour, enum out_style style);

/* ---- Text ---------------------------------------------------------------- */

/* Writes a string, escaped. */
void out_text(FILE *file, const char *text);

/* ---- Tables -------------------------------------------------------------- */

struct out_column {
	const char *heading;
	bool right; /* numbers and addresses */
};

struct out_table;

/* colour: whether the table may use it.  ERR_OS when memory is short. */
int out_table_create(const struct out_column *columns, size_t count, bool colour,
                     struct out_table **ret_table, struct err *err);
void out_table_destroy(struct out_table *table);

/*
 * A new row, and one cell of the latest row.  Failures are remembered and reported by
 * out_table_print, so that no call needs a check.
 */
void out_table_row(struct out_table *table);
void out_table_cell(struct out_table *table, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Style of a cell of the latest row; without effect in a table that has no colour. */
void out_table_style(struct out_table *table, size_t column, enum out_style style);

/* What is said in place of a table without rows; kept as it is.  Without that, nothing is. */
void out_table_when_empty(struct out_table *table, const char *text);

/* Writes the table with its headings. */
int out_table_print(struct out_table *table, FILE *file, struct err *err);

/* ---- JSON ---------------------------------------------------------------- */

/* New references, NULL when memory is short (json_pack's "o" then fails as a whole). */
json_t *out_json_hex(uint64_t value);                  /* "0x..."; JSON's numbers end at 2^53 */
json_t *out_json_text(const char *text);               /* escaped; null for NULL */
json_t *out_json_bytes(const void *bytes, size_t len); /* hex digits; null when len is 0 */

/* Writes one document and a newline. */
int out_json_print(const json_t *document, FILE *file, struct err *err);

/* The same in one line, for answers that come bit by bit. */
int out_json_print_line(const json_t *document, FILE *file, struct err *err);

#endif
