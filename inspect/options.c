#include "inspect/options.h"

#include "inspect/nearest.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct verb_option none[] = {{0}};

static const struct verb_option *options_of(const struct verb *verb)
{
	return verb->options ? verb->options : none;
}

static int unknown(const struct verb *verb, const char *name, size_t len, struct err *err)
{
	char asked[NEAREST_LENGTH_MAX + 1];
	struct nearest nearest;

	snprintf(asked, sizeof(asked), "%.*s", (int)(len < sizeof(asked) ? len : 0), name);
	nearest_init(&nearest, asked);
	for (const struct verb_option *o = options_of(verb); o->name; o++)
		nearest_consider(&nearest, o->name);
	if (nearest_found(&nearest))
		return err_set(err, ERR_USAGE, "%s has no option '--%.*s'; did you mean '--%s'?",
		               verb->name, (int)len, name, nearest_found(&nearest));
	return err_set(err, ERR_USAGE, "%s has no option '--%.*s'", verb->name, (int)len, name);
}

/*
 * The option `word` ("--name[=value]"); next is the word behind it.  Returns how many words it
 * was, -1 on failure.
 */
static int parse_one(const struct verb *verb, const char *word, const char *next,
                     struct verb_args *args, struct err *err)
{
	const char *name = word + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;

	for (size_t i = 0; options_of(verb)[i].name; i++) {
		const struct verb_option *option = &options_of(verb)[i];

		if (strlen(option->name) != len || strncmp(option->name, name, len))
			continue;
		if (!option->value && value)
			return err_set(err, ERR_USAGE, "--%s takes no value", option->name);
		if (!option->value)
			value = "";
		if (value) {
			args->options[i] = value;
			return 1;
		}
		if (!next || verb->raw)
			return err_set(err, ERR_USAGE, "--%s needs a value: --%s=%s", option->name,
			               option->name, option->value);
		args->options[i] = next;
		return 2;
	}
	return unknown(verb, name, len, err);
}

static int check_count(const struct verb *verb, int count, struct err *err)
{
	AUTO_FREE char *usage = NULL;

	if (count >= verb->args_min && (verb->args_max < 0 || count <= verb->args_max))
		return 0;
	usage = options_usage(verb);
	if (!usage)
		return err_os(err, ENOMEM, "usage");
	return err_set(err, ERR_USAGE, "usage: %s", usage);
}

int options_parse(const struct verb *verb, char **words, int count, struct verb_args *ret_args,
                  struct err *err)
{
	struct verb_args args = {.words = words, .format = ""};
	bool ended = false;

	for (int i = 0; i < count;) {
		char *word = words[i];
		int taken;

		if (ended || strncmp(word, "--", 2) != 0) {
			words[args.count++] = word;
			i++;
			continue;
		}
		if (!word[2]) {
			ended = true;
			i++;
			continue;
		}
		taken = parse_one(verb, word, words[i + 1], &args, err);
		if (taken < 0)
			return -1;
		i += taken;
	}
	words[args.count] = NULL;
	if (check_count(verb, args.count, err))
		return -1;
	*ret_args = args;
	return 0;
}

char *options_usage(const struct verb *verb)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	bool failed;

	if (!file)
		return NULL;
	fputs(verb->name, file);
	if (verb->format)
		fprintf(file, "[/%s]", verb->format);
	for (const struct verb_option *o = options_of(verb); o->name; o++) {
		const char *between = !o->value ? "" : verb->raw ? "=" : " ";

		fprintf(file, " [--%s%s%s]", o->name, between, o->value ? o->value : "");
	}
	if (*verb->usage)
		fprintf(file, " %s", verb->usage);
	failed = ferror(file);
	if (fclose(file) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

int option_number(const char *name, const char *value, uint64_t min, uint64_t max,
                  uint64_t *ret_number, struct err *err)
{
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || number < min || number > max)
		return err_set(err, ERR_USAGE, "%s: '%s' is no number from %" PRIu64 " to %" PRIu64,
		               name, value, min, max);
	*ret_number = number;
	return 0;
}
