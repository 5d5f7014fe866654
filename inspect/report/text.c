/*
 * A report as text, from its document alone.  That may come from a file: whatever is missing or
 * of another kind is left out, and all text is made fit for a terminal.
 */
#include "inspect/report/report.h"

#include "inspect/show.h"

#include <inttypes.h>
#include <string.h>

/* Of the short form. */
#define FRAMES_SHORT 8
#define SUSPECTS_SHORT 4
/* Frames that are the same are shown so often. */
#define REPEATED_MAX 3
#define WIDTH_REGISTER 8

struct page {
	FILE *out;
	bool colour;
	enum report_depth depth;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* A member that report_build escaped; a file's is not believed to be. */
static void put(const struct page *page, const json_t *object, const char *key)
{
	for (const char *c = text_of(object, key); *c; c++)
		fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, page->out);
}

static intmax_t number_of(const json_t *object, const char *key)
{
	return (intmax_t)json_integer_value(json_object_get(object, key));
}

static void put_who(const struct page *page, const json_t *who)
{
	fputs(out_style(page->colour, OUT_BOLD), page->out);
	put(page, who, "name");
	fprintf(page->out, "%s (%" PRIdMAX ")", out_style(page->colour, OUT_PLAIN),
	        number_of(who, "id"));
}

static void heading(const struct page *page, const char *text)
{
	fprintf(page->out, "\n%s%s%s\n", out_style(page->colour, OUT_CYAN), text,
	        out_style(page->colour, OUT_PLAIN));
}

static bool is_empty(const json_t *report, const char *key)
{
	return !json_array_size(json_object_get(report, key));
}

/* ---- Sections -------------------------------------------------------------------------------- */

static void print_head(const struct page *page, const json_t *report)
{
	const json_t *who = json_object_get(report, "threadproc");

	put_who(page, who);
	fputc(' ', page->out);
	fputs(out_style(page->colour, OUT_RED), page->out);
	put(page, report, "what");
	fprintf(page->out, "%s\n", out_style(page->colour, OUT_PLAIN));
	if (page->depth == REPORT_SHORT)
		return;
	fputs("  ", page->out);
	if (json_object_get(report, "signal")) {
		put(page, report, "signal");
		fputs(" in ", page->out);
	}
	if (number_of(report, "tid"))
		fprintf(page->out, "thread %" PRIdMAX, number_of(report, "tid"));
	if (number_of(report, "tid") && number_of(report, "tid") != number_of(who, "pid"))
		fputs(" of ", page->out);
	if (number_of(report, "tid") != number_of(who, "pid"))
		fprintf(page->out, "process %" PRIdMAX, number_of(who, "pid"));
	fputs(", space ", page->out);
	put(page, report, "space");
	fputs(", ", page->out);
	put(page, report, "time");
	fputc('\n', page->out);
	if (json_is_false(json_object_get(report, "complete")))
		fputs("  the thread died while it wrote its record: what follows may be wrong\n",
		      page->out);
}

static void print_place(const struct page *page, const char *label, const json_t *place)
{
	if (!json_is_object(place))
		return;
	fprintf(page->out, "  %-*.*s ", WIDTH_REGISTER, WIDTH_REGISTER, label);
	fprintf(page->out, "%-18s  ", text_of(place, "address"));
	put(page, place, "brief");
	fputc('\n', page->out);
}

static void print_registers(const struct page *page, const json_t *report)
{
	const json_t *list = json_object_get(report, "pointers");
	json_t *place;
	size_t i;

	if (!json_is_object(json_object_get(report, "address")) && is_empty(report, "pointers"))
		return;
	heading(page, "addresses");
	print_place(page, "fault", json_object_get(report, "address"));
	json_array_foreach((json_t *)list, i, place)
		print_place(page, text_of(place, "register"), place);
}

static void put_code(const struct page *page, const json_t *frame)
{
	const json_t *symbol = json_object_get(frame, "symbol");
	const json_t *source = json_object_get(frame, "source");
	const char *file = text_of(frame, "file"), *slash = strrchr(file, '/');

	if (json_is_object(symbol)) {
		put(page, symbol, "name");
		fputc('+', page->out);
		put(page, symbol, "offset");
	} else {
		fputs("??", page->out);
	}
	if (json_is_object(source)) {
		fputs(" (", page->out);
		put(page, source, "file");
		fprintf(page->out, ":%" PRIdMAX ")", number_of(source, "line"));
	} else if (*file) {
		fprintf(page->out, "  %s", slash ? slash + 1 : file);
	}
}

