/*
 * report.h - what there is to say about the end of a threadproc.
 *
 * A report is a JSON document, and its text is made from that alone: so what was kept reads as
 * it did when the program crashed.  All text in a document is escaped.
 */
#ifndef TPROC_INSPECT_REPORT_H
#define TPROC_INSPECT_REPORT_H

#include "inspect/session.h"

/* How much is looked for. */
enum report_depth {
	REPORT_SHORT, /* what happened, where, and who is suspect */
	REPORT_FULL,  /* and what else the space knows: other threads, pointers, descriptors */
};

/*
 * The report of a threadproc of the session's snapshot that crashed or ended.  One that crashed and
 * is held is looked at as it stands there; of one that is gone, what its record tells.  The caller
 * releases *ret_report.
 */
int report_build(struct session *session, const struct reg_threadproc *tp, enum report_depth depth,
                 json_t **ret_report, struct err *err);

/* As text.  A document of unknown origin is fine. */
void report_print(FILE *out, bool colour, const json_t *report, enum report_depth depth);

/* Its first line alone, without who it is about; "" when there is none. */
const char *report_words(const json_t *report);

#endif
