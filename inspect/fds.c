/* fds: the descriptors of a threadproc, as it got them and as they are now. */
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/shared_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

/* One number of one threadproc: what it was at launch, what it is now, or both. */
struct row {
	const struct reg_threadproc *tp;
	const struct reg_fd *launch;
	const struct owned_file *now;
	bool known; /* whether it is known what is open now */
};

static const char *mode_name(uint32_t flags)
{
	if (flags & O_PATH)
		return "path";
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return "r";
	case O_WRONLY:
		return flags & O_APPEND ? "a" : "w";
	case O_RDWR:
		return flags & O_APPEND ? "r+a" : "rw";
	default:
		return "?";
	}
}

/* ---- What a row says ----------------------------------------------------- */

static int fd_of(const struct row *row)
{
	return row->now ? row->now->file->fd : row->launch->abi.fd;
}

static bool has_now(const struct row *row)
{
	return row->now && row->now->file->has_state;
}

static uint32_t flags_of(const struct row *row)
{
	if (has_now(row))
		return row->now->file->flags;
	return row->launch ? row->launch->abi.flags : 0;
}

static uint32_t kind_of(const struct row *row)
{
	if (has_now(row))
		return row->now->file->kind;
	return row->launch ? row->launch->abi.kind : (uint32_t)TP_FD_OTHER;
}

static const char *target_of(const struct row *row)
{
	if (row->now)
		return row->now->file->target;
	return row->launch ? row->launch->target : "";
}

static bool is_replaced(const struct row *row)
{
	return row->launch && has_now(row) &&
	       (row->launch->abi.dev != row->now->file->dev ||
	        row->launch->abi.ino != row->now->file->ino);
}

static const char *state_of(const struct row *row)
{
	if (!row->known)
		return "unknown";
	if (!row->now)
		return "closed";
	if (!row->launch)
		return "opened";
	return is_replaced(row) ? "replaced" : "inherited";
}

/* ---- Rows ---------------------------------------------------------------- */

typedef int row_visitor(void *context, const struct row *row, struct err *err);

static const struct owned_file *file_now(const struct shared_files *files,
                                         const struct reg_threadproc *tp, int fd)
{
	for (size_t i = 0; i < files->count; i++) {
		if (files->list[i].tp == tp && files->list[i].file->fd == fd)
			return &files->list[i];
	}
	return NULL;
}

static const struct reg_fd *file_at_launch(const struct reg_threadproc *tp, int fd)
{
	for (size_t i = 0; i < tp->fd_count; i++) {
		if (tp->fds[i].abi.fd == fd)
			return &tp->fds[i];
	}
	return NULL;
}

/* What it got at launch, in the order of the launch; then what it opened itself. */
static int each_row(const struct shared_files *files, const struct reg_threadproc *tp,
                    row_visitor *visit, void *context, struct err *err)
{
	const bool known = shared_files_has(files, tp);
	int ret = 0;

	for (size_t i = 0; i < tp->fd_count && !ret; i++) {
		struct row row = {tp, &tp->fds[i], NULL, known};

		row.now = known ? file_now(files, tp, tp->fds[i].abi.fd) : NULL;
		ret = visit(context, &row, err);
	}
	for (size_t i = 0; i < files->count && !ret; i++) {
		const struct owned_file *now = &files->list[i];
		struct row row = {tp, NULL, now, true};

		if (now->tp == tp && !file_at_launch(tp, now->file->fd))
			ret = visit(context, &row, err);
	}
	return ret;
}

/* Another descriptor for the same open file; *at is where to go on from. */
static const struct owned_file *next_sharer(const struct shared_files *files, const struct row *row,
                                            size_t *at)
{
	while (row->now && row->now->group && *at < files->count) {
		const struct owned_file *other = &files->list[(*at)++];

		if (other != row->now && other->group == row->now->group)
			return other;
	}
	return NULL;
}

/* ---- JSON ---------------------------------------------------------------- */

struct json_rows {
	const struct shared_files *files;
	json_t *all;
};

