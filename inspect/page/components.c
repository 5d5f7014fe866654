/* Who is there, and was; and what they published. */
#include "inspect/page/parts.h"

#include "inspect/markup.h"
#include "inspect/threadproc.h"

#include <inttypes.h>

/* Ended ones that came before these are not told. */
#define ENDED_MAX 100

static const char *state_class(const struct reg_threadproc *tp)
{
	switch (show_state_style(tp)) {
	case OUT_RED:
		return "bad";
	case OUT_YELLOW:
		return "warn";
	case OUT_GREEN:
		return "good";
	default:
		return "dim";
	}
}

static void bytes_cell(struct html_table *table, uint64_t bytes, bool known)
{
	char text[SHOW_TEXT_SIZE];

	if (known)
		html_cell_number(table, bytes, "%s", show_bytes(bytes, text));
	else
		html_cell(table, "%s", "");
}

static void write_row(const struct page *page, struct html_table *table,
                      const struct reg_threadproc *tp)
{
	char text[SHOW_TEXT_SIZE];
	struct vitals vitals;

	if (!html_row(table, tp->abi.id))
		return;
	threadproc_vitals(page->target, tp, &vitals);
	html_cell_number(table, tp->abi.id, "%" PRIu32, tp->abi.id);
	html_cell(table, "%s", tp->abi.name);
	html_cell_begin(table, state_class(tp));
	markup_text(page->out, show_state(tp, text));
	html_cell_end(table);
	html_cell(table, "%" PRId32, tp->abi.pid);
	html_cell_number(table, threadproc_age(tp), "%s",
	                 tp->abi.start_ns ? show_duration(threadproc_age(tp), text) : "");
	if (vitals.threads)
		html_cell(table, "%zu", vitals.threads);
	else
		html_cell(table, "%s", "");
	bytes_cell(table, vitals.usage.resident, vitals.has_usage && vitals.has_pages);
	bytes_cell(table, vitals.usage.mapped, vitals.has_usage);
	html_cell(table, "%s", tp->exe ? tp->exe : "?");
}

/* All that live, and the ended ones that were the last. */
static void write_components(const struct page *page)
{
	static const struct out_column columns[] = {
		{"Id", true},       {"Name", false},  {"State", false},
		{"Pid", true},      {"Age", true},    {"Threads", true},
		{"Resident", true}, {"Mapped", true}, {"Program", false},
	};
	struct html_table table;
	size_t ended = 0, left_out = 0;

	for (size_t i = 0; i < page->all.count; i++)
		ended += !reg_threadproc_lives(page->all.list[i]);
	html_table_begin(&table, page->out, "All components on record", columns,
	                 sizeof(columns) / sizeof(columns[0]), SIZE_MAX);
	for (size_t i = 0; i < page->all.count; i++) {
		if (!reg_threadproc_lives(page->all.list[i]) && ended-- > ENDED_MAX)
			left_out++;
		else
			write_row(page, &table, page->all.list[i]);
	}
	html_table_end(&table);
	if (left_out)
		html_paragraph(page->out, "dim", "%zu that ended earlier are left out.", left_out);
}

static void write_names(const struct page *page)
{
	static const struct out_column columns[] = {
		{"Name", false},         {"Type", false},    {"Bytes", true},
		{"Published by", false}, {"Address", false},
	};
	const struct snapshot *snapshot = page->target->snapshot;
	struct html_table table;

	if (!snapshot->name_count)
		return;
	fputs("<h3>Published names</h3>\n", page->out);
	html_table_begin(&table, page->out, "Pointers that components gave a name", columns,
	                 sizeof(columns) / sizeof(columns[0]), PAGE_ROWS_MAX);
	for (size_t i = 0; i < snapshot->name_count; i++) {
		const struct reg_name *name = &snapshot->names[i];

		if (!html_row(&table, 0))
			continue;
		html_cell(&table, "%s", name->abi.name);
		html_cell(&table, "%s", name->abi.type);
		html_cell(&table, "%" PRIu64, (uint64_t)name->abi.size);
		html_cell_who(&table, name->owner, "gone");
		page_address_cell(page, &table, name->abi.addr);
	}
	html_table_end(&table);
}

int page_components(const struct page *page, struct err *err)
{
	(void)err;
	if (!page->all.count) {
		html_paragraph(page->out, "dim", "Nothing was launched.");
		return 0;
	}
	write_components(page);
	write_names(page);
	return 0;
}
