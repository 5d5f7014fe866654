/* print: the value of an expression, by the types a program was compiled with. */
#include "inspect/print.h"

#include "inspect/debugging.h"
#include "inspect/options.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"
#include "lib/types/eval.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { DEPTH, LIMIT, IN, THREAD, PLAIN, GDB };

static const struct verb_option options[] = {
	[DEPTH] = {"depth", "N", "show at most N levels of what is in each other (20)"},
	[LIMIT] = {"limit", "N", "show at most N elements and characters of each (200)"},
	[IN] = {"in", "ID", "look for names in this threadproc first", TAKES_COMPONENT},
	[THREAD] = {"thread", "TID", "thread-local variables of this thread (each thread's)"},
	[PLAIN] = {"plain", NULL, "as GDB: in one line, without owners, types as declared"},
	[GDB] = {"gdb", NULL, "show the GDB command for it instead"},
	{NULL},
};

static bool wants_stop(void *context)
{
	const struct session *session = context;

	return session_interrupted(session);
}

static int take_options(struct session *session, const struct verb_args *args,
                        struct render_options *ret_options, struct err *err)
{
	struct render_options chosen = {
		.depth = RENDER_DEPTH,
		.limit = RENDER_LIMIT,
		.plain = args->options[PLAIN],
		.stopped = wants_stop,
		.context = session,
	};
	uint64_t number;

	if (args->format[0] && (args->format[1] || !strchr("xduotcafsz", args->format[0])))
		return err_set(err, ERR_USAGE, "the format is one of x, d, u, o, t, c, a, f, s, z");
	chosen.format = args->format[0];
	if (args->options[DEPTH]) {
		if (option_number("depth", args->options[DEPTH], 1, RENDER_DEPTH_MAX, &number, err))
			return -1;
		chosen.depth = (unsigned)number;
	}
	if (args->options[LIMIT]) {
		if (option_number("limit", args->options[LIMIT], 1, RENDER_LIMIT_MAX, &number, err))
			return -1;
		chosen.limit = (unsigned)number;
	}
	*ret_options = chosen;
	return 0;
}

/* ---- Answers ------------------------------------------------------------- */

static bool is_array(const struct type *type)
{
	while (type->kind == TYPE_QUALIFIED && type->target)
		type = type->target;
	return type->kind == TYPE_ARRAY;
}

/* More would be a type that leads back to itself. */
#define TARGETS_MAX 64

static bool leads_on(enum type_kind kind)
{
	return kind == TYPE_POINTER || kind == TYPE_ARRAY || kind == TYPE_QUALIFIED;
}

/* Whether GDB finds a type by its declaration, and takes a pointer to it. */
static bool can_be_said(const struct type *type, const char *declaration)
{
	if (type_strip(type)->kind == TYPE_FUNCTION || strpbrk(declaration, "\n\r") ||
	    strstr(declaration, "{...}"))
		return false;
	for (int i = 0; i < TARGETS_MAX && leads_on(type->kind); i++)
		type = type_target(type);
	return !type->declaration;
}

/* "print/x *(struct node *) 0x1234": what is in memory, by its address. */
static int put_gdb(struct session *session, const char *text, const char *format,
                   const struct value *value, struct err *err)
{
	AUTO_FREE char *command = NULL;
	const char *slash = *format ? "/" : "";
	char type[TYPE_NAME_SIZE];
	int len;

	type_declare(value->type, is_array(value->type) ? "(*)" : "*", type, sizeof(type));
	if (value->in_memory && !value->bit_size && can_be_said(value->type, type))
		len = asprintf(&command, "print%s%s *(%s) 0x%" PRIx64, slash, format, type,
		               value->addr);
	else
		len = asprintf(&command, "print%s%s %s", slash, format, text);
	if (len < 0) {
		command = NULL; /* undefined after a failure */
		return err_os(err, ENOMEM, "answer");
	}
	return show_gdb(session, command, err);
}

/* One value, in the form that is wanted. */
static int show(struct session *session, struct debugging *debugging, const struct value *value,
                const struct render_options *wanted, json_t **ret_json, bool *ret_error,
                struct err *err)
{
	struct rendering rendering;

	if (render_value(debugging->catalog, value, wanted, &rendering, err))
		return -1;
	debugging_rest(debugging);
	*ret_error |= rendering.root->is_error;
	if (session->json)
		*ret_json = print_json(rendering.root);
	else
		print_text(session->out, session->colour, wanted->plain ? 0 : PRINT_COLUMNS,
		           rendering.root);
	rendering_deinit(&rendering);
	return 0;
}

