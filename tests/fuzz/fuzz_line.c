/*
 * Command lines of tpinspect: the grammar, options, completion.  The first byte chooses the verb
 * that options are for.  Nothing is run: a line can name a shell command.
 */
#include "inspect/complete.h"
#include "inspect/line.h"
#include "inspect/options.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/registry_builder.h"

#include <string.h>

static const struct verb_option options[] = {
	{"svg", "FILE", "", TAKES_FILE}, {"gdb", NULL, "", TAKES_NOTHING}, {0}};
static const struct verb words = {
	.name = "words", .usage = "", .options = options, .args_max = -1, .takes = TAKES_COMPONENT};
static const struct verb raw = {.name = "raw",
                                .usage = "",
                                .options = options,
                                .args_max = 1,
                                .raw = true,
                                .takes = TAKES_EXPRESSION};

static struct session *session(void)
{
	static struct session made;
	struct registry_builder builder;
	struct err err;

	if (made.out)
		return &made;
	registry_builder_sample(&builder, (struct registry_shape){0});
	PROMISE(!session_init(&made, "fuzz", stdout, stderr, &err));
	PROMISE(!registry_from_bytes(builder.bytes, builder.size, &made.registry, &err));
	registry_builder_deinit(&builder);
	return &made;
}

static void check_arguments(const struct verb *verb, const struct verb_args *args)
{
	PROMISE(args->count >= verb->args_min);
	PROMISE(verb->args_max < 0 || args->count <= verb->args_max);
	for (int i = 0; i < args->count; i++)
		PROMISE(args->words[i]);
	PROMISE(!args->words[args->count]);
	PROMISE(!args->options[1] || !*args->options[1]);
}

static void check_rest(const struct verb *verb, const char *rest)
{
	struct verb_args args;
	struct line line;
	struct err err;

	if (line_parse(rest, verb->raw, &line, &err)) {
		PROMISE(err.code == ERR_USAGE && *err.text);
		return;
	}
	PROMISE(!line.words[line.count]);
	PROMISE((line.sink == LINE_SINK_OUT) == !line.target);
	PROMISE(!line.target || *line.target);
	if (!options_parse(verb, line.words, line.count, &args, &err))
		check_arguments(verb, &args);
	else
		PROMISE(err.code == ERR_USAGE);
	line_deinit(&line);
}

static void check_completion(const char *text)
{
	struct completion completion;

	complete_line(session(), text, &completion);
	PROMISE(completion.start <= strlen(text));
	for (size_t i = 0; i < completion.list.count; i++)
		PROMISE(!strncmp(completion.list.words[i], text + completion.start,
		                 strlen(text + completion.start)));
	completion_deinit(&completion);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct verb *verb = size && data[0] % 2 ? &raw : &words;
	struct line_head head;
	struct err err;
	char *text;

	text = strndup(size ? (const char *)data + 1 : "", size ? size - 1 : 0);
	PROMISE(text);
	if (!line_head(text, &head, &err)) {
		PROMISE(head.rest >= text && head.rest <= text + strlen(text));
		check_rest(verb, head.rest);
	}
	check_rest(verb, text);
	check_completion(text);
	free(text);
	return 0;
}
