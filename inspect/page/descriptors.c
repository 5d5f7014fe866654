/* Open files that several have, and everybody's descriptors. */
#include "inspect/page/parts.h"

#include "inspect/markup.h"

#include "lib/read/shared_files.h"

#include <inttypes.h>

/* Holders of one open file that are named. */
#define SHARERS_MAX 20

/* ---- Shared ones --------------------------------------------------------------------------- */

/* Whether it is the first of its open file, and not the only one. */
static bool begins_group(const struct shared_files *files, size_t i)
{
	size_t group = files->list[i].group;

	for (size_t k = 0; group && k < i; k++) {
		if (files->list[k].group == group)
			return false;
	}
	for (size_t k = i + 1; group && k < files->count; k++) {
		if (files->list[k].group == group)
			return true;
	}
	return false;
}

static void write_sharers(const struct page *page, struct html_table *table,
                          const struct shared_files *files, size_t first)
{
	size_t count = 0;

	html_cell_begin(table, "");
	for (size_t i = first; i < files->count; i++) {
		const struct owned_file *file = &files->list[i];

		if (file->group != files->list[first].group || ++count > SHARERS_MAX)
			continue;
		if (count > 1)
			fputs(", ", page->out);
		html_who(page->out, file->tp);
		fprintf(page->out, " as %d", file->file->fd);
	}
	if (count > SHARERS_MAX)
		fprintf(page->out, " and %zu more", count - SHARERS_MAX);
	html_cell_end(table);
}

static bool is_any_shared(const struct shared_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (begins_group(files, i))
			return true;
	}
	return false;
}

static void write_shared(const struct page *page, const struct shared_files *files)
{
	static const struct out_column columns[] = {
		{"Open file", false}, {"Kind", false}, {"Position", true}, {"Descriptors", false}};
	struct html_table table;

	if (!is_any_shared(files)) {
		html_paragraph(page->out, "dim", "No two descriptors are one open file.");
		return;
	}
	html_table_begin(&table, page->out,
	                 "Open files with several descriptors, and so one position", columns,
	                 sizeof(columns) / sizeof(columns[0]), PAGE_ROWS_MAX);
	for (size_t i = 0; i < files->count; i++) {
		const struct open_file *file = files->list[i].file;

		if (!begins_group(files, i) || !html_row(&table, 0))
			continue;
		html_cell(&table, "%s", file->target);
		html_cell(&table, "%s", file->has_state ? show_fd_kind(file->kind) : "");
		if (file->has_state && file->kind == TP_FD_FILE)
			html_cell(&table, "%" PRIu64, file->pos);
		else
			html_cell(&table, "%s", "");
		write_sharers(page, &table, files, i);
	}
	html_table_end(&table);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct out_column all_columns[] = {
	{"Component", false}, {"Fd", true}, {"Kind", false}, {"Target", false}};

static void write_fd(struct html_table *table, const struct reg_threadproc *tp, int fd,
                     const char *kind, const char *target)
{
	if (!html_row(table, 0))
		return;
	html_cell_who(table, tp, "");
	html_cell(table, "%d", fd);
	html_cell(table, "%s", kind);
	html_cell(table, "%s", target);
}

static void write_now(const struct page *page, const struct shared_files *files)
{
	struct html_table table;

	fputs("<details><summary>All descriptors</summary>\n", page->out);
	html_table_begin(&table, page->out, "Descriptors as they are now", all_columns, 4,
	                 PAGE_ROWS_MAX);
	for (size_t i = 0; i < files->count; i++) {
		const struct open_file *file = files->list[i].file;

		write_fd(&table, files->list[i].tp, file->fd,
		         file->has_state ? show_fd_kind(file->kind) : "", file->target);
	}
	html_table_end(&table);
	fputs("</details>\n", page->out);
}

static void write_at_launch(const struct page *page)
{
	struct html_table table;

	html_table_begin(&table, page->out, "Descriptors as they were at launch", all_columns, 4,
	                 PAGE_ROWS_MAX);
	for (size_t i = 0; i < page->all.count; i++) {
		const struct reg_threadproc *tp = page->all.list[i];

		for (size_t k = 0; reg_threadproc_lives(tp) && k < tp->fd_count; k++)
			write_fd(&table, tp, tp->fds[k].abi.fd, show_fd_kind(tp->fds[k].abi.kind),
			         tp->fds[k].target);
	}
	html_table_end(&table);
}

int page_descriptors(const struct page *page, struct err *err)
{
	struct shared_files files;

	if (shared_files_read(page->target, &files, err)) {
		if (page_cannot_tell(page, "What is open now, and shared,", err))
			return -1;
		write_at_launch(page);
		return 0;
	}
	write_shared(page, &files);
	write_now(page, &files);
	shared_files_deinit(&files);
	return 0;
}
