/*
 * diff: what changed since it was last asked.
 */
#include "inspect/diff.h"

#include "inspect/holder.h"
#include "inspect/options.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 1000000

enum { LIMIT };

/* A range that differs, of one kind, in one holder. */
struct change {
	enum difference difference;
	uint64_t lo;
	uint64_t hi;
	struct holder holder;
};

/* What is different in a component. */
struct changes {
	struct session *session;
	const struct target *target;
	struct identity id;
	size_t limit;
	struct change *list; /* the first ones */
	size_t count;
	size_t room;
	uint64_t bytes[DIFFERENCE_GONE + 1]; /* of all */
	bool more;
};

static const char *difference_word(enum difference difference)
{
	static const char *const words[] = {
		[DIFFERENCE_CHANGED] = "changed",
		[DIFFERENCE_NEW] = "new",
		[DIFFERENCE_GONE] = "gone",
	};

	return words[difference];
}

/* ---- Collecting ---------------------------------------------------------------------- */

static int add_change(struct changes *c, enum difference difference, uint64_t lo, uint64_t hi,
                      struct err *err)
{
	struct change *change;

	if (!ROOM_FOR_ONE(c->list, c->room, c->count))
		return err_os(err, ENOMEM, "changes");
	change = &c->list[c->count++];
	*change = (struct change){.difference = difference, .lo = lo, .hi = hi};
	holder_of(&c->id, &change->holder);
	return 0;
}

/* Cut where one holder ends and the next begins; of what is gone nothing is known. */
static int take(void *context, enum difference difference, uint64_t lo, uint64_t hi,
                struct err *err)
{
	struct changes *c = context;

	c->bytes[difference] += hi - lo;
	while (lo < hi) {
		uint64_t next = hi;

		if (c->count >= c->limit) {
			c->more = true;
			return 0;
		}
		identify(c->target, lo, &c->id);
		if (add_change(c, difference, lo, hi, err))
			return -1;
		if (difference == DIFFERENCE_CHANGED) {
			uint64_t end = c->list[c->count - 1].holder.hi;

			next = end > lo && end < hi ? end : hi;
		}
		c->list[c->count - 1].hi = next;
		lo = next;
	}
	return session_interrupted(c->session) ? session_stopped(err) : 0;
}

/* ---- Modules ---------------------------------------------------------------------------- */

static bool has_module(const struct diff_base *base, const struct diff_module *module)
{
	for (size_t i = 0; i < base->module_count; i++) {
		if (base->modules[i].bias == module->bias &&
		    !strcmp(base->modules[i].path, module->path))
			return true;
	}
	return false;
}

static void print_modules(struct session *session, const char *what, const struct diff_base *those,
                          const struct diff_base *not_those)
{
	for (size_t i = 0; i < those->module_count; i++) {
		if (has_module(not_those, &those->modules[i]))
			continue;
		fprintf(session->out, "  %s ", what);
		out_text(session->out, those->modules[i].path);
		fprintf(session->out, ", bias 0x%" PRIx64 "\n", those->modules[i].bias);
	}
}