/* Whose code it is, when it is another one's. */
static void put_foreign(const struct page *page, const json_t *frame, const json_t *who)
{
	const json_t *owner = json_object_get(frame, "threadproc");

	if (json_is_true(json_object_get(frame, "toolkit"))) {
		fputs("  [tproc]", page->out);
	} else if (json_is_object(owner) && number_of(owner, "id") != number_of(who, "id")) {
		fprintf(page->out, "  %s[", out_style(page->colour, OUT_YELLOW));
		put(page, owner, "name");
		fprintf(page->out, " (%" PRIdMAX ")]%s", number_of(owner, "id"),
		        out_style(page->colour, OUT_PLAIN));
	}
}

static void print_frame(const struct page *page, size_t number, const json_t *frame,
                        const json_t *who)
{
	if (json_is_true(json_object_get(frame, "signal_trampoline"))) {
		fprintf(page->out, "  #%-2zu <signal handler called>\n", number);
		return;
	}
	fprintf(page->out, "  #%-2zu ", number);
	if (page->depth == REPORT_FULL)
		fprintf(page->out, "%-14s  ", text_of(frame, "pc"));
	put_code(page, frame);
	put_foreign(page, frame, who);
	if (json_is_true(json_object_get(frame, "guessed")))
		fputs("  (a guess)", page->out);
	fputc('\n', page->out);
}

/* How many frames from i on are of the same function and place: a recursion. */
static size_t repeated(const json_t *frames, size_t i)
{
	const json_t *first = json_array_get(frames, i);
	size_t count = 1;

	while (json_equal((json_t *)first, (json_t *)json_array_get(frames, i + count)))
		count++;
	return count;
}

static void print_frames(const struct page *page, const json_t *frames, const json_t *who)
{
	size_t shown = 0, i = 0, count = json_array_size(frames);

	while (i < count && (page->depth == REPORT_FULL || shown < FRAMES_SHORT)) {
		size_t same = repeated(frames, i);

		print_frame(page, i, json_array_get(frames, i), who);
		shown++;
		if (same > REPEATED_MAX)
			fprintf(page->out, "      the same %zu times more\n", same - 1);
		i += same > REPEATED_MAX ? same : 1;
	}
	if (i < count)
		fputs("  ... and more frames\n", page->out);
}

static void print_thread(const struct page *page, const json_t *thread, const json_t *who)
{
	print_frames(page, json_object_get(thread, "frames"), who);
	if (page->depth == REPORT_SHORT)
		return;
	if (json_is_true(json_object_get(thread, "cut")))
		fputs("  ... and more frames\n", page->out);
	if (*text_of(thread, "problem"))
		fprintf(page->out, "  ends here: %s\n", text_of(thread, "problem"));
	if (*text_of(thread, "error"))
		fprintf(page->out, "  %s\n", text_of(thread, "error"));
}

static void print_threads(const struct page *page, const json_t *report)
{
	const json_t *threads = json_object_get(report, "threads");
	json_t *thread;
	size_t i;

	json_array_foreach((json_t *)threads, i, thread)
	{
		if (page->depth == REPORT_FULL) {
			fprintf(page->out, "\n%sthread %" PRIdMAX "%s%s\n",
			        out_style(page->colour, OUT_CYAN), number_of(thread, "tid"),
			        json_is_true(json_object_get(thread, "crashed")) ? ", which crashed"
			                                                         : "",
			        out_style(page->colour, OUT_PLAIN));
		}
		print_thread(page, thread, json_object_get(report, "threadproc"));
		if (page->depth == REPORT_SHORT)
			return;
	}
}

static void print_locked_at(const struct page *page, const json_t *where)
{
	if (!json_is_object(where))
		return;
	fputs(", locked at ", page->out);
	put(page, where, "file");
	fprintf(page->out, ":%" PRIdMAX, number_of(where, "line"));
}

static void print_protected(const struct page *page, const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach((json_t *)names, i, name)
	{
		fputs(i ? ", " : ", protects ", page->out);
		put(page, name, "name");
	}
}

static void print_locks(const struct page *page, const json_t *report)
{
	json_t *lock;
	size_t i;

	if (is_empty(report, "locks"))
		return;
	heading(page, "locks it held");
	json_array_foreach(json_object_get(report, "locks"), i, lock)
	{
		fprintf(page->out, "  %s%s %s, ",
		        json_is_true(json_object_get(lock, "robust")) ? "robust " : "",
		        text_of(lock, "type"), text_of(lock, "address"));
		put(page, lock, "what");
		fprintf(page->out, ", by thread %" PRIdMAX, number_of(lock, "tid"));
		print_locked_at(page, json_object_get(lock, "locked_at"));
		print_protected(page, json_object_get(lock, "protects"));
		fputc('\n', page->out);
	}
}

/* As far as that is known: it may have been woken in between. */
static void print_wait_time(const struct page *page, const json_t *waiter)
{
	const json_t *ns = json_object_get(waiter, "waiting_ns");
	char text[SHOW_TEXT_SIZE];

	if (json_is_integer(ns) && json_integer_value(ns) > 0)
		fprintf(page->out, ", for %s",
		        show_seconds((uint64_t)json_integer_value(ns), text));
}

