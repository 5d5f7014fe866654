/* search: where in memory something is. */
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/options.h"
#include "inspect/progress.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/quote.h"
#include "lib/read/search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 10000000
/* So much of what was found is shown. */
#define PREVIEW 48

enum { IN, WRITABLE, HEAP, STACK, ALIGNED, SIZE, LIMIT };

struct place_found {
	uint64_t addr;
	size_t len;  /* of the match */
	uint8_t has; /* bytes in preview */
	uint8_t preview[PREVIEW];
};

struct search_run {
	struct session *session;
	const struct target *target;
	struct pattern *pattern;
	enum place only; /* PLACE_UNMAPPED: any */
	size_t limit;
	struct identity *id;
	struct progress progress;
	struct place_found *list;
	size_t count; /* in the list */
	size_t room;
	uint64_t found; /* all of them */
	uint64_t bytes;
};

/* ---- The question -------------------------------------------------------------------- */

static int parse_size(const char *word, unsigned *ret_size, struct err *err)
{
	static const char letters[] = "bhwg";
	const char *letter = word && *word && !word[1] ? strchr(letters, *word) : NULL;

	if (!word)
		*ret_size = 0;
	else if (letter)
		*ret_size = 1u << (letter - letters);
	else
		return err_set(err, ERR_USAGE, "--size=%s: b, h, w or g", word);
	return 0;
}

static unsigned alignment(const struct search_run *run, const struct verb_args *args)
{
	enum pattern_kind kind = pattern_kind(run->pattern);

	if (!args->options[ALIGNED])
		return 1;
	if (kind == PATTERN_NUMBER || kind == PATTERN_POINTER)
		return (unsigned)pattern_length(run->pattern);
	return sizeof(uint64_t);
}

/* The component's memory; of several with that name, of the first that has any. */
static int plan_in(struct search_run *run, const char *word, const struct scan_filter *filter,
                   struct scan_plan *ret_plan, struct err *err)
{
	struct show_selection selection;
	int ret = 0;

	if (show_select(run->session->snapshot, word, &selection, err))
		return -1;
	*ret_plan = (struct scan_plan){0};
	for (size_t i = 0; i < selection.count && !ret_plan->count && !ret; i++) {
		scan_plan_deinit(ret_plan);
		ret = scan_plan_of(run->target, selection.list[i], filter, ret_plan, err);
	}
	free(selection.list);
	return ret;
}

static int make_plan(struct search_run *run, const struct verb_args *args,
                     struct scan_plan *ret_plan, struct err *err)
{
	struct scan_filter filter = {.prot = PROT_READ, .files = true};

	/* heaps and stacks are written to */
	if (args->options[WRITABLE] || run->only != PLACE_UNMAPPED)
		filter.prot |= PROT_WRITE;
	if (args->options[IN])
		return plan_in(run, args->options[IN], &filter, ret_plan, err);
	return scan_plan_read(run->target, 0, UINT64_MAX, &filter, ret_plan, err);
}

/* ---- The search ----------------------------------------------------------------------- */

static int keep(struct search_run *run, uint64_t addr, const uint8_t *bytes, size_t len, size_t has,
                struct err *err)
{
	struct place_found *grown;

	if (run->count == run->room) {
		size_t room = run->room ? run->room * 2 : 64;

		grown = reallocarray(run->list, room, sizeof(*grown));
		if (!grown)
			return err_os(err, ENOMEM, "places found");
		run->list = grown;
		run->room = room;
	}
	grown = &run->list[run->count++];
	*grown = (struct place_found){.addr = addr, .len = len};
	grown->has = (uint8_t)(has < PREVIEW ? has : PREVIEW);
	memcpy(grown->preview, bytes, grown->has);
	return 0;
}

static int take(void *context, const struct scan_piece *piece, uint64_t addr, const uint8_t *bytes,
                size_t len, size_t has, struct err *err)
{
	struct search_run *run = context;

	if (session_interrupted(run->session))
		return session_stopped(err);
	if (run->only != PLACE_UNMAPPED) {
		identify(run->target, addr, run->id);
		if (run->id->place != run->only)
			return 0;
	}
	run->found++;
	return run->count < run->limit ? keep(run, addr, bytes, len, has, err) : 0;
}

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	struct search_run *run = context;

	run->bytes += bytes;
	return progress_step(&run->progress, bytes) ? 0 : session_stopped(err);
}

