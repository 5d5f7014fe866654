/*
 * page.h - a space on one page of HTML: components, memory, pointers, descriptors, locks, crashes.
 *
 * It needs nothing from elsewhere and can be read without its script.  What cannot be told is said
 * to be so, and why; each list has an end, so that a page of a large space is one that can be read.
 */
#ifndef TPROC_INSPECT_PAGE_H
#define TPROC_INSPECT_PAGE_H

#include "inspect/session.h"

#define PAGE_ROWS_MAX 500
/* Crashes that are told in full, the newest ones: each takes a look at all memory. */
#define PAGE_REPORTS_MAX 10

struct page_sums {
	size_t components; /* on record */
	size_t living;
	size_t crashed;
};

/* Of the session's snapshot.  Fails when the user stops it; failures to write are out's. */
int page_write(struct session *session, FILE *out, struct page_sums *ret_sums, struct err *err);

#endif
