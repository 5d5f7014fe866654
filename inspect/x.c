/* x: memory as GDB's x shows it, with its owners. */
#include "inspect/address.h"
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/line.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/read/disassemble.h"
#include "lib/read/examine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct x {
	struct session *session;
	const struct target *target;
	struct examine_format format; /* with a count that is positive */
	bool bare;
	uint64_t next;       /* the element that comes next */
	struct identity *id; /* of what was asked about last */
	uint64_t area_lo;    /* the mapping that was told last */
	uint64_t area_hi;
	json_t *items; /* with --json */
};

/* ---- Names ------------------------------------------------------------------- */

static const struct identity *identify_at(struct x *x, uint64_t addr)
{
	if (x->id->addr != addr || !x->id->mapped)
		identify(x->target, addr, x->id);
	return x->id;
}

/* " <main+4>", as GDB has it: the symbol's own name and a decimal offset. */
static void put_symbol(FILE *out, const struct identity *id)
{
	if (!id->symbol.name)
		return;
	fputs(" <", out);
	out_text(out, id->symbol.name);
	if (id->vaddr != id->symbol.value)
		fprintf(out, "+%" PRIu64, id->vaddr - id->symbol.value);
	fputc('>', out);
}

static void put_address(struct x *x, FILE *out, uint64_t addr)
{
	fprintf(out, "0x%" PRIx64, addr);
	put_symbol(out, identify_at(x, addr));
}

/* For the disassembler. */
static void name_address(void *context, uint64_t addr, char *dst, size_t size)
{
	FILE *out = fmemopen(dst, size, "w");

	if (!out)
		return;
	put_address(context, out, addr);
	fclose(out);
}

/* ---- Elements ------------------------------------------------------------------ */

static int unreadable(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "cannot access memory at address 0x%" PRIx64, addr);
}

static int put_instruction(struct x *x, FILE *out, struct err *err)
{
	char text[DISASSEMBLE_TEXT_SIZE];
	int len;

	if (!x->target->mem)
		return unreadable(x->next, err);
	len = disassemble(x->target->mem, x->next, name_address, x, text, err);
	if (len < 0)
		return unreadable(x->next, err);
	fputs(text, out);
	x->next += (uint64_t)len;
	return 0;
}

static int put_number(struct x *x, FILE *out, uint64_t *ret_pointer, struct err *err)
{
	unsigned size = examine_size(&x->format);
	uint8_t bytes[8];

	if (!x->target->mem || mem_read(x->target->mem, x->next, bytes, size, err))
		return unreadable(x->next, err);
	if (x->format.letter == 'a') {
		*ret_pointer = examine_address(&x->format, bytes);
		put_address(x, out, *ret_pointer);
	} else {
		examine_scalar(out, &x->format, bytes);
	}
	x->next += size;
	return 0;
}

static int put_string(struct x *x, FILE *out, struct err *err)
{
	unsigned width = examine_size(&x->format);

	if (!x->target->mem)
		return unreadable(x->next, err);
	x->next += examine_string(out, x->target->mem, x->next, width) * width;
	return 0;
}

/* Writes the element at x->next, and goes on to the one behind it. */
static int put_element(struct x *x, FILE *out, uint64_t *ret_pointer, struct err *err)
{
	if (x->format.letter == 'i')
		return put_instruction(x, out, err);
	if (x->format.letter == 's')
		return put_string(x, out, err);
	return put_number(x, out, ret_pointer, err);
}

/* ---- Backwards ------------------------------------------------------------------ */

/* Where the count instructions before addr begin, decoded from where a symbol begins. */
static int instructions_before(struct x *x, uint64_t addr, size_t count, uint64_t *ret_start,
                               size_t *ret_count, struct err *err)
{
	const uint64_t symbol_max = UINT64_C(1) << 20;
	const struct identity *id = identify_at(x, addr - 1);
	AUTO_FREE uint64_t *starts = calloc(count, sizeof(*starts));
	char text[DISASSEMBLE_TEXT_SIZE];
	uint64_t at, begin;
	size_t seen = 0;

	if (!starts)
		return err_os(err, ENOMEM, "instructions");
	if (!addr || !id->symbol.name || id->vaddr - id->symbol.value > symbol_max)
		return err_set(err, ERR_NOT_FOUND,
		               "no symbol tells where the instructions before 0x%" PRIx64 " begin",
		               addr);
	begin = addr - 1 - (id->vaddr - id->symbol.value);
	for (at = begin; at < addr; seen++) {
		int len = disassemble(x->target->mem, at, NULL, NULL, text, err);

		if (len < 0)
			return unreadable(at, err);
		starts[seen % count] = at;
		at += (uint64_t)len;
	}
	*ret_count = seen < count ? seen : count;
	*ret_start = starts[(seen - *ret_count) % count];
	return 0;
}

