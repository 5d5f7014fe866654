/*
 * refs: who points there.
 */
#include "inspect/address.h"
#include "inspect/frames.h"
#include "inspect/holder.h"
#include "inspect/options.h"
#include "inspect/progress.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"
#include "lib/read/refs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 10000000

enum { FROM, TO, LIMIT, LOW, FRAMES };

/* What was asked. */
struct question {
	const struct reg_threadproc *from; /* NULL: all memory */
	const struct reg_threadproc *to;   /* NULL: the one span */
	struct refs_span spans[TP_RUNS + 1];
	size_t span_count;
	size_t limit;
};

/* What was found: all are counted, the first ones kept. */
struct answer {
	struct session *session;
	const struct question *question;
	struct progress progress;
	struct ref *refs;
	size_t count;
	size_t room;
	uint64_t words;
	uint64_t bytes;
	const struct target *target;
	struct frames *frames;          /* NULL: stacks are not told apart into frames */
	const struct scan_piece *piece; /* the latest one that nobody owns */
	bool is_agents;                 /* it is the agent's stack */
};

/* ---- The question ------------------------------------------------------------------- */

/* The component that a word means, NULL when it means none. */
static const struct reg_threadproc *component_named(const struct snapshot *snapshot,
                                                    const char *word, struct err *err)
{
	const struct reg_threadproc *tp = NULL;
	struct show_selection selection;

	if (show_select(snapshot, word, &selection, err))
		return NULL;
	/* of several with a name, the one that lives */
	for (size_t i = 0; i < selection.count; i++) {
		if (!tp || reg_threadproc_lives(selection.list[i]))
			tp = selection.list[i];
	}
	free(selection.list);
	return tp;
}

/* ADDR[,LEN] */
static int parse_span(const char *word, struct refs_span *ret_span, struct err *err)
{
	AUTO_FREE char *copy = strdup(word);
	uint64_t lo, len = 1;
	char *comma, *end;

	if (!copy)
		return err_os(err, ENOMEM, "address");
	comma = strchr(copy, ',');
	if (comma) {
		*comma++ = '\0';
		errno = 0;
		len = strtoull(comma, &end, 0);
		if (errno || *end || end == comma || *comma == '-' || !len)
			return err_set(err, ERR_USAGE, "'%s' is no length", comma);
	}
	if (address_parse(copy, &lo, err))
		return -1;
	if (len > UINT64_MAX - lo)
		return err_set(err, ERR_USAGE, "%s goes past the end of all addresses", word);
	*ret_span = (struct refs_span){lo, lo + len};
	return 0;
}

/* Without its image outside of the slot, which small integers seem to point to. */
static size_t without_low(struct refs_span *spans, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (spans[i].lo >= (uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT)
			spans[kept++] = spans[i];
	}
	return kept;
}

static int parse_to(const struct snapshot *snapshot, const char *word, bool low, struct question *q,
                    struct err *err)
{
	struct err ignored;

	q->to = component_named(snapshot, word, &ignored);
	if (q->to) {
		q->span_count = refs_spans_of(q->to, q->spans);
		if (!low)
			q->span_count = without_low(q->spans, q->span_count);
		return 0;
	}
	q->span_count = 1;
	return parse_span(word, &q->spans[0], err);
}

static int parse(const struct snapshot *snapshot, const struct verb_args *args, struct question *q,
                 struct err *err)
{
	const char *from = args->options[FROM], *to = args->options[TO];
	uint64_t limit = LIMIT_DEFAULT;

	if (!args->words[0] == !to)
		return err_set(err, ERR_USAGE, "refs takes an address, a component, or --to");
	if (args->options[LIMIT] &&
	    option_number("limit", args->options[LIMIT], 0, LIMIT_MAX, &limit, err))
		return -1;
	q->limit = limit;
	if (from) {
		q->from = component_named(snapshot, from, err);
		if (!q->from)
			return -1;
	}
	if (parse_to(snapshot, to ? to : args->words[0], args->options[LOW], q, err))
		return -1;
	if (q->from && q->from == q->to)
		return err_set(err, ERR_USAGE,
		               "refs is about pointers from one component to another");
	return 0;
}

