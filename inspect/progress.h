/*
 * progress.h - how far a verb has come, on a terminal, for what takes more than half a second.
 *
 *	struct progress progress;
 *
 *	progress_begin(&progress, session, "scanning", PROGRESS_BYTES, total);
 *	while (...) {
 *		...
 *		if (!progress_step(&progress, len)) {
 *			progress_end(&progress);
 *			return session_stopped(err);
 *		}
 *	}
 *	progress_end(&progress);
 *
 * A step costs a look at the clock: take them by the megabyte or the hundred, not one by one.
 */
#ifndef TPROC_INSPECT_PROGRESS_H
#define TPROC_INSPECT_PROGRESS_H

#include "inspect/session.h"

#include <stddef.h>
#include <stdint.h>

enum progress_unit { PROGRESS_BYTES, PROGRESS_ITEMS };

struct progress {
	struct session *session;
	const char *what;
	enum progress_unit unit;
	uint64_t total; /* 0: not known */
	uint64_t done;
	uint64_t begin_ns;
	uint64_t next_ns; /* when to draw again */
	bool drawn;
};

/* what is borrowed: "scanning". */
void progress_begin(struct progress *progress, struct session *session, const char *what,
                    enum progress_unit unit, uint64_t total);

/* That much more is done.  Returns whether to go on: false once the user wants the verb to stop. */
bool progress_step(struct progress *progress, uint64_t more);

/* Takes the line off the screen.  May be called more than once. */
void progress_end(struct progress *progress);

/*
 * The line, of at most `columns` characters and size bytes: "scanning  62% [====  ] 1.2 of 2.0
 * GiB, 310 MiB/s, 3 s left".  Returns its length.
 */
size_t progress_text(char *dst, size_t size, unsigned columns, const struct progress *progress,
                     uint64_t elapsed_ns);

#endif
