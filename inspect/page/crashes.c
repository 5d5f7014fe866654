/* What crashed: the newest in full, as `crash` tells it, and the others in a line. */
#include "inspect/page/parts.h"

#include "inspect/markup.h"
#include "inspect/report/report.h"

#include "lib/base/cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_crash(const struct reg_threadproc *tp)
{
	return tp->crash || tp->abi.state == TP_STATE_CRASHED;
}

/* ---- In full ------------------------------------------------------------------------------- */

static void write_suspects(const struct page *page, const json_t *report)
{
	const json_t *suspects = json_object_get(report, "suspects");
	json_t *suspect, *why;
	size_t i, k;

	if (!json_array_size(suspects))
		return;
	fputs("<p>Suspect:</p>\n<ul class=\"suspects\">\n", page->out);
	json_array_foreach((json_t *)suspects, i, suspect)
	{
		const json_t *who = json_object_get(suspect, "threadproc");
		json_int_t id = json_integer_value(json_object_get(who, "id"));

		fprintf(page->out, "<li><a href=\"#t%" JSON_INTEGER_FORMAT "\">", id);
		markup_printed(page->out, json_string_value(json_object_get(who, "name")));
		fprintf(page->out,
		        "</a> <span class=\"dim\">(%" JSON_INTEGER_FORMAT ")</span>: ", id);
		json_array_foreach(json_object_get(suspect, "why"), k, why)
		{
			fputs(k ? "; " : "", page->out);
			markup_printed(page->out, json_string_value(why));
		}
		fputs("</li>\n", page->out);
	}
	fputs("</ul>\n", page->out);
}

static void write_text(const struct page *page, const json_t *report)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	report_print(out, false, report, REPORT_FULL);
	if (fclose(out))
		return;
	fputs("<details><summary>The whole report</summary>\n<pre tabindex=\"0\">", page->out);
	markup_printed(page->out, text);
	fputs("</pre></details>\n", page->out);
}

static int write_report(const struct page *page, const struct reg_threadproc *tp, struct err *err)
{
	json_t *report;

	if (session_interrupted(page->session))
		return session_stopped(err);
	fputs("<article>\n<h3>", page->out);
	html_who(page->out, tp);
	fputc(' ', page->out);
	if (report_build(page->session, tp, REPORT_FULL, &report, err)) {
		fputs("crashed</h3>\n", page->out);
		if (page_cannot_tell(page, "How", err))
			return -1;
	} else {
		markup_printed(page->out, report_words(report));
		fputs("</h3>\n", page->out);
		if (json_is_true(json_object_get(report, "held")))
			html_paragraph(page->out, "note", "It is held where it crashed.");
		write_suspects(page, report);
		write_text(page, report);
		json_decref(report);
	}
	fputs("</article>\n", page->out);
	return 0;
}

/* ---- In a line ----------------------------------------------------------------------------- */

static void write_others(const struct page *page, const struct reg_threadproc **crashes,
                         size_t count)
{
	static const struct out_column columns[] = {
		{"Component", false}, {"State", false}, {"When", false}};
	struct html_table table;

	fputs("<h3>Earlier ones</h3>\n", page->out);
	html_table_begin(&table, page->out, "tpinspect crash ID has more of each", columns, 3,
	                 PAGE_ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct reg_threadproc *tp = crashes[i];
		char text[SHOW_TEXT_SIZE];
		uint64_t when = tp->crash ? tp->crash->time_ns : tp->abi.end_ns;

		if (!html_row(&table, 0))
			continue;
		html_cell_who(&table, tp, "");
		html_cell(&table, "%s", show_state(tp, text));
		html_cell_number(&table, when, "%s", when ? show_time(when, text) : "");
	}
	html_table_end(&table);
}

int page_crashes(const struct page *page, struct err *err)
{
	AUTO_FREE const struct reg_threadproc **crashes =
		calloc(page->all.count + 1, sizeof(struct reg_threadproc *));
	size_t count = 0;

	if (!crashes)
		return page_cannot_tell(page, "What crashed", err);
	/* the newest have the highest ids */
	for (size_t i = page->all.count; i > 0; i--) {
		if (is_crash(page->all.list[i - 1]))
			crashes[count++] = page->all.list[i - 1];
	}
	if (!count)
		html_paragraph(page->out, "dim", "No crash is on record.");
	for (size_t i = 0; i < count && i < PAGE_REPORTS_MAX; i++) {
		if (write_report(page, crashes[i], err))
			return -1;
	}
	if (count > PAGE_REPORTS_MAX)
		write_others(page, crashes + PAGE_REPORTS_MAX, count - PAGE_REPORTS_MAX);
	return 0;
}
