/*
 * keep.h - reports that are kept.
 *
 * In $XDG_STATE_HOME/tproc/crashes (~/.local/state without that variable), for the user alone:
 * TIME-SPACE-ID.json and .txt, of which the oldest go when there are too many or they take too
 * much room.
 */
#ifndef TPROC_INSPECT_REPORT_KEEP_H
#define TPROC_INSPECT_REPORT_KEEP_H

#include "lib/base/err.h"

#include <jansson.h>
#include <stddef.h>

#define KEEP_REPORTS_MAX 50
#define KEEP_BYTES_MAX (UINT64_C(32) << 20) /* of all together */
#define KEEP_REPORT_BYTES_MAX (4u << 20)    /* of one file; a larger one is not kept */

/*
 * Keeps a report.  The caller frees *ret_path, which is that of the text.  ERR_LIMIT when it is too
 * large.
 */
int keep_report(const json_t *report, char **ret_path, struct err *err);

struct kept {
	char *name; /* without .json */
};

struct kept_list {
	struct kept *list; /* the newest first */
	size_t count;
	char *dir;
};

/* What there is; nothing when the directory is not there.  To be released. */
int kept_read(struct kept_list *ret_list, struct err *err);
void kept_deinit(struct kept_list *list);

/* The document; the caller releases it. */
int kept_load(const struct kept_list *list, size_t i, json_t **ret_report, struct err *err);

#endif