static int search(struct search_run *run, const struct verb_args *args, struct err *err)
{
	const struct search_visitor visitor = {take, take_step, run};
	struct scan_plan plan;
	int ret;

	if (!run->target->mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	if (make_plan(run, args, &plan, err))
		return -1;
	progress_begin(&run->progress, run->session, "searching", PROGRESS_BYTES, plan.bytes);
	ret = search_each(run->target->mem, &plan, run->pattern, alignment(run, args), &visitor,
	                  err);
	progress_end(&run->progress);
	scan_plan_deinit(&plan);
	return ret;
}

/* ---- Previews --------------------------------------------------------------------------- */

/* A text goes on up to its end; what an expression found is shown as it is. */
static void put_text(FILE *out, const struct search_run *run, const struct place_found *found)
{
	size_t len = found->has;
	bool more;

	if (pattern_kind(run->pattern) == PATTERN_REGEX)
		len = found->len < found->has ? found->len : found->has;
	else
		len = strnlen((const char *)found->preview, len);
	/* a text with zeros within, of wide characters */
	if (len < found->len && len < found->has)
		len = found->len < found->has ? found->len : found->has;
	more = pattern_kind(run->pattern) == PATTERN_REGEX ? len < found->len : len == PREVIEW;
	quote_string(out, found->preview, len, 1, more);
}

static void put_hex(FILE *out, const struct place_found *found)
{
	for (size_t i = 0; i < found->has && i < 16; i++)
		fprintf(out, "%s%02x", i ? " " : "", found->preview[i]);
}

static bool has_preview(const struct search_run *run)
{
	enum pattern_kind kind = pattern_kind(run->pattern);

	return kind == PATTERN_TEXT || kind == PATTERN_REGEX || kind == PATTERN_BYTES;
}

static void put_preview(FILE *out, const struct search_run *run, const struct place_found *found)
{
	if (pattern_kind(run->pattern) == PATTERN_BYTES)
		put_hex(out, found);
	else
		put_text(out, run, found);
}

/* ---- Text ------------------------------------------------------------------------------- */

/* A line for the component whose memory begins. */
static void put_owner(struct search_run *run, const struct identity *id)
{
	FILE *out = run->session->out;

	if (id->owner.tp)
		show_who(run->session, id->owner.tp);
	else
		fputs(brief_owner(id), out);
	fputc('\n', out);
}

static int print_text(struct search_run *run, struct err *err)
{
	FILE *out = run->session->out;
	struct owner last = {0};

	for (size_t i = 0; i < run->count; i++) {
		const struct place_found *found = &run->list[i];

		if (session_interrupted(run->session))
			return session_stopped(err);
		identify(run->target, found->addr, run->id);
		if (!i || last.tp != run->id->owner.tp || last.kind != run->id->owner.kind)
			put_owner(run, run->id);
		last = run->id->owner;
		fprintf(out, "  %s0x%" PRIx64 "%s  ", out_style(run->session->colour, OUT_BOLD),
		        found->addr, out_style(run->session->colour, OUT_PLAIN));
		brief_place(out, run->id);
		if (has_preview(run)) {
			fputs("  ", out);
			put_preview(out, run, found);
		}
		fputc('\n', out);
	}
	if (run->found > run->count)
		fprintf(run->session->err_out,
		        "tpinspect: found %" PRIu64 " times, the first %zu are shown (--limit)\n",
		        run->found, run->count);
	return 0;
}

/* ---- JSON ------------------------------------------------------------------------------- */

static json_t *preview_json(const struct search_run *run, const struct place_found *found)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out;

	if (!has_preview(run))
		return json_null();
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	put_preview(out, run, found);
	fclose(out);
	return text ? json_string(text) : NULL;
}

static json_t *found_json(struct search_run *run, const struct place_found *found)
{
	identify(run->target, found->addr, run->id);
	return json_pack("{s:o, s:I, s:o, s:o}", "address", out_json_hex(found->addr), "length",
	                 (json_int_t)found->len, "preview", preview_json(run, found), "place",
	                 identities_json_brief(run->id));
}

