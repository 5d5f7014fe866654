#include "inspect/options.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>

/* ---- JSON ---------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *options_json(const struct verb *verb)
{
	json_t *all = json_array();

	for (const struct verb_option *o = verb->options; o && o->name; o++) {
		json_t *one = json_pack("{s:s, s:o, s:s}", "name", o->name, "value",
		                        text_or_null(o->value), "help", o->help);

		if (json_array_append_new(all, one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *verb_json(const struct verb *verb)
{
	AUTO_FREE char *usage = options_usage(verb);

	return json_pack("{s:s, s:o, s:s, s:o, s:b, s:o, s:s, s:o, s:o}", "verb", verb->name,
	                 "usage", usage ? json_string(usage) : NULL, "arguments", verb->usage,
	                 "format", text_or_null(verb->format), "raw", verb->raw, "options",
	                 options_json(verb), "help", verb->help, "details",
	                 text_or_null(verb->details), "example", text_or_null(verb->example));
}

static int all_json(struct session *session, struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < verb_count; i++) {
		if (json_array_append_new(all, verb_json(verbs[i]))) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "verbs", all), err);
}

/* ---- Text ---------------------------------------------------------------- */

static void print_name(struct session *session, const char *name, int width)
{
	fprintf(session->out, "%s%-*s%s", out_style(session->colour, OUT_BOLD), width, name,
	        out_style(session->colour, OUT_PLAIN));
}

static int all_text(struct session *session)
{
	for (size_t i = 0; i < verb_count; i++) {
		print_name(session, verbs[i]->name, 10);
		fprintf(session->out, " %-16s %s\n", verbs[i]->usage, verbs[i]->help);
	}
	fputs("\nVERB | COMMAND and VERB > FILE send an answer elsewhere; 'help VERB' tells "
	      "more.\n",
	      session->out);
	return 0;
}

static void options_text(struct session *session, const struct verb *verb)
{
	for (const struct verb_option *o = verb->options; o && o->name; o++) {
		char text[64];

		snprintf(text, sizeof(text), "--%s%s%s", o->name,
		         !o->value   ? ""
		         : verb->raw ? "="
		                     : " ",
		         o->value ? o->value : "");
		fprintf(session->out, "  %-18s %s\n", text, o->help);
	}
}

static int verb_text(struct session *session, const struct verb *verb, struct err *err)
{
	AUTO_FREE char *usage = options_usage(verb);

	if (!usage)
		return err_os(err, ENOMEM, "usage");
	print_name(session, usage, 0);
	fprintf(session->out, ": %s\n", verb->help);
	if (verb->details)
		fputs(verb->details, session->out);
	options_text(session, verb);
	if (verb->example)
		fprintf(session->out, "Example: %s\n", verb->example);
	return 0;
}

/* ---- The verbs ----------------------------------------------------------- */

static int run_help(struct session *session, const struct verb_args *args, struct err *err)
{
	const struct verb *verb;

	if (!args->count)
		return session->json ? all_json(session, err) : all_text(session);
	if (verbs_find(session, args->words[0], &verb, err))
		return -1;
	if (session->json)
		return session_print_json(session, verb_json(verb), err);
	return verb_text(session, verb, err);
}

static int run_quit(struct session *session, const struct verb_args *args, struct err *err)
{
	session->quit = true;
	return 0;
}

const struct verb verb_help = {
	.name = "help",
	.usage = "[VERB]",
	.help = "this list, or more about one verb",
	.example = "help owner",
	.takes = TAKES_VERB,
	.args_max = 1,
	.run = run_help,
};

const struct verb verb_quit = {
	.name = "quit",
	.usage = "",
	.help = "end",
	.details = "So does the end of the input.\n",
	.example = "quit",
	.run = run_quit,
};