static void print_waiters(const struct page *page, const json_t *report)
{
	json_t *waiter;
	size_t i;

	if (is_empty(report, "waiters"))
		return;
	heading(page, "who waits for it");
	json_array_foreach(json_object_get(report, "waiters"), i, waiter)
	{
		fputs("  ", page->out);
		put_who(page, json_object_get(waiter, "threadproc"));
		fprintf(page->out, " thread %" PRIdMAX " at %s, ", number_of(waiter, "tid"),
		        text_of(waiter, "address"));
		put(page, waiter, "what");
		if (json_is_true(json_object_get(waiter, "held_by_it")))
			fputs(": a lock that it held", page->out);
		print_wait_time(page, waiter);
		fputc('\n', page->out);
	}
}

static void print_names(const struct page *page, const json_t *report)
{
	json_t *name;
	size_t i;

	if (is_empty(report, "names"))
		return;
	heading(page, "named pointers it published");
	json_array_foreach(json_object_get(report, "names"), i, name)
	{
		fputs("  ", page->out);
		put(page, name, "name");
		fprintf(page->out, "  %s, %" PRIdMAX " bytes  ", text_of(name, "address"),
		        number_of(name, "size"));
		put(page, name, "type");
		fputc('\n', page->out);
	}
}

static void print_descriptors(const struct page *page, const json_t *report)
{
	json_t *fd, *other;
	size_t i, j;

	if (is_empty(report, "descriptors"))
		return;
	heading(page, "descriptors it shared");
	json_array_foreach(json_object_get(report, "descriptors"), i, fd)
	{
		fprintf(page->out, "  %" PRIdMAX " ", number_of(fd, "fd"));
		put(page, fd, "target");
		fputs(" with", page->out);
		json_array_foreach(json_object_get(fd, "shared_with"), j, other)
		{
			fputs(j ? ", " : " ", page->out);
			put_who(page, json_object_get(other, "threadproc"));
			fprintf(page->out, " as %" PRIdMAX, number_of(other, "fd"));
		}
		fputc('\n', page->out);
	}
}

static void print_pointers(const struct page *page, const json_t *report)
{
	json_t *pointing, *holder;
	size_t i, j;

	if (is_empty(report, "pointed_to_by"))
		return;
	heading(page, "who points into its memory");
	json_array_foreach(json_object_get(report, "pointed_to_by"), i, pointing)
	{
		intmax_t words = number_of(pointing, "words");

		fputs("  ", page->out);
		put_who(page, json_object_get(pointing, "threadproc"));
		fprintf(page->out, ": %" PRIdMAX " word%s\n", words, words == 1 ? "" : "s");
		json_array_foreach(json_object_get(pointing, "holders"), j, holder)
		{
			fprintf(page->out, "    %" PRIdMAX " in %s %s, ",
			        number_of(holder, "words"), text_of(holder, "kind"),
			        text_of(holder, "address"));
			put(page, holder, "text");
			fputc('\n', page->out);
		}
	}
}

static void print_suspect(const struct page *page, const json_t *suspect)
{
	json_t *why;
	size_t i;

	fputs(page->depth == REPORT_SHORT ? "  suspect: " : "  ", page->out);
	put_who(page, json_object_get(suspect, "threadproc"));
	json_array_foreach(json_object_get(suspect, "why"), i, why)
		fprintf(page->out, "%s%s", i ? "; " : ": ",
	                json_is_string(why) ? json_string_value(why) : "");
	fputc('\n', page->out);
}

static void print_suspects(const struct page *page, const json_t *report)
{
	const json_t *list = json_object_get(report, "suspects");
	json_t *suspect;
	size_t i;

	if (is_empty(report, "suspects"))
		return;
	if (page->depth == REPORT_FULL)
		heading(page, "suspect");
	json_array_foreach((json_t *)list, i, suspect)
	{
		if (page->depth == REPORT_SHORT && i == SUSPECTS_SHORT) {
			fprintf(page->out, "  and %zu more\n", json_array_size(list) - i);
			break;
		}
		print_suspect(page, suspect);
	}
}

/* ------------------------------------------------------------------------------------------------
 */

const char *report_words(const json_t *report)
{
	return text_of(report, "what");
}

void report_print(FILE *out, bool colour, const json_t *report, enum report_depth depth)
{
	const struct page page = {out, colour, depth};

	print_head(&page, report);
	if (!json_object_get(report, "signal"))
		return;
	if (depth == REPORT_FULL)
		print_registers(&page, report);
	print_threads(&page, report);
	if (depth == REPORT_FULL) {
		print_locks(&page, report);
		print_waiters(&page, report);
		print_names(&page, report);
		print_descriptors(&page, report);
		print_pointers(&page, report);
	}
	print_suspects(&page, report);
}