static int go_back(struct x *x, uint64_t *ret_rewound, struct err *err)
{
	unsigned size = examine_size(&x->format);
	size_t count = (size_t)x->format.count, found = count;
	uint64_t start = x->next - count * size;

	if (!x->target->mem)
		return unreadable(x->next, err);
	if (x->format.letter == 's')
		start = examine_strings_before(x->target->mem, x->next, count, size, &found);
	else if (x->format.letter == 'i' &&
	         instructions_before(x, x->next, count, &start, &found, err))
		return -1;
	x->next = start;
	x->format.count = (int64_t)found;
	/* GDB steps over the end of the string before, so that one can go on backwards */
	*ret_rewound = x->format.letter == 's' ? start - size : start;
	return 0;
}

/* ---- Text ------------------------------------------------------------------------ */

/* Whose memory comes now, when it is another mapping than before. */
static void put_area(struct x *x)
{
	const struct identity *id;
	FILE *out = x->session->out;

	if (x->bare || (x->next >= x->area_lo && x->next < x->area_hi))
		return;
	id = identify_at(x, x->next);
	if (!id->mapped)
		return;
	x->area_lo = id->mapping.lo;
	x->area_hi = id->mapping.hi;
	fprintf(out, "%s# ", out_style(x->session->colour, OUT_DIM));
	brief_area(out, id);
	fprintf(out, "%s\n", out_style(x->session->colour, OUT_PLAIN));
}

/* Whose the pointers of a line are. */
static void put_owners(struct x *x, const uint64_t *pointers, unsigned count)
{
	FILE *out = x->session->out;

	if (x->bare || x->format.letter != 'a')
		return;
	fprintf(out, "\t%s# ", out_style(x->session->colour, OUT_DIM));
	for (unsigned i = 0; i < count; i++) {
		if (i)
			fputs("; ", out);
		if (pointers[i])
			brief_text(out, identify_at(x, pointers[i]));
		else
			fputs("null", out);
	}
	fputs(out_style(x->session->colour, OUT_PLAIN), out);
}

static int put_line(struct x *x, int64_t *left, struct err *err)
{
	unsigned per_line = examine_per_line(&x->format), done = 0;
	FILE *out = x->session->out;
	uint64_t pointers[8];
	int ret = 0;

	put_area(x);
	if (x->format.letter == 'i')
		fputs("   ", out); /* where GDB has "=> " at the program counter */
	put_address(x, out, x->next);
	fputc(':', out);
	for (; done < per_line && done < *left && !ret; done++) {
		fputc('\t', out);
		ret = put_element(x, out, &pointers[done], err);
	}
	if (!ret)
		put_owners(x, pointers, done);
	fputc('\n', out);
	*left -= done;
	return ret;
}

static int answer_text(struct x *x, struct err *err)
{
	int64_t left = x->format.count;

	while (left > 0) {
		if (session_interrupted(x->session))
			return session_stopped(err);
		if (put_line(x, &left, err))
			return -1;
	}
	return 0;
}

/* ---- JSON ------------------------------------------------------------------------ */

/* What the element's text is is fit for a terminal, and so is well-formed. */
static json_t *item_json(struct x *x, uint64_t addr, const char *text, const uint64_t *pointer)
{
	json_t *symbol = json_null();

	if (identify_at(x, addr)->symbol.name)
		symbol = json_pack("{s:o, s:o}", "name", out_json_text(x->id->symbol.name),
		                   "offset", out_json_hex(x->id->vaddr - x->id->symbol.value));
	return json_pack("{s:o, s:I, s:o, s:s, s:o}", "address", out_json_hex(addr), "bytes",
	                 (json_int_t)(x->next - addr), "symbol", symbol, "text", text, "pointer",
	                 pointer && *pointer ? identities_json_brief(identify_at(x, *pointer))
	                                     : json_null());
}

static int add_item(struct x *x, struct err *err)
{
	AUTO_FREE char *text = NULL;
	uint64_t addr = x->next, pointer = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int ret;

	if (!out)
		return err_os(err, ENOMEM, "answer");
	ret = put_element(x, out, &pointer, err);
	fclose(out);
	if (ret)
		return ret;
	if (json_array_append_new(x->items, item_json(x, addr, text ? text : "",
	                                              x->format.letter == 'a' ? &pointer : NULL)))
		return err_os(err, ENOMEM, "answer");
	return 0;
}

