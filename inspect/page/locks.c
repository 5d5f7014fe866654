/* Locks that are held or waited for, and threads that wait for each other. */
#include "inspect/page/parts.h"

#include "inspect/lock_words.h"
#include "inspect/markup.h"
#include "inspect/progress.h"

#include "lib/read/locks.h"

#include <inttypes.h>

/* Waiters of one lock that are named. */
#define WAITERS_MAX 20

static void write_thread(const struct page *page, const struct lock_thread *thread)
{
	if (thread->tp)
		html_who(page->out, thread->tp);
	else
		fputs("somebody who is gone", page->out);
	fprintf(page->out, " thread %d", (int)thread->tid);
}

static void write_kind(const struct page *page, struct html_table *table,
                       const struct lock_state *state)
{
	html_cell_begin(table, "");
	lock_words(page->out, state);
	html_cell_end(table);
}

static void write_owner(const struct page *page, struct html_table *table, const struct lock *lock)
{
	html_cell_begin(table, "");
	if (lock->state.readers)
		fprintf(page->out, "%" PRIu32 " reader%s", lock->state.readers,
		        lock->state.readers == 1 ? "" : "s");
	else if (lock->state.owner)
		write_thread(page, &lock->owner);
	html_cell_end(table);
}

static void write_waiters(const struct page *page, struct html_table *table,
                          const struct lock *lock)
{
	html_cell_begin(table, "");
	for (size_t i = 0; i < lock->waiter_count && i < WAITERS_MAX; i++) {
		fputs(i ? ", " : "", page->out);
		write_thread(page, &lock->waiters[i]);
	}
	if (lock->waiter_count > WAITERS_MAX)
		fprintf(page->out, " and %zu more", lock->waiter_count - WAITERS_MAX);
	html_cell_end(table);
}

static void write_locks(const struct page *page, const struct locks *locks)
{
	static const struct out_column columns[] = {
		{"Lock", false},    {"Kind", false},       {"State", false},
		{"Held by", false}, {"Awaited by", false},
	};
	struct html_table table;

	html_table_begin(&table, page->out, "Locks that are held or waited for", columns,
	                 sizeof(columns) / sizeof(columns[0]), PAGE_ROWS_MAX);
	for (size_t i = 0; i < locks->count; i++) {
		const struct lock *lock = &locks->list[i];

		if (!html_row(&table, 0))
			continue;
		page_address_cell(page, &table, lock->state.addr);
		write_kind(page, &table, &lock->state);
		html_cell_begin(&table, lock_is_bad(lock) ? "bad" : "");
		fputs(lock_state_name(lock), page->out);
		html_cell_end(&table);
		write_owner(page, &table, lock);
		write_waiters(page, &table, lock);
	}
	html_table_end(&table);
}

static void write_circle(const struct page *page, const struct locks *locks,
                         const struct lock_circle *circle)
{
	fprintf(page->out, "<h3 class=\"bad\">Deadlock of %zu thread%s</h3>\n<ul>\n", circle->count,
	        circle->count == 1 ? "" : "s");
	for (size_t i = 0; i < circle->count; i++) {
		fputs("<li>", page->out);
		write_thread(page, &circle->threads[i]);
		if (circle->locks[i] == SIZE_MAX)
			fputs(" waits for the end of ", page->out);
		else
			fprintf(page->out, " waits for <code>0x%" PRIx64 "</code>, held by ",
			        locks->list[circle->locks[i]].state.addr);
		write_thread(page, &circle->threads[(i + 1) % circle->count]);
		fputs("</li>\n", page->out);
	}
	fputs("</ul>\n", page->out);
}

static int step(void *context, uint64_t bytes, struct err *err)
{
	return progress_step(context, bytes) ? 0 : session_stopped(err);
}

static int read_locks(const struct page *page, struct locks *ret_locks, struct err *err)
{
	struct progress progress;
	const struct locks_options options = {true, step, &progress};
	int ret;

	progress_begin(&progress, page->session, "searching", PROGRESS_BYTES, 0);
	ret = locks_read(page->target, &options, ret_locks, err);
	progress_end(&progress);
	return ret;
}

int page_locks(const struct page *page, struct err *err)
{
	struct locks locks;

	if (read_locks(page, &locks, err))
		return page_cannot_tell(page, "What is locked", err);
	if (!locks.count && !locks.circle_count)
		html_paragraph(page->out, "dim", "No lock is known to be held or waited for.");
	else
		write_locks(page, &locks);
	for (size_t i = 0; i < locks.circle_count && i < PAGE_ROWS_MAX; i++)
		write_circle(page, &locks, &locks.circles[i]);
	locks_deinit(&locks);
	return 0;
}
