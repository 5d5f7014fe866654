#include "inspect/debugging.h"

#include "inspect/show.h"

#include <stdlib.h>

/* Each file has a bar of its own. */
static int show_progress(void *context, size_t done, size_t total)
{
	struct debugging *d = context;

	if (!d->shows || total != d->total || done < d->done) {
		debugging_rest(d);
		progress_begin(&d->progress, d->session, "reading debugging information",
		               PROGRESS_BYTES, total);
		d->shows = true;
		d->done = 0;
		d->total = total;
	}
	if (!progress_step(&d->progress, done - d->done))
		return -1;
	d->done = done;
	return 0;
}

void debugging_rest(struct debugging *debugging)
{
	if (debugging->shows)
		progress_end(&debugging->progress);
	debugging->shows = false;
}

int debugging_begin(struct debugging *debugging, struct session *session, struct err *err)
{
	*debugging = (struct debugging){.session = session};
	if (!session->debug && debug_cache_create(&session->debug, err))
		return -1;
	if (catalog_create(session_target(session), session->debug, &debugging->catalog, err))
		return -1;
	debug_cache_set_progress(session->debug, show_progress, debugging);
	return 0;
}

void debugging_end(struct debugging *debugging)
{
	debugging_rest(debugging);
	debug_cache_set_progress(debugging->session->debug, NULL, NULL);
	catalog_destroy(debugging->catalog);
}

int debugging_threadproc(struct session *session, const char *word,
                         const struct reg_threadproc **ret_tp, struct err *err)
{
	struct show_selection selection;
	const struct reg_threadproc *tp = NULL;
	size_t count = 0;

	if (!word) {
		*ret_tp = NULL;
		return 0;
	}
	if (show_select(session->snapshot, word, &selection, err))
		return -1;
	for (size_t i = 0; i < selection.count; i++) {
		if (!reg_threadproc_lives(selection.list[i]))
			continue;
		tp = selection.list[i];
		count++;
	}
	free(selection.list);
	if (!count)
		return err_set(err, ERR_NOT_FOUND, "%s does not live any more", word);
	if (count > 1)
		return err_set(err, ERR_USAGE, "several threadprocs are called %s: say its id",
		               word);
	*ret_tp = tp;
	return 0;
}
