#include "inspect/complete.h"

#include "inspect/line.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list ------------------------------------------------------------ */

static bool can_be_typed(const char *word)
{
	for (const char *c = word; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("'\"\\", *c))
			return false;
	}
	return *word;
}

bool complete_add(struct complete_list *list, const char *prefix, const char *word)
{
	if (list->stopped || strncmp(word, prefix, strlen(prefix)) != 0 || !can_be_typed(word))
		return !list->stopped;
	if (!list->words)
		list->words = calloc(COMPLETE_MAX, sizeof(*list->words));
	if (list->words)
		list->words[list->count] = strdup(word);
	if (!list->words || !list->words[list->count]) {
		list->stopped = true;
		return false;
	}
	list->stopped = ++list->count == COMPLETE_MAX;
	return !list->stopped;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct complete_list *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->words, list->count, sizeof(*list->words), by_text);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && !strcmp(list->words[kept - 1], list->words[i]))
			free(list->words[i]);
		else
			list->words[kept++] = list->words[i];
	}
	list->count = kept;
}

/* ---- Providers ----------------------------------------------------------- */

static void provide_verbs(struct session *session, const char *prefix, struct complete_list *list)
{
	for (size_t i = 0; i < verb_count; i++)
		complete_add(list, prefix, verbs[i]->name);
}

/* Their names; their ids, once a digit is there. */
static void provide_components(struct session *session, const char *prefix,
                               struct complete_list *list)
{
	const struct snapshot *s;
	struct err ignored;

	if (session_refresh(session, &ignored))
		return;
	s = session->snapshot;
	for (size_t i = 0; i < s->threadproc_count; i++) {
		char id[16];

		if (s->threadprocs[i].abi.state == TP_STATE_NONE)
			continue;
		snprintf(id, sizeof(id), "%" PRIu32, s->threadprocs[i].abi.id);
		if (*prefix)
			complete_add(list, prefix, id);
		complete_add(list, prefix, s->threadprocs[i].abi.name);
	}
}

static const complete_provider providers[TAKES_END] = {
	[TAKES_COMPONENT] = provide_components,
	[TAKES_SYMBOL] = complete_symbols,
	[TAKES_TYPE] = complete_types,
	[TAKES_VERB] = provide_verbs,
};

static void provide(struct session *session, enum verb_takes takes, const char *prefix,
                    struct completion *completion)
{
	completion->file = takes == TAKES_FILE;
	if (providers[takes])
		providers[takes](session, prefix, &completion->list);
}

static void provide_options(const struct verb *verb, const char *prefix, struct complete_list *list)
{
	for (const struct verb_option *o = verb->options; o && o->name; o++) {
		char word[64];

		snprintf(word, sizeof(word), "--%s%s", o->name, verb->raw && o->value ? "=" : "");
		complete_add(list, prefix, word);
	}
}

/* ---- Which word ---------------------------------------------------------- */

/* The word before the cursor and the one before that, between blanks. */
struct place {
	const char *word; /* up to the end of the line */
	const char *before;
	size_t before_len;
	bool in_pipe;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct place find_place(const char *rest)
{
	struct place place = {.word = rest, .before = rest};
	const char *at = rest;

	while (*at) {
		const char *begin;

		while (is_blank(*at))
			at++;
		begin = at;
		while (*at && !is_blank(*at))
			at++;
		if (*at) {
			place.before = begin;
			place.before_len = (size_t)(at - begin);
		}
		place.word = begin;
		place.in_pipe |= *begin == '|';
	}
	return place;
}

static bool is_before(const struct place *place, const char *word)
{
	return place->before_len == strlen(word) &&
	       !strncmp(place->before, word, place->before_len);
}

/* The option that a text of len bytes ("--svg") names; NULL: none. */
static const struct verb_option *option_named(const struct verb *verb, const char *text, size_t len)
{
	for (const struct verb_option *o = verb->options; o && o->name; o++) {
		if (len == strlen(o->name) + 2 && !strncmp(text, "--", 2) &&
		    !strncmp(text + 2, o->name, len - 2))
			return o;
	}
	return NULL;
}

/* Behind "one::", if that is how a component is called. */
static const char *behind_component(struct session *session, const char *name)
{
	const char *colons = strstr(name, "::");
	AUTO_FREE char *word = colons ? strndup(name, (size_t)(colons - name)) : NULL;
	struct show_selection selection;
	struct err ignored;

	if (!word || !*word || session_refresh(session, &ignored) ||
	    show_select(session->snapshot, word, &selection, &ignored))
		return name;
	free(selection.list);
	return colons + 2;
}

/*
 * Within an expression, a word is what could be a name; behind "(" it could be a type, else
 * a symbol.
 */
static void complete_expression(struct session *session, const char *line, const char *word,
                                struct completion *completion)
{
	const char *at = word + strlen(word);
	bool type;

	while (at > word && !strchr("()[]{}*&!~<>=+-/%,.;?|^", at[-1]))
		at--;
	type = at > word && at[-1] == '(';
	at = behind_component(session, at);
	completion->start = (size_t)(at - line);
	completion->within = true;
	provide(session, TAKES_SYMBOL, at, completion);
	if (type)
		provide(session, TAKES_TYPE, at, completion);
}

static void complete_argument(struct session *session, const struct verb *verb, const char *line,
                              const struct place *place, struct completion *completion)
{
	const char *word = place->word;
	const char *equals = strchr(word, '=');
	const struct verb_option *before = option_named(verb, place->before, place->before_len);
	const struct verb_option *within =
		equals ? option_named(verb, word, (size_t)(equals - word)) : NULL;

	completion->start = (size_t)(word - line);
	if (within && within->value) {
		completion->start = (size_t)(equals + 1 - line);
		provide(session, within->takes, equals + 1, completion);
	} else if (before && before->value && !verb->raw) {
		provide(session, before->takes, word, completion);
	} else if (!strncmp(word, "--", 2)) {
		provide_options(verb, word, &completion->list);
	} else if (verb->takes == TAKES_EXPRESSION) {
		complete_expression(session, line, word, completion);
	} else {
		provide(session, verb->takes, word, completion);
	}
}

static void complete_rest(struct session *session, const struct verb *verb, const char *line,
                          const char *rest, struct completion *completion)
{
	struct place place = find_place(rest);
	const char *word = place.word;

	if (place.in_pipe)
		return;
	if (is_before(&place, ">") || is_before(&place, ">>")) {
		completion->start = (size_t)(word - line);
		completion->file = true;
		return;
	}
	if (*word == '>' && !verb->raw) {
		word += strspn(word, ">");
		completion->start = (size_t)(word - line);
		completion->file = true;
		return;
	}
	complete_argument(session, verb, line, &place, completion);
}

void complete_line(struct session *session, const char *line, struct completion *ret_completion)
{
	struct completion completion = {.start = strlen(line)};
	const struct verb *verb;
	struct line_head head;
	struct err ignored;

	if (!line_head(line, &head, &ignored)) {
		if (!*head.rest || !*head.verb) {
			completion.start -= *head.format ? 0 : strlen(head.verb);
			if (!*head.format && line[strspn(line, " \t")] != '#')
				provide_verbs(session, head.verb, &completion.list);
		} else if (!verbs_find(session, head.verb, &verb, &ignored)) {
			complete_rest(session, verb, line, head.rest, &completion);
		}
	}
	sort(&completion.list);
	*ret_completion = completion;
}

void completion_deinit(struct completion *completion)
{
	for (size_t i = 0; i < completion->list.count; i++)
		free(completion->list.words[i]);
	free(completion->list.words);
}
