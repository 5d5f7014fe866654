/*
 * A million addresses a second and more: what the lines of a place have in common is written
 * once (addrmap.h keeps it), names of symbols are made once, and numbers do not pass through
 * printf.
 */
#include "inspect/owner_stream.h"

#include "inspect/address.h"
#include "inspect/input.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/read/addrmap.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What the space looks like is looked at anew when it was that long ago. */
#define FRESH_NS UINT64_C(1000000000)

/* A line that is no address is shown up to here. */
#define SHOWN_MAX 80u

/* Answers are written by the piece. */
#define PIECE_SIZE ((size_t)64 << 10)

/* Room for a line of answer but for the name and what its place has in common. */
#define LINE_ROOM 512u

struct stream {
	struct session *session;
	struct input input;
	struct addrmap *map;
	uint64_t map_ns; /* when it was made */
	char *out;
	size_t used;
	size_t size;
	bool missing;
};

/* ---- Writing ------------------------------------------------------------- */

static void put(struct stream *s, const char *text, size_t len)
{
	memcpy(s->out + s->used, text, len);
	s->used += len;
}

static void put_text(struct stream *s, const char *text)
{
	put(s, text, strlen(text));
}

static void put_hex(struct stream *s, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";
	unsigned nibbles = value ? (67 - (unsigned)__builtin_clzll(value)) / 4 : 1;
	char *at = s->out + s->used;

	*at++ = '0';
	*at++ = 'x';
	for (unsigned shift = nibbles * 4; shift;) {
		shift -= 4;
		*at++ = digits[value >> shift & 15];
	}
	s->used += 2 + nibbles;
}

