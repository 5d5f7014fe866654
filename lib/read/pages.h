/*
 * pages.h - which pages of a space hold something.
 *
 * A space is mostly reserved memory that nobody touched.  What goes through all of it skips
 * that: reading it would take long, and would have the kernel fill in page tables for it.
 */
#ifndef TPROC_READ_PAGES_H
#define TPROC_READ_PAGES_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct target;

/* Pages in a row of one kind: in memory, or in swap. */
struct page_run {
	uint64_t lo;
	uint64_t hi;
	bool file;    /* the page cache's: a file's or shared memory's; else the space's alone */
	bool swapped; /* not in memory */
};

/* Called in ascending order.  What is not 0 ends the walk. */
typedef int pages_visitor(void *context, const struct page_run *run, struct err *err);

/*
 * Visits the pages of [lo, hi) that hold something; neighbours may come in several runs.
 * Returns 0, what the visitor returned, or -1.  ERR_NOT_FOUND when that is not known of the
 * target.
 */
int target_pages(const struct target *target, uint64_t lo, uint64_t hi, pages_visitor *visit,
                 void *context, struct err *err);

/* ---- Of a live process ----------------------------------------------------- */

struct pages_live {
	int fd;       /* /proc/PID/pagemap */
	bool no_scan; /* the kernel has no PAGEMAP_SCAN (before Linux 6.7) */
};

/* Needs the right to trace the process. */
int pages_live_open(pid_t pid, struct pages_live *ret_pages, struct err *err);
void pages_live_close(struct pages_live *pages);
int pages_live_each(struct pages_live *pages, uint64_t lo, uint64_t hi, pages_visitor *visit,
                    void *context, struct err *err);

#endif
