#include "inspect/page/page.h"

#include "inspect/brief.h"
#include "inspect/markup.h"
#include "inspect/page/parts.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* ---- For all sections ---------------------------------------------------------------------- */

int page_cannot_tell(const struct page *page, const char *what, struct err *err)
{
	if (session_interrupted(page->session))
		return session_stopped(err);
	html_paragraph(page->out, "note", "%s cannot be told: %s", what, err->text);
	return 0;
}

void page_address_cell(const struct page *page, struct html_table *table, uint64_t addr)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	html_cell_begin(table, "");
	fprintf(page->out, "<code>0x%" PRIx64 "</code> ", addr);
	if (out) {
		identify(page->target, addr, page->identity);
		brief_text(out, page->identity);
		if (!fclose(out))
			markup_printed(page->out, text);
	}
	html_cell_end(table);
}

/* ---- The head ------------------------------------------------------------------------------ */

static const struct {
	const char *id;
	const char *heading;
	int (*write)(const struct page *page, struct err *err);
} sections[] = {
	{"components", "Components", page_components},
	{"crashes", "Crashes", page_crashes},
	{"memory", "Memory", page_memory},
	{"pointers", "Pointers", page_pointers},
	{"descriptors", "Descriptors", page_descriptors},
	{"locks", "Locks", page_locks},
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static void write_fact(FILE *out, const char *what, size_t number, const char *class)
{
	fprintf(out, "<div><dt>%s</dt><dd class=\"%s\">%zu</dd></div>\n", what, class, number);
}

static struct page_sums sums_of(const struct page *page)
{
	struct page_sums sums = {.components = page->all.count};

	for (size_t i = 0; i < page->all.count; i++) {
		sums.living += reg_threadproc_lives(page->all.list[i]);
		sums.crashed += page->all.list[i]->crash ||
		                page->all.list[i]->abi.state == TP_STATE_CRASHED;
	}
	return sums;
}

static void write_facts(const struct page *page, const struct page_sums *sums)
{
	const struct snapshot *snapshot = page->target->snapshot;

	fputs("<dl class=\"facts\">\n", page->out);
	write_fact(page->out, "live", sums->living, "good");
	write_fact(page->out, "have ended", sums->components - sums->living, "");
	write_fact(page->out, "crashed", sums->crashed, sums->crashed ? "bad" : "");
	write_fact(page->out, "names published", snapshot->name_count, "");
	fputs("</dl>\n", page->out);
	if (snapshot->header.agent_state != TP_AGENT_ALIVE)
		html_paragraph(page->out, "note",
		               "The space's agent is dead: what runs goes on, nothing can start.");
	if (!snapshot->consistent)
		html_paragraph(page->out, "note",
		               "The registry changed while it was read: what follows may not be "
		               "of one moment.");
}

static void write_head(const struct page *page, const struct page_sums *sums)
{
	const struct session *session = page->session;
	char when[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fputs("<header>\n<h1>", page->out);
	markup_format(page->out, "Space %s", page->target->snapshot->header.space);
	fputs("</h1>\n", page->out);
	if (session->core_path)
		html_paragraph(page->out, "dim", "As it is in the core file %s, written %s.",
		               session->core_path, when);
	else
		html_paragraph(page->out, "dim", "As it was on %s, while it went on.", when);
	fputs("</header>\n<nav aria-label=\"Contents\"><ul>\n", page->out);
	for (size_t i = 0; i < SECTIONS; i++)
		fprintf(page->out, "<li><a href=\"#%s\">%s</a></li>\n", sections[i].id,
		        sections[i].heading);
	fputs("</ul></nav>\n<main>\n", page->out);
	write_facts(page, sums);
}

/* ---- The whole ----------------------------------------------------------------------------- */

static int write_sections(const struct page *page, struct err *err)
{
	for (size_t i = 0; i < SECTIONS; i++) {
		html_section_begin(page->out, sections[i].id, sections[i].heading);
		if (sections[i].write(page, err))
			return -1;
		html_section_end(page->out);
	}
	return 0;
}

int page_write(struct session *session, FILE *out, struct page_sums *ret_sums, struct err *err)
{
	AUTO_FREE struct identity *identity = malloc(sizeof(*identity));
	struct page page = {
		.out = out,
		.session = session,
		.target = session_target(session),
		.identity = identity,
	};
	AUTO_FREE char *title = NULL;
	struct page_sums sums;
	int ret;

	if (asprintf(&title, "Space %s", session->snapshot->header.space) < 0)
		title = NULL;
	if (!identity || !title)
		return err_os(err, ENOMEM, "page");
	if (show_select(session->snapshot, NULL, &page.all, err))
		return -1;
	sums = sums_of(&page);
	html_begin(out, title);
	write_head(&page, &sums);
	ret = write_sections(&page, err);
	fputs("</main>\n<footer>Written by tpinspect report.</footer>\n", out);
	html_end(out);
	free(page.all.list);
	if (!ret)
		*ret_sums = sums;
	return ret;
}
