/*
 * html.h - the parts of a page: head, sections, tables.  All text is escaped (markup.h).
 *
 * Failures to write are remembered by the stream.
 */
#ifndef TPROC_INSPECT_PAGE_HTML_H
#define TPROC_INSPECT_PAGE_HTML_H

#include "lib/base/out.h"
#include "lib/read/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Everything up to the body.  The page needs nothing from elsewhere, and permits itself nothing. */
void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* A heading with its own address within the page, which id is. */
void html_section_begin(FILE *out, const char *id, const char *heading);
void html_section_end(FILE *out);

/* A paragraph.  class may be "": "note" is for what could not be told. */
void html_paragraph(FILE *out, const char *class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A frame that scrolls where the page is too narrow for what is in it. */
void html_wide_begin(FILE *out, const char *label);
void html_wide_end(FILE *out);

/* ---- Tables -------------------------------------------------------------------------------- */

struct html_table {
	FILE *out;
	const struct out_column *columns;
	size_t count;  /* of columns */
	size_t column; /* the next cell's */
	size_t rows;
	size_t rows_max;
};

/* columns is borrowed.  Rows above rows_max are only counted. */
void html_table_begin(struct html_table *table, FILE *out, const char *caption,
                      const struct out_column *columns, size_t count, size_t rows_max);

/* A row.  id is for links to it, 0: none.  False when it is one too many: then without cells. */
bool html_row(struct html_table *table, uint32_t id);

/* The next cell; the second sorts by a number that its text stands for. */
void html_cell(struct html_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void html_cell_number(struct html_table *table, uint64_t number, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A cell of the caller's own markup is written between these. */
void html_cell_begin(struct html_table *table, const char *class);
void html_cell_end(struct html_table *table);

/* A cell with a component, which is a link to its row; NULL: text stands there. */
void html_cell_who(struct html_table *table, const struct reg_threadproc *tp, const char *text);

/* Says how many rows there were too many, or that there was none. */
void html_table_end(struct html_table *table);

/* "scene (4)", a link to its row. */
void html_who(FILE *out, const struct reg_threadproc *tp);

#endif
