/* parts.h - the sections of a page, a file for each. */
#ifndef TPROC_INSPECT_PAGE_PARTS_H
#define TPROC_INSPECT_PAGE_PARTS_H

#include "inspect/page/html.h"
#include "inspect/page/page.h"
#include "inspect/show.h"

#include "lib/read/identify.h"

struct page {
	FILE *out;
	struct session *session;
	const struct target *target;
	struct show_selection all; /* components by id, those that ended too */
	struct identity *identity; /* for whoever needs one, which is large */
};

/*
 * Each writes its section, or that it cannot be had.  They fail only when the user stops it, or
 * memory is short.
 */
int page_components(const struct page *page, struct err *err);
int page_memory(const struct page *page, struct err *err);
int page_pointers(const struct page *page, struct err *err);
int page_descriptors(const struct page *page, struct err *err);
int page_locks(const struct page *page, struct err *err);
int page_crashes(const struct page *page, struct err *err);

/* What a part of it says instead: err, unless that is the user's wish to stop. */
int page_cannot_tell(const struct page *page, const char *what, struct err *err);

/* A cell with an address and what lies there. */
void page_address_cell(const struct page *page, struct html_table *table, uint64_t addr);

#endif
