/* report: the space on one page of HTML. */
#include "inspect/new_file.h"
#include "inspect/page/page.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FORCE };

static const struct verb_option options[] = {
	[FORCE] = {"force", NULL, "replace a file that is there", TAKES_NOTHING},
	{0},
};

/* Closes the file's descriptor. */
static int write_stream(struct session *session, struct new_file *file, struct page_sums *ret_sums,
                        off_t *ret_size, struct err *err)
{
	FILE *out = fdopen(file->fd, "w");
	bool failed;
	int ret;

	if (!out)
		return err_os(err, errno, "cannot write %s", file->path);
	file->fd = -1;
	ret = page_write(session, out, ret_sums, err);
	*ret_size = ftello(out);
	errno = 0;
	failed = ferror(out);
	failed |= fclose(out) != 0;
	if (failed && !ret)
		return err_os(err, errno ? errno : EIO, "cannot write %s", file->path);
	return ret;
}

static int answer(struct session *session, const char *path, const struct page_sums *sums,
                  off_t size, struct err *err)
{
	char bytes[SHOW_TEXT_SIZE];

	if (session->json)
		return session_print_json(
			session,
			json_pack("{s:o, s:I, s:I, s:I, s:I}", "file", out_json_text(path),
		                  "file_size", (json_int_t)size, "components",
		                  (json_int_t)sums->components, "living", (json_int_t)sums->living,
		                  "crashed", (json_int_t)sums->crashed),
			err);
	fprintf(session->out, "%zu component%s, %zu crashed, in ", sums->components,
	        sums->components == 1 ? "" : "s", sums->crashed);
	out_text(session->out, path);
	fprintf(session->out, ", %s\n", show_bytes((uint64_t)size, bytes));
	return 0;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const char *path = args->words[0];
	struct page_sums sums;
	struct new_file file;
	off_t size = 0;
	int ret;

	if (new_file_begin(&file, path, args->options[FORCE], err))
		return -1;
	ret = write_stream(session, &file, &sums, &size, err);
	if (new_file_end(&file, !ret, err) || ret)
		return -1;
	return answer(session, path, &sums, size, err);
}

const struct verb verb_report = {
	.name = "report",
	.usage = "FILE",
	.help = "the space on one page of HTML",
	.details = "Components, crashes, the address map, who points into whom, shared descriptors "
                   "and\n"
		   "locks, as they are now: to be kept, or to be sent to somebody.\n"
		   "The page is one file that needs nothing else: no network, and no script to be "
                   "read.\n"
		   "Nobody but the user can read it.\n",
	.example = "report space.html",
	.options = options,
	.takes = TAKES_FILE,
	.args_min = 1,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