static json_t *sharers_json(const struct shared_files *files, const struct row *row)
{
	const struct owned_file *other;
	json_t *all;
	size_t at = 0;

	if (!row->now || !row->now->group)
		return json_null();
	all = json_array();
	while ((other = next_sharer(files, row, &at))) {
		if (json_array_append_new(all, json_pack("{s:I, s:i}", "id",
		                                         (json_int_t)other->tp->abi.id, "fd",
		                                         other->file->fd))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static int add_json(void *context, const struct row *row, struct err *err)
{
	struct json_rows *rows = context;
	const struct reg_fd *launch = row->launch;
	uint64_t dev = has_now(row) ? row->now->file->dev : launch ? launch->abi.dev : 0;
	uint64_t ino = has_now(row) ? row->now->file->ino : launch ? launch->abi.ino : 0;
	json_t *fd = json_pack(
		"{s:I, s:o, s:i, s:s, s:s, s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:o}", "id",
		(json_int_t)row->tp->abi.id, "launcher_fd",
		launch ? json_integer(launch->abi.launcher_fd) : json_null(), "fd", fd_of(row),
		"kind", show_fd_kind(kind_of(row)), "mode", mode_name(flags_of(row)), "flags",
		out_json_hex(flags_of(row)), "device", out_json_hex(dev), "inode", (json_int_t)ino,
		"target", out_json_text(target_of(row)), "state", state_of(row), "position",
		has_now(row) ? json_integer((json_int_t)row->now->file->pos) : json_null(),
		"target_at_launch", launch ? out_json_text(launch->target) : json_null(),
		"shared_with", sharers_json(rows->files, row));

	if (json_array_append_new(rows->all, fd))
		return err_os(err, ENOMEM, "answer");
	return 0;
}

static int fds_json(struct session *session, const struct shared_files *files,
                    const struct show_selection *selection, struct err *err)
{
	struct json_rows rows = {files, json_array()};

	for (size_t i = 0; i < selection->count; i++) {
		if (each_row(files, selection->list[i], add_json, &rows, err)) {
			json_decref(rows.all);
			return -1;
		}
	}
	return session_print_json(session, json_pack("{s:o}", "fds", rows.all), err);
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, LAUNCHER, FD, KIND, MODE, STATE, POSITION, SHARED, TARGET };

static const struct out_column columns[] = {
	[ID] = {"ID", true},          [NAME] = {"NAME", false},   [LAUNCHER] = {"LAUNCHER", true},
	[FD] = {"FD", true},          [KIND] = {"KIND", false},   [MODE] = {"MODE", false},
	[STATE] = {"STATE", false},   [POSITION] = {"POS", true}, [SHARED] = {"SHARED WITH", false},
	[TARGET] = {"TARGET", false},
};

struct text_rows {
	const struct shared_files *files;
	struct out_table *table;
};

/* "2:1 3:0": ID:FD of each. */
static char *sharers_text(const struct shared_files *files, const struct row *row)
{
	const struct owned_file *other;
	const char *between = "";
	char *text = NULL;
	size_t size, at = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	while ((other = next_sharer(files, row, &at))) {
		fprintf(out, "%s%" PRIu32 ":%d", between, other->tp->abi.id, other->file->fd);
		between = " ";
	}
	fclose(out);
	return text;
}

static int add_text(void *context, const struct row *row, struct err *err)
{
	struct text_rows *rows = context;
	struct out_table *table = rows->table;
	AUTO_FREE char *sharers = sharers_text(rows->files, row);

	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, row->tp->abi.id);
	out_table_cell(table, NAME, "%s", row->tp->abi.name);
	if (row->launch && row->launch->abi.launcher_fd >= 0)
		out_table_cell(table, LAUNCHER, "%" PRId32, row->launch->abi.launcher_fd);
	out_table_cell(table, FD, "%d", fd_of(row));
	out_table_cell(table, KIND, "%s", show_fd_kind(kind_of(row)));
	out_table_cell(table, MODE, "%s", mode_name(flags_of(row)));
	if (row->known)
		out_table_cell(table, STATE, "%s", state_of(row));
	if (has_now(row) && kind_of(row) == TP_FD_FILE)
		out_table_cell(table, POSITION, "%" PRIu64, row->now->file->pos);
	out_table_cell(table, SHARED, "%s", sharers ? sharers : "");
	out_table_cell(table, TARGET, "%s", target_of(row));
	return 0;
}

static int fds_text(struct session *session, const struct shared_files *files,
                    const struct show_selection *selection, struct err *err)
{
	struct text_rows rows = {.files = files};
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour,
	                     &rows.table, err))
		return -1;
	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		each_row(files, tp, add_text, &rows, err);
		show_health(session, "threadproc", tp->abi.id, &tp->health);
	}
	out_table_when_empty(rows.table, "no descriptor is known");
	ret = out_table_print(rows.table, session->out, err);
	out_table_destroy(rows.table);
	return ret;
}

/* ---- The verb ------------------------------------------------------------ */

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	struct shared_files files = {0};
	struct err ignored;
	int ret;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	/* Without them, what was at launch is told. */
	shared_files_read(session_target(session), &files, &ignored);
	ret = session->json ? fds_json(session, &files, &selection, err)
	                    : fds_text(session, &files, &selection, err);
	shared_files_deinit(&files);
	free(selection.list);
	return ret;
}

const struct verb verb_fds = {
	.name = "fds",
	.usage = "[ID]",
	.help = "descriptors, as they were at launch and as they are now",
	.details =
		"Of all threadprocs, or of the one with that id or name.\n"
		"LAUNCHER is the number in the process that asked for the launch.\n"
		"STATE is 'inherited' for what is still the same file, 'replaced', 'closed', or\n"
		"'opened' for what came later.\n"
		"SHARED WITH has ID:FD of each other descriptor in the space that is the same "
		"open\n"
		"file, with a common position.\n",
	.example = "fds allocstr",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
