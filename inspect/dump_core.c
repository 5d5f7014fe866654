/* dump-core: a core file of one component, for debuggers that know nothing of spaces. */
#include "inspect/new_file.h"
#include "inspect/progress.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/dump.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FORCE };

static const struct verb_option options[] = {
	[FORCE] = {"force", NULL, "replace a file that is there"},
	{0},
};

/* ---- Writing -------------------------------------------------------------- */

static int step(void *context, uint64_t bytes, struct err *err)
{
	return progress_step(context, bytes) ? 0 : session_stopped(err);
}

static int write_core(struct session *session, const struct reg_threadproc *tp, int fd,
                      struct dump_result *ret_result, struct err *err)
{
	AUTO_CLOSE int registry = -1;
	struct progress progress;
	struct dump *dump;
	int ret;

	if (!session->core_path && registry_open_file(session->space, &registry, err))
		return -1;
	if (dump_create(session_target(session), tp, registry, &dump, err))
		return -1;
	progress_begin(&progress, session, "writing", PROGRESS_BYTES, dump_bytes(dump));
	ret = dump_write(dump, fd, step, &progress, ret_result, err);
	progress_end(&progress);
	dump_destroy(dump);
	return ret;
}

static int dump_to(struct session *session, const struct reg_threadproc *tp, const char *path,
                   bool force, struct dump_result *ret_result, struct err *err)
{
	struct new_file file;
	int ret;

	if (new_file_begin(&file, path, force, err))
		return -1;
	ret = write_core(session, tp, file.fd, ret_result, err);
	return new_file_end(&file, !ret, err) ? -1 : ret;
}

/* ---- The answer ------------------------------------------------------------ */

static int answer_json(struct session *session, const struct reg_threadproc *tp, const char *path,
                       const struct dump_result *result, struct err *err)
{
	return session_print_json(
		session,
		json_pack("{s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:I}", "threadproc",
	                  show_json_who(tp), "file", out_json_text(path), "threads",
	                  (json_int_t)result->threads, "threads_missing",
	                  (json_int_t)result->threads_missing, "problem",
	                  *result->why ? out_json_text(result->why) : json_null(), "copied",
	                  (json_int_t)result->copied, "lost", (json_int_t)result->lost, "file_size",
	                  (json_int_t)result->size),
		err);
}

static int answer(struct session *session, const struct reg_threadproc *tp, const char *path,
                  const struct dump_result *result, struct err *err)
{
	char bytes[SHOW_TEXT_SIZE];

	if (session->json)
		return answer_json(session, tp, path, result, err);
	fprintf(session->out, "%zu thread%s and %s of ", result->threads,
	        result->threads == 1 ? "" : "s", show_bytes(result->copied, bytes));
	out_text(session->out, tp->abi.name);
	fputs(" in ", session->out);
	out_text(session->out, path);
	fputc('\n', session->out);
	if (result->threads_missing)
		fprintf(session->err_out, "without %zu of its threads: %s\n",
		        result->threads_missing, result->why);
	if (result->lost)
		fprintf(session->err_out, "without %s that cannot be read\n",
		        show_bytes(result->lost, bytes));
	return 0;
}

static int one_living(const struct snapshot *snapshot, const char *word,
                      const struct reg_threadproc **ret_tp, struct err *err)
{
	struct show_selection selection;
	const struct reg_threadproc *found = NULL;
	size_t living = 0;

	if (show_select(snapshot, word, &selection, err))
		return -1;
	for (size_t i = 0; i < selection.count; i++) {
		if (!reg_threadproc_lives(selection.list[i]))
			continue;
		living++;
		found = selection.list[i];
	}
	free(selection.list);
	if (!living)
		return err_set(err, ERR_NOT_FOUND, "%s has ended: its memory is gone", word);
	if (living > 1)
		return err_set(err, ERR_USAGE, "%s means %zu threadprocs: name one by its id", word,
		               living);
	*ret_tp = found;
	return 0;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const char *path = args->words[1];
	const struct reg_threadproc *tp = NULL;
	struct dump_result result;

	if (one_living(session->snapshot, args->words[0], &tp, err) ||
	    dump_to(session, tp, path, args->options[FORCE], &result, err))
		return -1;
	return answer(session, tp, path, &result, err);
}

const struct verb verb_dump_core = {
	.name = "dump-core",
	.usage = "ID FILE",
	.help = "a core file of one component, for GDB and other debuggers",
	.details =
		"Its memory, threads and files, as if it had an address space of its own; it runs on.\n"
		"Each thread is stopped while its registers and its stack are copied: these belong to\n"
		"one moment.\n"
		"Other memory is copied afterwards.\n"
		"A thread that crashed and is held comes first, with its registers as they were then.\n"
		"What a file has and nobody changed is left to the file; of memory that is shared with\n"
		"others, what was used in the space is copied.\n"
		"'tpinspect --core FILE' opens it too, and so knows whom pointers lead to.\n",
	.example = "dump-core allocstr /tmp/allocstr.core",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_min = 2,
	.args_max = 2,
	.needs_space = true,
	.run = run,
};
