/* telescope: pointers followed hop by hop. */
#include "inspect/telescope.h"

#include "inspect/address.h"
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/options.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/quote.h"
#include "lib/read/telescope.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define COUNT_DEFAULT 8
#define COUNT_MAX 1000000

static int unreadable(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "cannot access memory at address 0x%" PRIx64, addr);
}

/* Whether the hop is an address of something. */
static bool is_pointer(const struct telescope *t, size_t i)
{
	return i + 1 < t->count || t->end != TELESCOPE_VALUE;
}

/* ---- Text ---------------------------------------------------------------------------- */

static void put_hop(struct session *session, const struct telescope *t, size_t i,
                    struct identity *id)
{
	FILE *out = session->out;

	fprintf(out, "%s0x%" PRIx64, i ? " -> " : "", t->hops[i]);
	if (!is_pointer(t, i)) {
		/* that it leads into what is gone is worth knowing */
		identify(session_target(session), t->hops[i], id);
		if (id->owner.kind != OWNER_NONE && t->hops[i]) {
			fputc(' ', out);
			brief_text(out, id);
		}
		return;
	}
	identify(session_target(session), t->hops[i], id);
	fprintf(out, " %s", out_style(session->colour, OUT_CYAN));
	brief_text(out, id);
	fputs(out_style(session->colour, OUT_PLAIN), out);
}

static void put_end(struct session *session, const struct telescope *t)
{
	FILE *out = session->out;

	switch (t->end) {
	case TELESCOPE_TEXT:
		fputs(" -> ", out);
		quote_string(out, t->text, t->text_len, 1, !t->text_ends);
		break;
	case TELESCOPE_LOOP:
		if (t->loop == SIZE_MAX)
			fputs(" (loop: where it began)", out);
		else
			fprintf(out, " (loop: hop %zu)", t->loop + 1);
		break;
	case TELESCOPE_LIMIT:
		fputs(" -> ...", out);
		break;
	case TELESCOPE_UNREADABLE:
		fputs(" (cannot be read)", out);
		break;
	case TELESCOPE_VALUE:
	case TELESCOPE_CODE:
		break;
	}
}

int telescope_print(struct session *session, uint64_t addr, size_t count, size_t hops,
                    struct identity *id, struct err *err)
{
	FILE *out = session->out;
	struct telescope t;

	for (size_t i = 0; i < count; i++) {
		uint64_t at = addr + i * sizeof(uint64_t);

		if (session_interrupted(session))
			return session_stopped(err);
		if (!telescope_follow(session_target(session), at, hops, &t))
			return i ? 0 : unreadable(at, err);
		fprintf(out, "%s0x%" PRIx64 "%s +0x%03zx: ", out_style(session->colour, OUT_BOLD),
		        at, out_style(session->colour, OUT_PLAIN), i * sizeof(uint64_t));
		for (size_t hop = 0; hop < t.count; hop++)
			put_hop(session, &t, hop, id);
		put_end(session, &t);
		fputc('\n', out);
	}
	return 0;
}

/* ---- JSON ---------------------------------------------------------------------------- */

static const char *end_name(enum telescope_end end)
{
	static const char *const names[] = {
		[TELESCOPE_VALUE] = "value", [TELESCOPE_TEXT] = "text",
		[TELESCOPE_CODE] = "code",   [TELESCOPE_LOOP] = "loop",
		[TELESCOPE_LIMIT] = "limit", [TELESCOPE_UNREADABLE] = "unreadable",
	};

	return names[end];
}

static json_t *hops_json(struct session *session, const struct telescope *t, struct identity *id)
{
	json_t *all = json_array();

	for (size_t i = 0; i < t->count; i++) {
		identify(session_target(session), t->hops[i], id);
		if (json_array_append_new(all, identities_json_brief(id))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

/* Quoted, as it is in the text form. */
static json_t *text_json(const struct telescope *t)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out;

	if (t->end != TELESCOPE_TEXT)
		return json_null();
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	quote_string(out, t->text, t->text_len, 1, !t->text_ends);
	fclose(out);
	return text ? json_string(text) : NULL;
}

/* Hops count from 1, as in the text form; 0 is the address it began at. */
static json_t *loop_json(const struct telescope *t)
{
	if (t->end != TELESCOPE_LOOP)
		return json_null();
	return json_integer(t->loop == SIZE_MAX ? 0 : (json_int_t)t->loop + 1);
}

static json_t *word_json(struct session *session, uint64_t addr, const struct telescope *t,
                         struct identity *id)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o}", "address", out_json_hex(addr), "hops",
	                 hops_json(session, t, id), "end", end_name(t->end), "loop", loop_json(t),
	                 "text", text_json(t));
}

static json_t *drop(json_t *all)
{
	json_decref(all);
	return NULL;
}

json_t *telescope_json(struct session *session, uint64_t addr, size_t count, size_t hops,
                       struct identity *id, struct err *err)
{
	json_t *all = json_array();
	struct telescope t;

	for (size_t i = 0; i < count; i++) {
		uint64_t at = addr + i * sizeof(uint64_t);

		if (session_interrupted(session)) {
			session_stopped(err);
			return drop(all);
		}
		if (!telescope_follow(session_target(session), at, hops, &t)) {
			if (i)
				break;
			unreadable(at, err);
			return drop(all);
		}
		if (json_array_append_new(all, word_json(session, at, &t, id))) {
			err_os(err, ENOMEM, "answer");
			return drop(all);
		}
	}
	return all;
}

/* ---- The verb ------------------------------------------------------------------------ */

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE struct identity *id = calloc(1, sizeof(*id));
	uint64_t addr, count = COUNT_DEFAULT, hops = TELESCOPE_HOPS_DEFAULT;
	json_t *words;

	if (!id)
		return err_os(err, ENOMEM, "answer");
	if (session_address(session, args->words[0], &addr, err) ||
	    (args->count > 1 && option_number("N", args->words[1], 1, COUNT_MAX, &count, err)) ||
	    (args->options[0] &&
	     option_number("hops", args->options[0], 1, TELESCOPE_HOPS_MAX, &hops, err)))
		return -1;
	if (!session->json)
		return telescope_print(session, addr, (size_t)count, (size_t)hops, id, err);
	words = telescope_json(session, addr, (size_t)count, (size_t)hops, id, err);
	if (!words)
		return -1;
	return session_print_json(session, json_pack("{s:o}", "words", words), err);
}

static const struct verb_option options[] = {
	{"hops", "N", "Follow a word that far (6)", TAKES_NOTHING},
	{0},
};

const struct verb verb_telescope = {
	.name = "telescope",
	.usage = "ADDR [N]",
	.help = "words of memory, each followed hop by hop",
	.details = "N words (8) from ADDR up, which is hexadecimal or an expression as print takes "
                   "it.\n"
		   "Behind each address stands whose it is and what lies there.\n"
		   "A word is followed until it is a number, leads to a text or to code, or goes "
		   "around.\n",
	.example = "telescope 0x101000a5e2c0 4",
	.options = options,
	.takes = TAKES_EXPRESSION,
	.args_min = 1,
	.args_max = 2,
	.needs_space = true,
	.run = run,
};
