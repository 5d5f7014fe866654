#include "inspect/page/html.h"

#include "inspect/graph.h"
#include "inspect/map.h"
#include "inspect/markup.h"
#include "inspect/page_assets.inc"
#include "inspect/svg.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- The page ------------------------------------------------------------------------------ */

void html_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src '",
	      out);
	fprintf(out, "%s'\">\n<title>", page_script_hash);
	markup_text(out, title);
	fprintf(out, "</title>\n<style>\n%s%s%s%s%s</style>\n</head>\n<body>\n", svg_common_style(),
	        map_style, graph_matrix_style, graph_wheel_style, page_style);
}

void html_end(FILE *out)
{
	fprintf(out, "<script>%s</script>\n</body>\n</html>\n", page_script);
}

void html_section_begin(FILE *out, const char *id, const char *heading)
{
	fprintf(out, "<section class=\"%s\" aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id,
	        id, id, heading);
}

void html_section_end(FILE *out)
{
	fputs("</section>\n", out);
}

void html_paragraph(FILE *out, const char *class, const char *fmt, ...)
{
	va_list args;

	fprintf(out, "<p class=\"%s\">", class);
	va_start(args, fmt);
	markup_vformat(out, fmt, args);
	va_end(args);
	fputs("</p>\n", out);
}

void html_wide_begin(FILE *out, const char *label)
{
	fprintf(out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">\n",
	        label);
}

void html_wide_end(FILE *out)
{
	fputs("</div>\n", out);
}

void html_who(FILE *out, const struct reg_threadproc *tp)
{
	fprintf(out, "<a href=\"#t%" PRIu32 "\">", tp->abi.id);
	markup_text(out, tp->abi.name);
	fprintf(out, "</a> <span class=\"dim\">(%" PRIu32 ")</span>", tp->abi.id);
}

/* ---- Tables -------------------------------------------------------------------------------- */

void html_table_begin(struct html_table *table, FILE *out, const char *caption,
                      const struct out_column *columns, size_t count, size_t rows_max)
{
	*table = (struct html_table){
		.out = out, .columns = columns, .count = count, .rows_max = rows_max};
	html_wide_begin(out, caption);
	fprintf(out, "<table>\n<caption>%s</caption>\n<thead><tr>", caption);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "<th scope=\"col\"%s>%s</th>", columns[i].right ? " class=\"n\"" : "",
		        columns[i].heading);
	fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_row(struct html_table *table)
{
	if (table->rows && table->rows <= table->rows_max)
		fputs("</tr>\n", table->out);
}

bool html_row(struct html_table *table, uint32_t id)
{
	end_row(table);
	if (++table->rows > table->rows_max)
		return false;
	table->column = 0;
	if (id)
		fprintf(table->out, "<tr id=\"t%" PRIu32 "\">", id);
	else
		fputs("<tr>", table->out);
	return true;
}

static bool is_right(const struct html_table *table)
{
	return table->column < table->count && table->columns[table->column].right;
}

void html_cell(struct html_table *table, const char *fmt, ...)
{
	va_list args;

	html_cell_begin(table, "");
	va_start(args, fmt);
	markup_vformat(table->out, fmt, args);
	va_end(args);
	html_cell_end(table);
}

void html_cell_number(struct html_table *table, uint64_t number, const char *fmt, ...)
{
	va_list args;

	fprintf(table->out, "<td%s data-v=\"%" PRIu64 "\">", is_right(table) ? " class=\"n\"" : "",
	        number);
	va_start(args, fmt);
	markup_vformat(table->out, fmt, args);
	va_end(args);
	html_cell_end(table);
}

void html_cell_begin(struct html_table *table, const char *class)
{
	if (is_right(table))
		fputs("<td class=\"n\">", table->out);
	else if (*class)
		fprintf(table->out, "<td class=\"%s\">", class);
	else
		fputs("<td>", table->out);
}

void html_cell_end(struct html_table *table)
{
	fputs("</td>", table->out);
	table->column++;
}

void html_cell_who(struct html_table *table, const struct reg_threadproc *tp, const char *text)
{
	html_cell_begin(table, "");
	if (tp)
		html_who(table->out, tp);
	else
		markup_text(table->out, text);
	html_cell_end(table);
}

void html_table_end(struct html_table *table)
{
	end_row(table);
	fputs("</tbody>\n</table>\n", table->out);
	html_wide_end(table->out);
	if (table->rows > table->rows_max)
		html_paragraph(table->out, "dim", "The first %zu of %zu.", table->rows_max,
		               table->rows);
}