static json_t *modules_json(const struct diff_base *those, const struct diff_base *not_those)
{
	json_t *all = json_array();

	for (size_t i = 0; those && i < those->module_count; i++) {
		const struct diff_module *module = &those->modules[i];

		if (not_those && has_module(not_those, module))
			continue;
		if (json_array_append_new(all, json_pack("{s:o, s:o}", "path",
		                                         out_json_text(module->path), "bias",
		                                         out_json_hex(module->bias)))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

/* ---- Text ---------------------------------------------------------------------------------- */

static void print_changes(struct session *session, const struct changes *c)
{
	FILE *out = session->out;
	char size[SHOW_TEXT_SIZE];

	for (size_t i = 0; i < c->count; i++) {
		const struct change *change = &c->list[i];
		const struct holder *holder = &change->holder;

		if (!i || !holder_same(holder, &c->list[i - 1].holder) ||
		    change->difference != c->list[i - 1].difference) {
			fprintf(out, "  %-8s", difference_word(change->difference));
			if (change->difference != DIFFERENCE_GONE)
				holder_print(session, holder);
			fputc('\n', out);
		}
		fprintf(out, "    0x%" PRIx64 "-0x%" PRIx64, change->lo, change->hi);
		if (change->difference != DIFFERENCE_GONE)
			holder_print_offset(out, " ", change->lo, holder);
		fprintf(out, ", %s\n", show_bytes(change->hi - change->lo, size));
	}
	if (c->more)
		fprintf(out, "  and more, which are not shown (--limit)\n");
}

static void print_component(struct session *session, const struct reg_threadproc *tp,
                            const struct diff_base *before, const struct diff_base *now,
                            const struct changes *c)
{
	char changed[SHOW_TEXT_SIZE], added[SHOW_TEXT_SIZE], gone[SHOW_TEXT_SIZE];
	FILE *out = session->out;

	show_who(session, tp);
	if (!before) {
		fprintf(out, ": %zu pages and %zu modules noted\n", fingerprint_pages(now->memory),
		        now->module_count);
		return;
	}
	fprintf(out, ": %s changed, %s new, %s gone\n",
	        show_bytes(c->bytes[DIFFERENCE_CHANGED], changed),
	        show_bytes(c->bytes[DIFFERENCE_NEW], added),
	        show_bytes(c->bytes[DIFFERENCE_GONE], gone));
	print_modules(session, "loaded  ", now, before);
	print_modules(session, "unloaded", before, now);
	print_changes(session, c);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *changes_json(const struct changes *c)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->count; i++) {
		const struct change *change = &c->list[i];
		bool gone = change->difference == DIFFERENCE_GONE;

		if (json_array_append_new(
			    all, json_pack("{s:s, s:o, s:o, s:o}", "difference",
		                           difference_word(change->difference), "lo",
		                           out_json_hex(change->lo), "hi", out_json_hex(change->hi),
		                           "holder",
		                           gone ? json_null() : holder_json(&change->holder)))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *component_json(const struct reg_threadproc *tp, const struct diff_base *before,
                              const struct diff_base *now, const struct changes *c)
{
	return json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:o, s:b, s:o, s:o}", "threadproc",
	                 show_json_who(tp), "first", !before, "pages",
	                 (json_int_t)fingerprint_pages(now->memory), "bytes_changed",
	                 (json_int_t)c->bytes[DIFFERENCE_CHANGED], "bytes_new",
	                 (json_int_t)c->bytes[DIFFERENCE_NEW], "bytes_gone",
	                 (json_int_t)c->bytes[DIFFERENCE_GONE], "changes", changes_json(c), "more",
	                 c->more, "loaded", modules_json(before ? now : NULL, before), "unloaded",
	                 modules_json(before, now));
}

/* ---- The verb -----------------------------------------------------------------------------------
 */

static int answer(struct session *session, const struct reg_threadproc *tp,
                  const struct diff_base *before, const struct diff_base *now, size_t limit,
                  json_t *all, struct err *err)
{
	AUTO_FREE struct changes *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (!c)
		return err_os(err, ENOMEM, "changes");
	c->session = session;
	c->target = session_target(session);
	c->limit = limit;
	if (before)
		ret = fingerprint_compare(before->memory, now->memory, take, c, err);
	if (!ret && session->json)
		ret = json_array_append_new(all, component_json(tp, before, now, c))
		              ? err_os(err, ENOMEM, "answer")
		              : 0;
	else if (!ret)
		print_component(session, tp, before, now, c);
	free(c->list);
	return ret;
}

static int diff_one(struct session *session, const struct reg_threadproc *tp, size_t limit,
                    json_t *all, struct err *err)
{
	struct diff_base *before, *now;
	int ret;

	if (diff_base_take(session, tp, &now, err))
		return -1;
	before = diff_base_find(session, tp);
	ret = answer(session, tp, before, now, limit, all, err);
	diff_base_destroy(before);
	diff_base_keep(session, now);
	return ret;
}

static int diff_all(struct session *session, const struct show_selection *selection, size_t limit,
                    json_t *all, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < selection->count; i++) {
		if (!reg_threadproc_lives(selection->list[i]))
			continue;
		any = true;
		if (diff_one(session, selection->list[i], limit, all, err))
			return -1;
	}
	return any ? 0 : err_set(err, ERR_NOT_FOUND, "no such threadproc lives");
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	uint64_t limit = LIMIT_DEFAULT;
	json_t *all;
	int ret;

	if (args->options[LIMIT] &&
	    option_number("limit", args->options[LIMIT], 0, LIMIT_MAX, &limit, err))
		return -1;
	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	all = json_array();
	ret = diff_all(session, &selection, limit, all, err);
	free(selection.list);
	if (!ret && session->json)
		return session_print_json(session, json_pack("{s:o}", "components", all), err);
	json_decref(all);
	return ret;
}

static const struct verb_option options[] = {
	[LIMIT] = {"limit", "N", "show so many ranges of a component at most (200)", TAKES_NOTHING},
	{0},
};

const struct verb verb_diff = {
	.name = "diff",
	.usage = "[ID]",
	.help = "what changed in memory and modules since the last diff",
	.details =
		"The first one notes what there is; each later one tells what is different from "
                "the\n"
		"one before, by what holds it.\n"
		"What is as it is in a file does not count, nor does code.\n"
		"Memory is kept as hashes, of 64 bytes each: a range of that length has changed\n"
		"somewhere.\n",
	.example = "diff allocstr",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