/* ---- The search ----------------------------------------------------------------------- */

/* The agent's stack lies outside of all that is on record. */
static bool is_toolkit(struct answer *a, const struct scan_piece *piece)
{
	struct mapping m;
	struct err err;

	if (piece->owner.kind != OWNER_NONE)
		return piece->owner.kind == OWNER_TOOLKIT;
	if (a->piece != piece)
		a->is_agents = !maps_find(a->target->maps, piece->lo, &m, &err) &&
		               !strcmp(m.path, "[stack]");
	a->piece = piece;
	return a->is_agents;
}

static int take_ref(void *context, const struct scan_piece *piece, const struct ref *ref,
                    struct err *err)
{
	struct answer *a = context;

	/* its own pointers into itself (an image outside the slot included), and the toolkit's */
	if (a->question->to && (piece->owner.tp == a->question->to || is_toolkit(a, piece)))
		return 0;
	a->words++;
	if (a->count >= a->question->limit)
		return 0;
	if (!ROOM_FOR_ONE(a->refs, a->room, a->count))
		return err_os(err, ENOMEM, "pointers");
	a->refs[a->count++] = *ref;
	return 0;
}

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	struct answer *a = context;

	a->bytes += bytes;
	return progress_step(&a->progress, bytes) ? 0 : session_stopped(err);
}

