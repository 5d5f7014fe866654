/* Every verb of tpinspect says what help, the man page and completion need of it. */
#include "inspect/line.h"
#include "inspect/options.h"
#include "inspect/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static bool is_name(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name);
}

/* The example that help shows is one that would be taken. */
static void check_example(const struct verb *verb)
{
	const struct session session = {0};
	const struct verb *found;
	struct verb_args args;
	struct line_head head;
	struct line line;
	struct err err;

	if (line_head(verb->example, &head, &err) ||
	    verbs_find(&session, head.verb, &found, &err) ||
	    line_parse(head.rest, verb->raw, &line, &err))
		fail_msg("%s: %s", verb->example, err.text);
	assert_ptr_equal(found, verb);
	if (options_parse(verb, line.words, line.count, &args, &err))
		fail_msg("%s: %s", verb->example, err.text);
	assert_true(!*head.format || verb->format);
	line_deinit(&line);
}

/* Help, the man page and completion are made of these. */
static void test_every_verb(void **state)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *verb = verbs[i];
		size_t options = 0;

		assert_true(is_name(verb->name));
		assert_true(verb->usage && verb->run && verb->example);
		assert_true(*verb->help && verb->help[strlen(verb->help) - 1] != '.');
		assert_true(verb->args_max < 0 || verb->args_min <= verb->args_max);
		assert_true(!verb->raw || verb->args_max == 1);
		if (verb->details)
			assert_true(verb->details[strlen(verb->details) - 1] == '\n');
		for (const struct verb_option *o = verb->options; o && o->name; o++, options++)
			assert_true(is_name(o->name) && *o->help);
		assert_true(options <= VERB_OPTIONS_MAX);
		check_example(verb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_verb)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
