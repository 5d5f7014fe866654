#include "lib/base/out.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int out_colour_parse(const char *word, enum out_colour *ret_when, struct err *err)
{
	static const char *const words[] = {
		[OUT_COLOUR_AUTO] = "auto",
		[OUT_COLOUR_ALWAYS] = "always",
		[OUT_COLOUR_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(word, words[i])) {
			*ret_when = (enum out_colour)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "colour is 'auto', 'always' or 'never'");
}

bool out_has_sequences(int fd)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") && isatty(fd);
}

bool out_colour_wanted(enum out_colour when, int fd)
{
	const char *no_color = getenv("NO_COLOR");

	if (when != OUT_COLOUR_AUTO)
		return when == OUT_COLOUR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return out_has_sequences(fd);
}

const char *out_style(bool colour, enum out_style style)
{
	static const char *const sequences[] = {
		[OUT_PLAIN] = "\033[0m", [OUT_BOLD] = "\033[1m",   [OUT_DIM] = "\033[2m",
		[OUT_RED] = "\033[31m",  [OUT_GREEN] = "\033[32m", [OUT_YELLOW] = "\033[33m",
		[OUT_CYAN] = "\033[36m",
	};

	return colour ? sequences[style] : "";
}

/*
 * Where the locale is not of UTF-8, a terminal may take the second byte of a letter for a control
 * character (0x9b), and libsmartcols does not come to an end with what mbrtowc refuses.
 */
static char *escape_for_locale(const char *text)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") ? text_escape_ascii_dup(text)
	                                             : text_escape_dup(text);
}

void out_text(FILE *file, const char *text)
{
	char piece[4096];
	AUTO_FREE char *whole = escape_for_locale(text);

	if (whole) {
		fputs(whole, file);
		return;
	}
	text_escape(piece, sizeof(piece), text, strlen(text));
	fputs(piece, file);
}

/* ---- Tables -------------------------------------------------------------- */

struct out_table {
	struct libscols_table *scols;
	struct libscols_line *row; /* the latest; the table holds the reference */
	bool failed;
	const char *empty_text; /* NULL: none */
};

static int add_columns(struct out_table *table, const struct out_column *columns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int flags = columns[i].right ? SCOLS_FL_RIGHT : 0;

		if (!scols_table_new_column(table->scols, columns[i].heading, 0, flags))
			return -1;
	}
	return 0;
}

int out_table_create(const struct out_column *columns, size_t count, bool colour,
                     struct out_table **ret_table, struct err *err)
{
	struct out_table *table = calloc(1, sizeof(*table));

	if (!table)
		return err_os(err, ENOMEM, "table");
	table->scols = scols_new_table();
	/* The text is escaped already; and nothing is cut to the width of the terminal. */
	if (!table->scols || add_columns(table, columns, count) ||
	    scols_table_enable_noencoding(table->scols, 1) ||
	    scols_table_enable_colors(table->scols, colour)) {
		out_table_destroy(table);
		return err_os(err, ENOMEM, "table");
	}
	*ret_table = table;
	return 0;
}

void out_table_destroy(struct out_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

void out_table_row(struct out_table *table)
{
	table->row = scols_table_new_line(table->scols, NULL);
	if (!table->row)
		table->failed = true;
}

void out_table_cell(struct out_table *table, size_t column, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	char *escaped;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0) {
		text = NULL; /* undefined after a failure */
		table->failed = true;
		return;
	}
	escaped = escape_for_locale(text);
	if (!escaped || !table->row || scols_line_refer_data(table->row, column, escaped)) {
		free(escaped);
		table->failed = true;
	}
}

void out_table_style(struct out_table *table, size_t column, enum out_style style)
{
	struct libscols_cell *cell = table->row ? scols_line_get_cell(table->row, column) : NULL;

	if (!cell || scols_cell_set_color(cell, out_style(true, style)))
		table->failed = true;
}

void out_table_when_empty(struct out_table *table, const char *text)
{
	table->empty_text = text;
}

int out_table_print(struct out_table *table, FILE *file, struct err *err)
{
	if (table->failed)
		return err_os(err, ENOMEM, "table");
	if (scols_table_is_empty(table->scols) && table->empty_text) {
		fprintf(file, "%s\n", table->empty_text);
		return 0;
	}
	if (scols_table_set_stream(table->scols, file) || scols_print_table(table->scols))
		return err_os(err, EIO, "cannot write the table");
	return 0;
}

/* ---- JSON ---------------------------------------------------------------- */

json_t *out_json_hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

json_t *out_json_text(const char *text)
{
	AUTO_FREE char *escaped = NULL;

	if (!text)
		return json_null();
	escaped = text_escape_dup(text);
	return escaped ? json_string(escaped) : NULL;
}

json_t *out_json_bytes(const void *bytes, size_t len)
{
	AUTO_FREE char *hex = NULL;
	const unsigned char *b = bytes;

	if (!len)
		return json_null();
	hex = malloc(len * 2 + 1);
	if (!hex)
		return NULL;
	for (size_t i = 0; i < len; i++)
		snprintf(hex + i * 2, 3, "%02x", b[i]);
	return json_string(hex);
}

static int print_json(const json_t *document, size_t flags, FILE *file, struct err *err)
{
	if (json_dumpf(document, file, flags) || fputc('\n', file) == EOF)
		return err_os(err, errno ? errno : EIO, "cannot write JSON");
	return 0;
}

int out_json_print(const json_t *document, FILE *file, struct err *err)
{
	return print_json(document, JSON_INDENT(2), file, err);
}

int out_json_print_line(const json_t *document, FILE *file, struct err *err)
{
	return print_json(document, JSON_COMPACT, file, err);
}
