/* dump-core: a core file of one component, for debuggers that know nothing of spaces. */
#include "inspect/progress.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORCE };

static const struct verb_option options[] = {
	[FORCE] = {"force", NULL, "replace a file that is there"},
	{0},
};

/* ---- The file ------------------------------------------------------------- */

/* Only files are replaced: not a device, nor what a symbolic link leads to. */
static int check_target(const char *path, bool force, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : err_os(err, errno, "%s", path);
	if (!force)
		return err_set(err, ERR_USAGE, "%s is there already (--force replaces it)", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is no regular file", path);
	return 0;
}

/* Beside its place, so that it can be moved there; nobody else can read it. */
static int open_temporary(const char *path, char **ret_name, int *ret_fd, struct err *err)
{
	char *name;
	int fd;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return err_os(err, ENOMEM, "file name");
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		err_os(err, errno, "cannot write %s", path);
		free(name);
		return -1;
	}
	*ret_name = name;
	*ret_fd = fd;
	return 0;
}

/* Another one that came meanwhile is not replaced, unless that is wanted. */
static int move_to(const char *name, const char *path, bool force, struct err *err)
{
	if (force) {
		if (!rename(name, path))
			return 0;
	} else if (!renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_NOREPLACE)) {
		return 0;
	} else if (errno == EINVAL && !link(name, path)) { /* a file system without that */
		unlink(name);
		return 0;
	}
	return err_os(err, errno, "cannot write %s", path);
}

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
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int fd = -1;

	if (check_target(path, force, err) || open_temporary(path, &name, &fd, err))
		return -1;
	if (write_core(session, tp, fd, ret_result, err) || move_to(name, path, force, err)) {
		unlink(name);
		return -1;
	}
	return 0;
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