static int answer(struct session *session, struct debugging *debugging, const char *text,
                  const struct value *value, const struct render_options *wanted, struct err *err)
{
	json_t *shown = NULL;
	bool is_error = false;

	if (show(session, debugging, value, wanted, &shown, &is_error, err))
		return -1;
	if (session->json &&
	    session_print_json(
		    session,
		    json_pack("{s:o, s:o, s:o}", "expression", out_json_text(text), "threadproc",
	                      value->tp ? show_json_who(value->tp) : json_null(), "value", shown),
		    err))
		return -1;
	return is_error;
}

/* One after the other, of each thread that has one. */
static int answer_threads(struct session *session, struct debugging *debugging, struct eval *eval,
                          const char *text, const struct reg_threadproc *tp,
                          const struct render_options *wanted, struct err *err)
{
	const struct threads *threads;
	json_t *all = json_array();
	bool is_error = false;

	if (component_threads(session_target(session), tp, &threads, err)) {
		json_decref(all);
		return -1;
	}
	for (size_t i = 0; i < threads->count; i++) {
		struct value value;
		json_t *shown = NULL;

		eval->tid = threads->list[i].tid;
		if (eval_text(eval, text, &value, err))
			continue;
		if (!session->json)
			fprintf(session->out, "thread %d: ", (int)eval->tid);
		if (show(session, debugging, &value, wanted, &shown, &is_error, err)) {
			json_decref(all);
			return -1;
		}
		if (session->json)
			json_array_append_new(all, json_pack("{s:i, s:o}", "thread", (int)eval->tid,
			                                     "value", shown));
	}
	if (!session->json) {
		json_decref(all);
		return is_error;
	}
	return session_print_json(session,
	                          json_pack("{s:o, s:o, s:o}", "expression", out_json_text(text),
	                                    "threadproc", show_json_who(tp), "threads", all),
	                          err);
}

static int evaluate(struct session *session, struct debugging *debugging,
                    const struct verb_args *args, const struct render_options *wanted,
                    struct err *err)
{
	const struct reg_threadproc *threaded = NULL;
	struct eval eval = {.catalog = debugging->catalog, .ret_threaded = &threaded};
	const char *text = args->words[0];
	struct value value;
	uint64_t tid = 0;

	if (args->options[THREAD] &&
	    option_number("thread", args->options[THREAD], 1, INT32_MAX, &tid, err))
		return -1;
	eval.tid = (pid_t)tid;
	if (debugging_threadproc(session, args->options[IN], &eval.tp, err))
		return -1;
	if (eval_text(&eval, text, &value, err))
		return threaded ? answer_threads(session, debugging, &eval, text, threaded, wanted,
		                                 err)
		                : -1;
	if (!args->options[GDB])
		return answer(session, debugging, text, &value, wanted, err);
	debugging_rest(debugging);
	return put_gdb(session, text, args->format, &value, err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct render_options wanted;
	struct debugging debugging;
	int ret;

	if (take_options(session, args, &wanted, err) || debugging_begin(&debugging, session, err))
		return -1;
	ret = evaluate(session, &debugging, args, &wanted, err);
	debugging_end(&debugging);
	return ret < 0 && session_interrupted(session) ? session_stopped(err) : ret;
}

const struct verb verb_print = {
	.name = "print",
	.usage = "EXPR",
	.format = "FMT",
	.help = "the value of an expression, by the types of the program",
	.details = "EXPR is as in C: variables, members, elements, casts, arithmetic, sizeof; A @ "
		   "N is N\n"
		   "elements from A on, $NAME a named pointer.\n"
		   "Nothing is called or changed.\n"
		   "A variable that only one threadproc has needs no more than its name; else say "
		   "whose:\n"
		   "2::counter, allocstr::counter.\n"
		   "'main.c'::counter is a static one of that file.\n"
		   "*(TYPE *) ADDR takes TYPE from the program that owns ADDR.\n"
		   "Every pointer is followed by its owner; objects with virtual functions are "
		   "shown as\n"
		   "what they really are, containers of the C++ library by their contents, with "
		   "what their\n"
		   "smart pointers own.\n"
		   "FMT is one of x, d, u, o, t, c, a, f, s, z.\n",
	.example = "print *(Scene *) $scene",
	.options = options,
	.takes = TAKES_EXPRESSION,
	.args_min = 1,
	.args_max = 1,
	.raw = true,
	.needs_space = true,
	.run = run,
};
