#include "inspect/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define INDENT 2

struct writer {
	FILE *out; /* NULL: only counts */
	bool colour;
	size_t columns; /* 0: no lines */
	size_t used;    /* of the line */
	size_t most;    /* counting ends behind it */
	unsigned indent;
};

static void put(struct writer *w, const char *text)
{
	if (w->out)
		fputs(text, w->out);
	/* characters, not bytes */
	for (; *text; text++)
		w->used += ((unsigned char)*text & 0xc0) != 0x80;
}

static void put_styled(struct writer *w, enum out_style style, const char *text)
{
	if (w->out)
		fputs(out_style(w->colour, style), w->out);
	put(w, text);
	if (w->out)
		fputs(out_style(w->colour, OUT_PLAIN), w->out);
}

static bool is_full(const struct writer *w)
{
	return !w->out && w->used > w->most;
}

static void new_line(struct writer *w)
{
	fprintf(w->out, "\n%*s", (int)w->indent, "");
	w->used = w->indent;
}

static void put_value(struct writer *w, const struct shown *shown);

/* ---- One line ------------------------------------------------------------ */

static void put_name(struct writer *w, const struct shown *shown)
{
	if (!shown->name)
		return;
	if (shown->is_base)
		put(w, "<");
	put_styled(w, OUT_CYAN, shown->name);
	put(w, shown->is_base ? "> = " : " = ");
}

static void put_repeats(struct writer *w, const struct shown *shown)
{
	char text[48];

	if (shown->repeats < 2)
		return;
	snprintf(text, sizeof(text), " <repeats %" PRIu64 " times>", shown->repeats);
	put(w, text);
}

static void put_part(struct writer *w, const struct shown *shown)
{
	put_name(w, shown);
	put_value(w, shown);
	put_repeats(w, shown);
}

/* "key] = value"; returns the value. */
static const struct shown *put_entry(struct writer *w, const struct shown *key)
{
	put(w, "[");
	put_value(w, key);
	put(w, "] = ");
	if (key->next)
		put_value(w, key->next);
	return key->next;
}

static void put_flat(struct writer *w, const struct shown *shown)
{
	put(w, "{");
	for (const struct shown *part = shown->parts; part && !is_full(w); part = part->next) {
		if (part != shown->parts)
			put(w, ", ");
		if (shown->kind != SHOWN_MAP)
			put_part(w, part);
		else if (!(part = put_entry(w, part)))
			break;
	}
	if (shown->is_cut)
		put(w, shown->parts ? "..." : "<...>");
	else if (!shown->parts)
		put(w, shown->kind == SHOWN_RECORD ? "<No data fields>" : "");
	put(w, "}");
}

/* ---- Several lines ------------------------------------------------------- */

/* Whether it fits the rest of the line, with a comma. */
static bool fits(const struct writer *w, const struct shown *shown)
{
	struct writer count = {.most = w->columns > w->used ? w->columns - w->used : 0};

	put_flat(&count, shown);
	return count.used < count.most;
}

static size_t width_of(const struct shown *part)
{
	struct writer count = {.most = SIZE_MAX};

	put_part(&count, part);
	return count.used;
}

static bool is_plain_sequence(const struct shown *shown)
{
	if (shown->kind != SHOWN_SEQUENCE)
		return false;
	for (const struct shown *part = shown->parts; part; part = part->next) {
		if (part->kind != SHOWN_SCALAR || part->owner)
			return false;
	}
	return true;
}

/* As many numbers in a line as fit. */
static void put_filled(struct writer *w, const struct shown *shown)
{
	for (const struct shown *part = shown->parts; part; part = part->next) {
		if (part != shown->parts) {
			put(w, ",");
			if (w->used + width_of(part) + 2 > w->columns)
				new_line(w);
			else
				put(w, " ");
		}
		put_part(w, part);
	}
}

static void put_each(struct writer *w, const struct shown *shown)
{
	for (const struct shown *part = shown->parts; part; part = part->next) {
		if (part != shown->parts) {
			put(w, ",");
			new_line(w);
		}
		if (shown->kind != SHOWN_MAP)
			put_part(w, part);
		else if (!(part = put_entry(w, part)))
			break;
	}
}

static void put_lines(struct writer *w, const struct shown *shown)
{
	put(w, "{");
	w->indent += INDENT;
	new_line(w);
	if (is_plain_sequence(shown))
		put_filled(w, shown);
	else
		put_each(w, shown);
	if (shown->is_cut)
		put(w, "...");
	w->indent -= INDENT;
	new_line(w);
	put(w, "}");
}

/* -------------------------------------------------------------------------- */

static void put_parts(struct writer *w, const struct shown *shown)
{
	if (!w->columns || !w->out || !shown->parts || fits(w, shown))
		put_flat(w, shown);
	else
		put_lines(w, shown);
}

static void put_owner(struct writer *w, const struct shown *shown)
{
	if (!shown->owner)
		return;
	put(w, " ");
	if (w->out)
		fputs(out_style(w->colour, OUT_DIM), w->out);
	put(w, "[");
	put(w, shown->owner);
	put(w, "]");
	if (w->out)
		fputs(out_style(w->colour, OUT_PLAIN), w->out);
}

static void put_head(struct writer *w, const struct shown *shown, bool more)
{
	if (shown->real) {
		put(w, "(");
		put_styled(w, OUT_GREEN, shown->real);
		put(w, ") ");
	}
	if (!shown->head)
		return;
	put(w, shown->head);
	if (more)
		put(w, shown->is_reference ? ": " : " = ");
}

static void put_value(struct writer *w, const struct shown *shown)
{
	bool scalar = shown->kind == SHOWN_SCALAR;
	bool more = scalar ? shown->text != NULL : !shown->head || shown->parts || shown->is_cut;

	put_head(w, shown, more);
	if (!more)
		return;
	if (!scalar) {
		put_parts(w, shown);
		return;
	}
	if (shown->is_error)
		put_styled(w, OUT_RED, shown->text);
	else
		put(w, shown->text);
	put_owner(w, shown);
}

void print_text(FILE *out, bool colour, unsigned columns, const struct shown *shown)
{
	struct writer w = {.out = out, .colour = colour, .columns = columns};

	put_part(&w, shown);
	fputc('\n', out);
}
