#include "inspect/verbs.h"

#include "inspect/line.h"
#include "inspect/nearest.h"
#include "inspect/options.h"
#include "inspect/sink.h"

#include <string.h>

#define VERB_ADDRESS(name) &verb_##name,
const struct verb *const verbs[] = {EACH_VERB(VERB_ADDRESS)};
const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

/* ---- Look-up ------------------------------------------------------------- */

static int no_verb(const char *name, struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < verb_count; i++)
		nearest_consider(&nearest, verbs[i]->name);
	if (nearest_found(&nearest))
		return err_set(err, ERR_USAGE, "no verb '%s'; did you mean '%s'?", name,
		               nearest_found(&nearest));
	return err_set(err, ERR_USAGE, "no verb '%s'; 'help' lists them", name);
}

/* What begins so, when nothing else does. */
static int find_beginning(const char *name, const struct verb **ret_verb, struct err *err)
{
	const struct verb *found = NULL;

	for (size_t i = 0; i < verb_count; i++) {
		if (strncmp(verbs[i]->name, name, strlen(name)) != 0)
			continue;
		if (found)
			return err_set(err, ERR_USAGE, "'%s' could be '%s' or '%s'", name,
			               found->name, verbs[i]->name);
		found = verbs[i];
	}
	if (!found)
		return no_verb(name, err);
	*ret_verb = found;
	return 0;
}

int verbs_find(const struct session *session, const char *name, const struct verb **ret_verb,
               struct err *err)
{
	for (size_t i = 0; i < verb_count; i++) {
		if (!strcmp(verbs[i]->name, name)) {
			*ret_verb = verbs[i];
			return 0;
		}
	}
	/* A script would break with the next verb that begins alike. */
	return session->interactive ? find_beginning(name, ret_verb, err) : no_verb(name, err);
}

/* ---- One line ------------------------------------------------------------ */

static int run_verb(struct session *session, const struct verb *verb, const struct verb_args *args,
                    struct err *err)
{
	int ret;

	if (verb->needs_space && session_refresh(session, err))
		return -1;
	ret = verb->run(session, args, err);
	session_notices(session);
	return ret;
}

static int run_parsed(struct session *session, const struct verb *verb, const char *format,
                      struct line *line, struct err *err)
{
	struct verb_args args;
	struct sink sink;
	int ret;

	if (*format && !verb->format)
		return err_set(err, ERR_USAGE, "%s takes no /%s", verb->name, format);
	if (options_parse(verb, line->words, line->count, &args, err))
		return -1;
	args.format = format;
	if (sink_open(&sink, session, verb, line, err))
		return -1;
	ret = run_verb(session, verb, &args, err);
	return sink_close(&sink, ret, err);
}

static int run_line(struct session *session, const char *text, struct err *err)
{
	const struct verb *verb;
	struct line_head head;
	struct line line;
	int ret;

	if (line_head(text, &head, err))
		return -1;
	if (!*head.verb)
		return 0;
	if (verbs_find(session, head.verb, &verb, err))
		return -1;
	if (line_parse(head.rest, verb->raw, &line, err))
		return -1;
	ret = run_parsed(session, verb, head.format, &line, err);
	line_deinit(&line);
	return ret;
}

int verbs_run_line(struct session *session, const char *line)
{
	struct err err;
	int ret;

	if (session->interactive) /* a script that was interrupted goes no further */
		session->interrupted = 0;
	ret = run_line(session, line, &err);
	if (ret >= 0)
		return ret ? STATUS_NOT_FOUND : STATUS_OK;
	if (session_interrupted(session)) /* whatever did not work because of it */
		session_stopped(&err);
	session_report(session, &err);
	return status_of(&err);
}
