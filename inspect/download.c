#include "inspect/download.h"

#include "inspect/progress.h"

#include "lib/read/debug_file.h"

/* Of the one that is under way; session is NULL when none is. */
static struct progress progress;

static bool step(void *context, uint64_t done, uint64_t total)
{
	struct session *session = context;

	if (!progress.session)
		progress_begin(&progress, session, "fetching a debug file", PROGRESS_BYTES, total);
	progress.total = total;
	/* from another server it may begin anew */
	if (done < progress.done)
		progress.done = done;
	return progress_step(&progress, done - progress.done);
}

static void end(void *context __attribute__((unused)))
{
	progress_end(&progress);
	progress.session = NULL;
}

void download_watch(struct session *session)
{
	static struct debug_download download = {.step = step, .end = end};

	download.context = session;
	debug_file_watch(session ? &download : NULL);
}
