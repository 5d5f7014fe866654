#include "inspect/answer_lines.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Answers are written by the piece. */
#define PIECE_SIZE ((size_t)64 << 10)

/* A line that is no address is shown up to here. */
#define SHOWN_MAX 80u

/* Room for a line of answer but for the name and what its place has in common. */
#define LINE_ROOM 512u

/* ---- Writing ------------------------------------------------------------- */

static void put(struct answer_lines *s, const char *text, size_t len)
{
	memcpy(s->out + s->used, text, len);
	s->used += len;
}

static void put_text(struct answer_lines *s, const char *text)
{
	put(s, text, strlen(text));
}

static void put_hex(struct answer_lines *s, uint64_t value)
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
static void put_string(struct answer_lines *s, const char *text, size_t len)
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

int answer_lines_flush(struct answer_lines *s, struct err *err)
{
	if (s->used && fwrite(s->out, 1, s->used, s->session->out) != s->used &&
	    !session_interrupted(s->session))
		return err_os(err, errno, "cannot write the answer");
	s->used = 0;
	return 0;
}

/* Sees to it that there is room for so many bytes. */
static int reserve(struct answer_lines *s, size_t len, struct err *err)
{
	char *grown;

	if (s->size - s->used >= len)
		return 0;
	if (answer_lines_flush(s, err))
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

int answer_lines_open(struct answer_lines *s, struct session *session, struct err *err)
{
	*s = (struct answer_lines){.session = session};
	return reserve(s, PIECE_SIZE, err);
}

void answer_lines_close(struct answer_lines *s)
{
	free(s->out);
	*s = (struct answer_lines){0};
}

/* ---- What a place has in common ------------------------------------------ */

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
	AUTO_FREE char *where = text_escape_dup(place->file ? text_base_name(place->file)
	                                                    : place_name(place->place));
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

int answer_lines_prepare(const struct answer_lines *s, struct addrmap_place *place, struct err *err)
{
	if (place->text)
		return 0;
	place->text = s->session->json ? json_of(place) : text_of(place);
	if (!place->text)
		return err_os(err, ENOMEM, "answer");
	place->text_len = strlen(place->text);
	return 0;
}

/* ---- One answer ---------------------------------------------------------- */

static void put_text_answer(struct answer_lines *s, const struct answer *a)
{
	put_hex(s, a->addr);
	put(s, a->place->text, a->place->text_len);
	if (a->name) {
		put(s, a->name, a->len);
		put(s, "+", 1);
		put_hex(s, a->offset);
	} else if (a->place->tid) {
		s->used += (size_t)snprintf(s->out + s->used, LINE_ROOM / 4, "thread %d",
		                            (int)a->place->tid);
	} else {
		put(s, "-", 1);
	}
	put(s, "\n", 1);
}

static void put_json_answer(struct answer_lines *s, const struct answer *a)
{
	put_text(s, "{\"address\": \"");
	put_hex(s, a->addr);
	put(s, "\"", 1);
	put(s, a->place->text, a->place->text_len);
	if (a->name) {
		put_text(s, a->is_symbol ? ", \"symbol\": \"" : ", \"section\": \"");
		put_string(s, a->name, a->len);
		put_text(s, "\", \"offset\": \"");
		put_hex(s, a->offset);
		put(s, "\"", 1);
	}
	put(s, "}\n", 2);
}

int answer_lines_add(struct answer_lines *s, const struct answer *answer, struct err *err)
{
	/* in JSON a name may take twice its length */
	if (reserve(s, LINE_ROOM + answer->place->text_len + 2 * answer->len, err))
		return -1;
	if (s->session->json)
		put_json_answer(s, answer);
	else
		put_text_answer(s, answer);
	return 0;
}

/* A line of its own, so that the others stay where they belong. */
int answer_lines_refuse(struct answer_lines *s, const char *input, size_t len, struct err *err)
{
	char escaped[TEXT_ESCAPED_SIZE(SHOWN_MAX)];

	len = text_escape(escaped, sizeof(escaped), input, len < SHOWN_MAX ? len : SHOWN_MAX);
	if (reserve(s, LINE_ROOM + 2 * len, err))
		return -1;
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