static int answer_json(struct x *x, struct err *err)
{
	char letter[2] = {x->format.letter, '\0'};
	uint64_t addr = x->next;
	int ret = 0;

	x->items = json_array();
	for (int64_t i = 0; i < x->format.count && !ret; i++) {
		if (session_interrupted(x->session))
			ret = session_stopped(err);
		else
			ret = add_item(x, err);
	}
	if (ret) {
		json_decref(x->items);
		return ret;
	}
	return session_print_json(x->session,
	                          json_pack("{s:o, s:s, s:i, s:o, s:o, s:o}", "address",
	                                    out_json_hex(addr), "format", letter, "size",
	                                    (int)examine_size(&x->format), "area",
	                                    identities_json_brief(identify_at(x, addr)), "next",
	                                    out_json_hex(x->next), "items", x->items),
	                          err);
}

/* ---- The verb -------------------------------------------------------------------- */

static int print_gdb(struct session *session, const struct examine_format *format, uint64_t addr,
                     struct err *err)
{
	char size[2] = {format->letter == 'i' ? '\0' : format->size, '\0'};
	char text[80];

	snprintf(text, sizeof(text), "x/%" PRId64 "%c%s 0x%" PRIx64, format->count, format->letter,
	         size, addr);
	return show_gdb(session, text, err);
}

static int choose_format(const struct session *session, const struct verb_args *args,
                         struct examine_format *ret_format, struct err *err)
{
	const struct session_examine *state = &session->examine;

	if (*args->format)
		return examine_parse(args->format, &state->last, ret_format, err);
	*ret_format = state->last;
	ret_format->count = !args->count && state->last.count > 0 ? state->last.count : 1;
	return 0;
}

static int choose_address(struct session *session, const struct verb_args *args, uint64_t *ret_addr,
                          struct err *err)
{
	if (args->count)
		return session_address(session, line_unquote(args->words[0]), ret_addr, err);
	if (!session->examine.has_next)
		return err_set(err, ERR_USAGE, "x: which address?  None was examined yet");
	*ret_addr = session->examine.next;
	return 0;
}

static int examine(struct x *x, struct err *err)
{
	struct session_examine *state = &x->session->examine;
	bool back = x->format.count < 0;
	uint64_t rewound = 0;
	int ret;

	if (back) {
		x->format.count = -x->format.count;
		if (go_back(x, &rewound, err))
			return -1;
	}
	state->last_addr = x->next;
	ret = x->session->json ? answer_json(x, err) : answer_text(x, err);
	state->next = back && !ret ? rewound : x->next;
	state->has_next = true;
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE struct identity *id = calloc(1, sizeof(*id));
	struct examine_format format;
	struct x x = {.session = session, .bare = args->options[0] != NULL, .id = id};
	int ret;

	if (!id)
		return err_os(err, ENOMEM, "answer");
	if (choose_format(session, args, &format, err) ||
	    choose_address(session, args, &x.next, err))
		return -1;
	if (args->options[1])
		return print_gdb(session, &format, x.next, err);
	x.format = format;
	x.target = session_target(session);
	session->examine.last.count = format.count;
	ret = examine(&x, err);
	if (!ret)
		session->examine.last = examine_last(&format);
	return ret;
}

static const struct verb_option options[] = {
	{"bare", NULL, "Only what GDB's x shows: without owners", TAKES_NOTHING},
	{"gdb", NULL, "The GDB command that shows the same", TAKES_NOTHING},
	{0},
};

const struct verb verb_x = {
	.name = "x",
	.usage = "[ADDR]",
	.format = "FMT",
	.help = "memory, as GDB's x shows it",
	.details = "FMT is a count (negative: backwards), a letter for the format (x d u o t a c f "
		   "s i z)\n"
		   "and one for the size (b h w g).\n"
		   "ADDR is hexadecimal, or an expression as print takes it: one::table, &one::n + "
                   "1.\n"
		   "What is missing is as it was last.\n"
		   "Without ADDR it goes on where the last x ended; $_ is where the last x began.\n"
		   "A line that begins with # tells whose memory follows.\n"
		   "Behind addresses (format a), it tells what they lead to.\n",
	.example = "x/8xg 0x4014a7f2c0",
	.options = options,
	.takes = TAKES_EXPRESSION,
	.args_min = 0,
	.args_max = 1,
	.raw = true,
	.needs_space = true,
	.run = run,
};
