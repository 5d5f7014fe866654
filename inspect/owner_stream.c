/*
 * Millions of addresses a second: what the lines of a place have in common is made once
 * (addrmap.h keeps it), so are names, and addresses are looked up by the batch, so that the
 * memory of one look-up arrives while others are made.
 */
#include "inspect/owner_stream.h"

#include "inspect/address.h"
#include "inspect/answer_lines.h"
#include "inspect/input.h"
#include "inspect/progress.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the space looks like is looked at anew when it was that long ago. */
#define FRESH_NS UINT64_C(1000000000)

#define BATCH 64u

struct stream {
	struct session *session;
	struct input input;
	struct answer_lines lines;
	struct progress progress;
	struct addrmap *map;
	uint64_t map_ns; /* when it was made */
	bool missing;
	/* Addresses that wait for their look-up, in the order of the answers. */
	struct answer batch[BATCH];
	uint32_t owners[BATCH]; /* symbols; SYMTAB_NONE for none */
	size_t count;
};

/* ---- A batch ------------------------------------------------------------- */

static const struct symtab *table_of(const struct answer *a)
{
	return a->place->symbols ? symbols_table(a->place->symbols) : NULL;
}

static void find_ranges(struct stream *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct answer *a = &s->batch[i];
		const struct symtab *table = table_of(a);

		if (table)
			symtab_prefetch_range(table, a->addr - a->place->bias);
	}
	for (size_t i = 0; i < s->count; i++) {
		const struct answer *a = &s->batch[i];
		const struct symtab *table = table_of(a);
		uint32_t range = SYMTAB_NONE;

		if (table)
			range = symtab_range(table, a->addr - a->place->bias);
		s->owners[i] = range == SYMTAB_NONE ? SYMTAB_NONE : table->owners[range];
		if (s->owners[i] == SYMTAB_NONE)
			continue;
		__builtin_prefetch(&table->symbols[s->owners[i]]);
		symbols_prefetch_text(a->place->symbols, s->owners[i]);
	}
}

static int name(struct answer *a, uint32_t owner)
{
	const struct symtab *table = table_of(a);
	uint64_t vaddr = a->addr - a->place->bias;
	const struct symtab_section *section;

	if (!table)
		return 0;
	if (owner != SYMTAB_NONE) {
		a->is_symbol = true;
		a->name = symbols_text(a->place->symbols, owner, &a->len);
		a->offset = vaddr - table->symbols[owner].value;
		return a->name ? 0 : -1;
	}
	section = symtab_section_at(table, vaddr);
	if (!section)
		return 0;
	a->name = symbols_section_text(a->place->symbols, (uint32_t)(section - table->sections),
	                               &a->len);
	a->offset = vaddr - section->addr;
	return a->name ? 0 : -1;
}

static int answer_batch(struct stream *s, struct err *err)
{
	find_ranges(s);
	for (size_t i = 0; i < s->count; i++) {
		struct answer *a = &s->batch[i];

		if (name(a, s->owners[i]))
			return err_os(err, ENOMEM, "answer");
		if (answer_lines_add(&s->lines, a, err))
			return -1;
	}
	s->count = 0;
	return 0;
}

static int add(struct stream *s, uint64_t addr, struct err *err)
{
	struct addrmap_place *place = addrmap_find(s->map, addr);
	struct answer *a;

	if (!place)
		return err_os(err, ENOMEM, "answer");
	if (answer_lines_prepare(&s->lines, place, err))
		return -1;
	s->missing |= !place->found;
	a = &s->batch[s->count++];
	*a = (struct answer){.place = place, .addr = addr};
	if (place->symbols)
		symtab_prefetch(symbols_table(place->symbols), addr - place->bias);
	return s->count == BATCH ? answer_batch(s, err) : 0;
}

/* ---- All of them --------------------------------------------------------- */

/* The space as it is now, unless it was looked at a moment ago. */
static int look_anew(struct stream *s, struct err *err)
{
	uint64_t now = session_clock(s->session);

	if (s->map && now - s->map_ns < FRESH_NS)
		return 0;
	if (s->map && session_refresh(s->session, err))
		return -1;
	addrmap_destroy(s->map);
	s->map = NULL;
	s->map_ns = now;
	return addrmap_create(session_target(s->session), &s->map, err);
}

static int answer_line(struct stream *s, const char *line, size_t len, struct err *err)
{
	uint64_t addr;

	if (address_parse_plain(line, len, &addr) || address_parse_bytes(line, len, &addr))
		return add(s, addr, err);
	s->missing = true;
	if (answer_batch(s, err))
		return -1;
	return answer_lines_refuse(&s->lines, line, len, err);
}

/* Answers what has been read so far. */
static int answer_some(struct stream *s, struct err *err)
{
	char *line;
	size_t len;

	if (look_anew(s, err))
		return -1;
	while (input_line(&s->input, &line, &len)) {
		if (len && answer_line(s, line, len, err))
			return -1;
	}
	return answer_batch(s, err) || answer_lines_flush(&s->lines, err) ? -1 : 0;
}

/* How much there is to read; 0: not known. */
static uint64_t bytes_to_come(int fd)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (at < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < at)
		return 0;
	return (uint64_t)(st.st_size - at);
}

/* Unless addresses are typed there, or answers are shown there. */
static bool has_screen_to_itself(const struct stream *s)
{
	int out = fileno(s->session->out);

	return s->input.fd >= 0 && !isatty(s->input.fd) && out >= 0 && !isatty(out);
}

static int answer_all(struct stream *s, struct err *err)
{
	bool shows = has_screen_to_itself(s);

	if (shows)
		progress_begin(&s->progress, s->session, "reading addresses", PROGRESS_BYTES,
		               bytes_to_come(s->input.fd));
	for (;;) {
		int ret = input_wait(&s->input, err);
		size_t len = s->input.usable;

		if (ret <= 0)
			return ret;
		if (answer_some(s, err))
			return -1;
		/* whoever waits for these answers before he asks on */
		fflush(s->session->out);
		if (shows)
			progress_step(&s->progress, len);
		if (session_interrupted(s->session))
			return session_stopped(err);
	}
}

int owner_stream(struct session *session, struct err *err)
{
	struct stream s = {.session = session};
	struct err ignored;
	int ret;

	if (input_open(&s.input, session, err))
		return -1;
	ret = answer_lines_open(&s.lines, session, err) ? -1 : answer_all(&s, err);
	progress_end(&s.progress);
	if (ret)
		answer_lines_flush(&s.lines, &ignored);
	answer_lines_close(&s.lines);
	addrmap_destroy(s.map);
	input_close(&s.input);
	return ret ? ret : s.missing;
}