static int by_address(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int search(const struct target *target, const struct question *q, struct answer *a,
                  struct err *err)
{
	const struct refs_visitor visitor = {take_ref, take_step, a};
	struct refs_want want = {.spans = q->spans, .span_count = q->span_count, .foreign = q->to};
	AUTO_FREE struct refs_span *mapped = NULL;
	/* what is as it is in a file holds no addresses yet */
	const struct scan_filter filter = {.prot = PROT_READ, .written = true};
	struct scan_plan plan;
	int ret;

	if (q->to && refs_mapped(target, q->spans, q->span_count, &mapped, &want.mapped_count, err))
		return -1;
	/* nothing mapped is a list, too */
	want.mapped = q->to ? (mapped ? mapped : q->spans) : NULL;
	ret = q->from ? scan_plan_of(target, q->from, &filter, &plan, err)
	              : scan_plan_read(target, 0, UINT64_MAX, &filter, &plan, err);
	if (ret)
		return -1;
	progress_begin(&a->progress, a->session, "reading", PROGRESS_BYTES, plan.bytes);
	ret = refs_each(target->mem, &plan, &want, &visitor, err);
	progress_end(&a->progress);
	scan_plan_deinit(&plan);
	if (a->count)
		qsort(a->refs, a->count, sizeof(*a->refs), by_address);
	return ret;
}

/* ---- Grouping: by component, then by what holds the word ---------------------------------- */

/* Called where a component, where a holder begins, and for each word. */
struct listing {
	int (*component)(void *context, const struct identity *id, uint64_t words);
	int (*holder)(void *context, const struct holder *holder);
	int (*word)(void *context, const struct ref *ref, const struct holder *holder,
	            const struct holder *target);
	void *context;
};

static uint64_t words_of_owner(const struct target *target, const struct answer *a, size_t from)
{
	struct owner first = registry_owner(target->snapshot, a->refs[from].at);
	uint64_t words = 0;

	for (size_t i = from; i < a->count; i++) {
		struct owner owner = registry_owner(target->snapshot, a->refs[i].at);

		if (owner.tp != first.tp || owner.kind != first.kind)
			break;
		words++;
	}
	return words;
}

struct cursor {
	struct identity id;
	struct holder holder;
	struct holder last;
	struct holder to;
	struct owner owner;
};

static void look_up(const struct target *target, const struct answer *a, uint64_t addr,
                    struct identity *id, struct holder *ret_holder)
{
	identify(target, addr, id);
	if (a->frames)
		frames_find(a->frames, id);
	holder_of(id, ret_holder);
}

/* 0, or what a callback returned. */
static int list_one(const struct target *target, const struct answer *a, size_t i,
                    const struct listing *listing, struct cursor *c)
{
	const struct ref *ref = &a->refs[i];
	int ret = 0;

	look_up(target, a, ref->at, &c->id, &c->holder);
	if (!i || c->owner.tp != c->id.owner.tp || c->owner.kind != c->id.owner.kind) {
		ret = listing->component(listing->context, &c->id, words_of_owner(target, a, i));
		c->last.kind = "";
	}
	c->owner = c->id.owner;
	if (!ret && !holder_same(&c->holder, &c->last)) {
		ret = listing->holder(listing->context, &c->holder);
		c->last = c->holder;
	}
	if (ret)
		return ret;
	if (a->question->to)
		look_up(target, a, ref->value, &c->id, &c->to);
	return listing->word(listing->context, ref, &c->holder, a->question->to ? &c->to : NULL);
}

static int list_all(const struct target *target, const struct answer *a,
                    const struct listing *listing, struct err *err)
{
	AUTO_FREE struct cursor *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (!c)
		return err_os(err, ENOMEM, "answer");
	c->last.kind = "";
	for (size_t i = 0; i < a->count && !ret; i++) {
		ret = list_one(target, a, i, listing, c);
		if (session_interrupted(a->session))
			return session_stopped(err);
	}
	return ret ? err_os(err, ENOMEM, "answer") : 0;
}

/* ---- Text ------------------------------------------------------------------------------------ */

static int print_component(void *context, const struct identity *id, uint64_t words)
{
	struct session *session = context;
	FILE *out = session->out;

	if (id->owner.tp)
		show_who(session, id->owner.tp);
	else if (id->owner.kind == OWNER_TOOLKIT)
		fprintf(out, "the space's %s", place_name(id->place));
	else
		fputs("unowned memory", out);
	fprintf(out, ": %" PRIu64 " word%s\n", words, words == 1 ? "" : "s");
	return 0;
}

static int print_holder(void *context, const struct holder *holder)
{
	struct session *session = context;

	fputs("  ", session->out);
	holder_print(session, holder);
	fputc('\n', session->out);
	return 0;
}

static int print_word(void *context, const struct ref *ref, const struct holder *holder,
                      const struct holder *target)
{
	struct session *session = context;

	fprintf(session->out, "    0x%" PRIx64, ref->at);
	holder_print_offset(session->out, " ", ref->at, holder);
	fprintf(session->out, " -> 0x%" PRIx64, ref->value);
	if (target) {
		holder_print_offset(session->out, ", ", ref->value, target);
		fputs(" in ", session->out);
		holder_print(session, target);
	}
	fputc('\n', session->out);
	return 0;
}

static int answer_text(const struct target *target, const struct answer *a, struct err *err)
{
	struct session *session = a->session;
	const struct listing listing = {print_component, print_holder, print_word, session};

	if (!a->words)
		fputs("nothing points there\n", session->out);
	if (list_all(target, a, &listing, err))
		return -1;
	if (a->words > a->count)
		fprintf(session->out,
		        "%" PRIu64 " words in all, of which the first %zu are shown (--limit)\n",
		        a->words, a->count);
	return a->words == 0;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

struct tree {
	json_t *components;
	json_t *holders; /* of the latest component */
	json_t *words;   /* of the latest holder */
};

static const char *owner_word(const struct owner *owner)
{
	return owner->tp ? "threadproc" : owner->kind == OWNER_TOOLKIT ? "toolkit" : "unowned";
}

static int json_component(void *context, const struct identity *id, uint64_t words)
{
	struct tree *tree = context;

	tree->holders = json_array();
	return json_array_append_new(
		tree->components,
		json_pack("{s:s, s:o, s:I, s:o}", "owner", owner_word(&id->owner), "threadproc",
	                  id->owner.tp ? show_json_who(id->owner.tp) : json_null(), "words",
	                  (json_int_t)words, "holders", tree->holders));
}

static int json_holder(void *context, const struct holder *holder)
{
	struct tree *tree = context;
	json_t *object = holder_json(holder);

	tree->words = json_array();
	if (!object || json_object_set_new(object, "words", tree->words)) {
		json_decref(object);
		return -1;
	}
	return json_array_append_new(tree->holders, object);
}

static int json_word(void *context, const struct ref *ref, const struct holder *holder,
                     const struct holder *target)
{
	struct tree *tree = context;

	return json_array_append_new(
		tree->words,
		json_pack("{s:o, s:I, s:o, s:o}", "address", out_json_hex(ref->at), "offset",
	                  (json_int_t)(ref->at - holder->lo), "value", out_json_hex(ref->value),
	                  "points_to", target ? holder_json(target) : json_null()));
}

static int answer_json(const struct target *target, const struct answer *a, struct err *err)
{
	const struct question *q = a->question;
	struct tree tree = {.components = json_array()};
	const struct listing listing = {json_component, json_holder, json_word, &tree};
	int ret;

	if (!tree.components || list_all(target, a, &listing, err)) {
		json_decref(tree.components);
		return tree.components ? -1 : err_os(err, ENOMEM, "answer");
	}
	ret = session_print_json(a->session,
	                         json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "from",
	                                   q->from ? show_json_who(q->from) : json_null(), "to",
	                                   q->to ? show_json_who(q->to) : json_null(), "lo",
	                                   q->to ? json_null() : out_json_hex(q->spans[0].lo), "hi",
	                                   q->to ? json_null() : out_json_hex(q->spans[0].hi),
	                                   "words", (json_int_t)a->words, "shown",
	                                   (json_int_t)a->count, "bytes_read", (json_int_t)a->bytes,
	                                   "components", tree.components),
	                         err);
	return ret ? ret : a->words == 0;
}

/* ---- The verb
 * ------------------------------------------------------------------------------------ */

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const struct target *target = session_target(session);
	struct question question = {0};
	struct answer answer = {.session = session, .question = &question, .target = target};
	int ret;

	if (parse(session->snapshot, args, &question, err))
		return -1;
	/* in a core file nobody has to be stopped */
	if ((args->options[FRAMES] || session->core_path) &&
	    frames_create(session, &answer.frames, err))
		return -1;
	ret = search(target, &question, &answer, err);
	if (!ret)
		ret = session->json ? answer_json(target, &answer, err)
		                    : answer_text(target, &answer, err);
	frames_destroy(answer.frames);
	free(answer.refs);
	return ret;
}

static const struct verb_option options[] = {
	[FROM] = {"from", "ID", "only words in that component's memory", TAKES_COMPONENT},
	[TO] = {"to", "ID|ADDR[,LEN]", "what they point to, in place of the argument",
                TAKES_COMPONENT},
	[LIMIT] = {"limit", "N", "show so many words at most (1000)", TAKES_NOTHING},
	[LOW] = {"low", NULL, "of a component, its image outside of all slots too", TAKES_NOTHING},
	[FRAMES] = {"frames", NULL, "on stacks, tell the frame; stops their threads for a moment"},
	{0},
};

const struct verb verb_refs = {
	.name = "refs",
	.usage = "[ADDR[,LEN]|ID]",
	.help = "who points there",
	.details =
		"Every aligned word of the space's memory that holds an address of the range, by\n"
		"component and by what holds it.\n"
		"Of a component, what is mapped in its slot counts, and words that are somebody\n"
		"else's.\n"
		"A word that names a component means that: write 0x2 for the address.\n"
		"Memory that nobody touched is not read.\n"
		"In a core file, stacks are always told apart into frames.\n",
	.example = "refs 0x4014a7f2c0,32",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