static int print_json(struct search_run *run, struct err *err)
{
	static const char *const kinds[] = {
		[PATTERN_BYTES] = "bytes",      [PATTERN_NUMBER] = "number",
		[PATTERN_POINTER] = "pointer",  [PATTERN_TEXT] = "text",
		[PATTERN_REGEX] = "expression",
	};
	json_t *all = json_array();

	for (size_t i = 0; i < run->count; i++) {
		if (session_interrupted(run->session)) {
			json_decref(all);
			return session_stopped(err);
		}
		if (json_array_append_new(all, found_json(run, &run->list[i]))) {
			json_decref(all);
			return session_print_json(run->session, NULL, err);
		}
	}
	return session_print_json(run->session,
	                          json_pack("{s:s, s:I, s:I, s:I, s:o}", "kind",
	                                    kinds[pattern_kind(run->pattern)], "found",
	                                    (json_int_t)run->found, "shown", (json_int_t)run->count,
	                                    "bytes_read", (json_int_t)run->bytes, "places", all),
	                          err);
}

/* ---- The verb --------------------------------------------------------------------------- */

static int run_search(struct search_run *run, const struct verb_args *args, struct err *err)
{
	int ret = search(run, args, err);

	if (ret)
		return ret;
	ret = run->session->json ? print_json(run, err) : print_text(run, err);
	return ret ? ret : !run->found;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE struct identity *id = calloc(1, sizeof(*id));
	struct search_run run = {
		.session = session,
		.target = session_target(session),
		.only = args->options[HEAP]    ? PLACE_HEAP
	                : args->options[STACK] ? PLACE_STACK
	                                       : PLACE_UNMAPPED,
		.id = id,
	};
	uint64_t limit = LIMIT_DEFAULT;
	unsigned size = 0;
	int ret;

	if (!id)
		return err_os(err, ENOMEM, "answer");
	if (args->options[LIMIT] &&
	    option_number("limit", args->options[LIMIT], 1, LIMIT_MAX, &limit, err))
		return -1;
	run.limit = (size_t)limit;
	if (parse_size(args->options[SIZE], &size, err) ||
	    pattern_create(args->words[0], size, &run.pattern, err))
		return -1;
	ret = run_search(&run, args, err);
	pattern_destroy(run.pattern);
	free(run.list);
	return ret;
}

static const struct verb_option options[] = {
	[IN] = {"in", "ID", "Only in the memory of that component", TAKES_COMPONENT},
	[WRITABLE] = {"writable", NULL, "Only in memory that can be written", TAKES_NOTHING},
	[HEAP] = {"heap", NULL, "Only in what malloc has", TAKES_NOTHING},
	[STACK] = {"stack", NULL, "Only in stacks", TAKES_NOTHING},
	[ALIGNED] = {"aligned", NULL,
                     "Only where a number of that size would lie, or else a multiple of 8",
                     TAKES_NOTHING},
	[SIZE] = {"size", "b|h|w|g", "Bytes of a number: 1, 2, 4, 8", TAKES_NOTHING},
	[LIMIT] = {"limit", "N", "Show no more than N (100)", TAKES_NOTHING},
	{0},
};

const struct verb verb_search = {
	.name = "search",
	.usage = "PATTERN",
	.help = "where bytes, a text, a pointer or an expression is in memory",
	.details =
		"PATTERN is one of\n"
		"\"text\", u\"text\", U\"text\": as UTF-8, UTF-16, UTF-32, with the escapes of C;\n"
		"/expression/: Perl's, over bytes; flags i, s, x, u (UTF-8) may follow;\n"
		"de:ad:??:ef: bytes, ?? is any;\n"
		"0x101000a5e2c0: a pointer of 8 bytes; 1234 or -1: a number of 4, unless --size;\n"
		"any other word: a text.\n"
		"Memory that nobody touched yet is not searched: there is nothing but zeros.\n",
	.example = "search --in=2 \"hello\"",
	.options = options,
	.args_min = 1,
	.args_max = 1,
	.raw = true,
	.needs_space = true,
	.run = run,
};
