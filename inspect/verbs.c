#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>

static int verb_help(struct session *session, int argc, char **args, struct err *err);
static int verb_quit(struct session *session, int argc, char **args, struct err *err);

static const struct verb verbs[] = {
	{"list", "", "the threadprocs of the space",
         "Those that live, and those that ended and whose addresses are not used again yet.\n"
         "SLOT is the first address of the threadproc's own.\n",
         0, 0, true, verb_list},
	{"owner", "ADDR...", "whose an address is, and what lies there",
         "ADDR is hexadecimal, with or without 0x; sums are allowed.\n"
         "Example: owner 0x4014a7f2c0 4014a7f000+2c0\n",
         1, -1, true, verb_owner},
	{"modules", "[ID]", "loaded programs and libraries",
         "Of all threadprocs, or of the one with that id or name.\n"
         "Example: modules 2\n",
         0, 1, true, verb_modules},
	{"fds", "[ID]", "descriptors, as they were handed over at launch",
         "Of all threadprocs, or of the one with that id or name.\n"
         "LAUNCHER is the number in the process that asked for the launch.\n",
         0, 1, true, verb_fds},
	{"names", "", "named pointers that threadprocs published",
         "With type, size and owner, as libtproc has them.\n", 0, 0, true, verb_names},
	{"help", "[VERB]", "this list, or more about one verb", "Example: help owner\n", 0, 1,
         false, verb_help},
	{"quit", "", "end", "So does the end of the input.\n", 0, 0, false, verb_quit},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static int no_verb(const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE, "no verb '%s'; 'help' lists them", name);
}

/* ---- help and quit ------------------------------------------------------- */

static json_t *help_json(const struct verb *verb)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "verb", verb->name, "usage", verb->usage, "help",
	                 verb->help, "details", verb->details);
}

static int help_all_json(struct session *session, struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < VERBS; i++) {
		if (json_array_append_new(all, help_json(&verbs[i]))) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "verbs", all), err);
}

static int help_all(struct session *session)
{
	for (size_t i = 0; i < VERBS; i++)
		fprintf(session->out, "%-8s %-8s %s\n", verbs[i].name, verbs[i].usage,
		        verbs[i].help);
	return 0;
}

static int verb_help(struct session *session, int argc, char **args, struct err *err)
{
	const struct verb *verb;

	if (!argc)
		return session->json ? help_all_json(session, err) : help_all(session);
	verb = find_verb(args[0]);
	if (!verb)
		return no_verb(args[0], err);
	if (session->json)
		return session_print_json(session, help_json(verb), err);
	fprintf(session->out, "%s%s%s: %s\n%s", verb->name, *verb->usage ? " " : "", verb->usage,
	        verb->help, verb->details);
	return 0;
}

static int verb_quit(struct session *session, int argc, char **args, struct err *err)
{
	session->quit = true;
	return 0;
}

/* ---- One line ------------------------------------------------------------ */

/* Splits line in place; the caller frees the NULL-terminated vector. */
static int split(char *line, char ***ret_words, int *ret_count, struct err *err)
{
	/* every word but the last is followed by a blank */
	char **words = calloc(strlen(line) / 2 + 2, sizeof(*words));
	char *save = NULL;
	int count = 0;

	if (!words)
		return err_os(err, ENOMEM, "command");
	for (char *word = strtok_r(line, " \t\r\n", &save); word;
	     word = strtok_r(NULL, " \t\r\n", &save))
		words[count++] = word;
	*ret_words = words;
	*ret_count = count;
	return 0;
}

static int run_verb(struct session *session, const struct verb *verb, int argc, char **args,
                    struct err *err)
{
	if (argc < verb->args_min || (verb->args_max >= 0 && argc > verb->args_max))
		return err_set(err, ERR_USAGE, "usage: %s%s%s", verb->name, *verb->usage ? " " : "",
		               verb->usage);
	if (verb->needs_space && session_refresh(session, err))
		return -1;
	return verb->run(session, argc, args, err);
}

static int run_words(struct session *session, int count, char **words, struct err *err)
{
	const struct verb *verb;

	if (!count || words[0][0] == '#')
		return 0;
	verb = find_verb(words[0]);
	if (!verb)
		return no_verb(words[0], err);
	return run_verb(session, verb, count - 1, words + 1, err);
}

int verbs_run_line(struct session *session, const char *line)
{
	AUTO_FREE char *copy = strdup(line);
	AUTO_FREE char **words = NULL;
	struct err err;
	int count = 0;
	int ret;

	if (!copy)
		ret = err_os(&err, ENOMEM, "command");
	else if (split(copy, &words, &count, &err))
		ret = -1;
	else
		ret = run_words(session, count, words, &err);
	if (ret >= 0)
		return ret ? STATUS_NOT_FOUND : STATUS_OK;
	session_report(session, &err);
	return status_of(&err);
}