/* What is printable text already; in JSON its quotes and backslashes need one before them. */
static void put_string(struct stream *s, const char *text, size_t len)
{
	if (!memchr(text, '"', len) && !memchr(text, '\\', len)) {
		put(s, text, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			s->out[s->used++] = '\\';
		s->out[s->used++] = text[i];
	}
}

static int flush(struct stream *s, struct err *err)
{
	FILE *out = s->session->out;

	if (s->used && fwrite(s->out, 1, s->used, out) != s->used &&
	    !session_interrupted(s->session))
		return err_os(err, errno, "cannot write the answer");
	s->used = 0;
	return 0;
}

/* Sees to it that there is room for so many bytes. */
static int reserve(struct stream *s, size_t len, struct err *err)
{
	char *grown;

	if (s->size - s->used >= len)
		return 0;
	if (flush(s, err))
		return -1;
	if (s->size >= len)
		return 0;
	grown = realloc(s->out, len);
	if (!grown)
		return err_os(err, ENOMEM, "answer");
	s->out = grown;
	s->size = len;
	return 0;
}

/* ---- What a place has in common ------------------------------------------ */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static const struct reg_threadproc *who(const struct addrmap_place *place)
{
	return place->owner.tp ? place->owner.tp : place->mailbox_of;
}

/* "\t1\tallocstr\tlibc.so.6\t" */
static char *text_of(const struct addrmap_place *place)
{
	const struct reg_threadproc *tp = who(place);
	AUTO_FREE char *name =
		text_escape_dup(tp ? tp->abi.name : owner_kind_word(&place->owner, place->place));
	AUTO_FREE char *where =
		text_escape_dup(place->file ? base_name(place->file) : place_name(place->place));
	char id[16] = "-";
	char *text;

	if (!name || !where)
		return NULL;
	if (tp)
		snprintf(id, sizeof(id), "%" PRIu32, tp->abi.id);
	return asprintf(&text, "\t%s\t%s\t%s\t", id, name, where) < 0 ? NULL : text;
}

/* ", \"found\": true, ... \"file\": \"/usr/lib/libc.so.6\"" */
static char *json_of(const struct addrmap_place *place)
{
	const struct reg_threadproc *tp = who(place);
	json_t *json = json_pack("{s:b, s:s, s:o, s:o, s:s, s:o, s:o}", "found", place->found,
	                         "owner", owner_kind_word(&place->owner, place->place), "id",
	                         tp ? json_integer(tp->abi.id) : json_null(), "name",
	                         out_json_text(tp ? tp->abi.name : NULL), "place",
	                         place_name(place->place), "thread",
	                         place->tid ? json_integer(place->tid) : json_null(), "file",
	                         out_json_text(place->file));
	AUTO_FREE char *dumped = json ? json_dumps(json, JSON_PRESERVE_ORDER) : NULL;
	char *text;

	json_decref(json);
	if (!dumped)
		return NULL;
	dumped[strlen(dumped) - 1] = '\0';
	return asprintf(&text, ", %s", dumped + 1) < 0 ? NULL : text;
}

/* The place of an address, with its text. */
static struct addrmap_place *place_of(struct stream *s, uint64_t addr)
{
	struct addrmap_place *place = addrmap_find(s->map, addr);

	if (!place || place->text)
		return place;
	place->text = s->session->json ? json_of(place) : text_of(place);
	if (!place->text)
		return NULL;
	place->text_len = strlen(place->text);
	return place;
}

/* ---- One answer ---------------------------------------------------------- */

struct found {
	const char *name; /* of the symbol, else of the section; NULL: neither */
	size_t len;
	bool is_symbol;
	uint64_t offset;
};

static int look_up(const struct addrmap_place *place, uint64_t addr, struct found *ret_found)
{
	const struct symtab *table = symbols_table(place->symbols);
	uint64_t vaddr = addr - place->bias;
	uint32_t range = symtab_range(table, vaddr);
	const struct symtab_section *section;
	uint32_t owner;

	if (range != SYMTAB_NONE && table->owners[range] != SYMTAB_NONE) {
		owner = table->owners[range];
		ret_found->name = symbols_text(place->symbols, owner, &ret_found->len);
		ret_found->is_symbol = true;
		ret_found->offset = vaddr - table->symbols[owner].value;
		return ret_found->name ? 0 : -1;
	}
	section = symtab_section_at(table, vaddr);
	if (!section)
		return 0;
	ret_found->name = table->names + section->name;
	ret_found->len = strlen(ret_found->name);
	ret_found->offset = vaddr - section->addr;
	return 0;
}

/* Names of sections are raw, and rare where there are symbols. */
static void put_name(struct stream *s, const struct found *found)
{
	char escaped[TEXT_ESCAPED_SIZE(SHOWN_MAX)];
	size_t len = found->len < SHOWN_MAX ? found->len : SHOWN_MAX;

	if (found->is_symbol && !s->session->json) {
		put(s, found->name, found->len);
	} else if (found->is_symbol) {
		put_string(s, found->name, found->len);
	} else {
		len = text_escape(escaped, sizeof(escaped), found->name, len);
		put_string(s, escaped, len);
	}
}

static void put_text_answer(struct stream *s, const struct addrmap_place *place, uint64_t addr,
                            const struct found *found)
{
	put_hex(s, addr);
	put(s, place->text, place->text_len);
	if (found->name) {
		put_name(s, found);
		put(s, "+", 1);
		put_hex(s, found->offset);
	} else if (place->tid) {
		s->used += (size_t)snprintf(s->out + s->used, LINE_ROOM / 4, "thread %d",
		                            (int)place->tid);
	} else {
		put(s, "-", 1);
	}
	put(s, "\n", 1);
}

static void put_json_answer(struct stream *s, const struct addrmap_place *place, uint64_t addr,
                            const struct found *found)
{
	put_text(s, "{\"address\": \"");
	put_hex(s, addr);
	put(s, "\"", 1);
	put(s, place->text, place->text_len);
	if (found->name) {
		put_text(s, found->is_symbol ? ", \"symbol\": \"" : ", \"section\": \"");
		put_name(s, found);
		put_text(s, "\", \"offset\": \"");
		put_hex(s, found->offset);
		put(s, "\"", 1);
	}
	put(s, "}\n", 2);
}

static int answer(struct stream *s, uint64_t addr, struct err *err)
{
	const struct addrmap_place *place = place_of(s, addr);
	struct found found = {0};

	if (!place || (place->symbols && look_up(place, addr, &found)))
		return err_os(err, ENOMEM, "answer");
	/* in JSON a name may take twice its length */
	if (reserve(s, LINE_ROOM + place->text_len + 2 * found.len, err))
		return -1;
	s->missing |= !place->found;
	if (s->session->json)
		put_json_answer(s, place, addr, &found);
	else
		put_text_answer(s, place, addr, &found);
	return 0;
}

/* A line that is no address gets a line too, so that the others stay where they belong. */
static int refuse(struct stream *s, const char *line, size_t len, struct err *err)
{
	char escaped[TEXT_ESCAPED_SIZE(SHOWN_MAX)];

	len = text_escape(escaped, sizeof(escaped), line, len < SHOWN_MAX ? len : SHOWN_MAX);
	if (reserve(s, LINE_ROOM + 2 * len, err))
		return -1;
	s->missing = true;
	if (s->session->json) {
		put_text(s, "{\"address\": null, \"found\": false, \"input\": \"");
		put_string(s, escaped, len);
		put_text(s, "\", \"error\": \"no address\"}\n");
		return 0;
	}
	put(s, escaped, len);
	put_text(s, "\t-\t-\t-\tno address\n");
	return 0;
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

static int answer_line(struct stream *s, char *line, size_t len, struct err *err)
{
	uint64_t addr;

	if (address_parse_plain(line, len, &addr))
		return answer(s, addr, err);
	if (address_parse_bytes(line, len, &addr))
		return answer(s, addr, err);
	return refuse(s, line, len, err);
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
	return flush(s, err);
}

static int answer_all(struct stream *s, struct err *err)
{
	for (;;) {
		int ret = input_wait(&s->input, err);

		if (ret <= 0)
			return ret;
		if (answer_some(s, err))
			return -1;
		/* whoever waits for these answers before he asks on */
		fflush(s->session->out);
		if (session_interrupted(s->session))
			return session_stopped(err);
	}
}

int owner_stream(struct session *session, struct err *err)
{
	struct stream s = {.session = session};
	int ret;

	if (input_open(&s.input, session, err))
		return -1;
	ret = reserve(&s, PIECE_SIZE, err) ? -1 : answer_all(&s, err);
	if (ret && s.used)
		fwrite(s.out, 1, s.used, session->out);
	addrmap_destroy(s.map);
	input_close(&s.input);
	free(s.out);
	return ret ? ret : s.missing;
}
