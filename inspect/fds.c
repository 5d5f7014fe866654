#include "inspect/show.h"
#include "inspect/verbs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[TP_FD_OTHER] = "other",   [TP_FD_FILE] = "file",   [TP_FD_DIR] = "directory",
		[TP_FD_CHAR] = "char",     [TP_FD_BLOCK] = "block", [TP_FD_PIPE] = "pipe",
		[TP_FD_SOCKET] = "socket", [TP_FD_TTY] = "tty",     [TP_FD_ANON] = "anon",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

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

/* ---- JSON ---------------------------------------------------------------- */

static json_t *fd_json(const struct reg_threadproc *tp, const struct reg_fd *fd)
{
	return json_pack("{s:I, s:i, s:i, s:s, s:s, s:o, s:o, s:I, s:o}", "id",
	                 (json_int_t)tp->abi.id, "launcher_fd", (int)fd->abi.launcher_fd, "fd",
	                 (int)fd->abi.fd, "kind", kind_name(fd->abi.kind), "mode",
	                 mode_name(fd->abi.flags), "flags", out_json_hex(fd->abi.flags), "device",
	                 out_json_hex(fd->abi.dev), "inode", (json_int_t)fd->abi.ino, "target",
	                 out_json_text(fd->target));
}

static int fds_json(struct session *session, const struct show_selection *selection,
                    struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		for (size_t j = 0; j < tp->fd_count; j++) {
			if (json_array_append_new(all, fd_json(tp, &tp->fds[j]))) {
				json_decref(all);
				return session_print_json(session, NULL, err);
			}
		}
	}
	return session_print_json(session, json_pack("{s:o}", "fds", all), err);
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, LAUNCHER, FD, KIND, MODE, TARGET };

static const struct out_column columns[] = {
	[ID] = {"ID", true},          [NAME] = {"NAME", false}, [LAUNCHER] = {"LAUNCHER", true},
	[FD] = {"FD", true},          [KIND] = {"KIND", false}, [MODE] = {"MODE", false},
	[TARGET] = {"TARGET", false},
};

static void add_row(struct out_table *table, const struct reg_threadproc *tp,
                    const struct reg_fd *fd)
{
	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, tp->abi.id);
	out_table_cell(table, NAME, "%s", tp->abi.name);
	if (fd->abi.launcher_fd >= 0)
		out_table_cell(table, LAUNCHER, "%" PRId32, fd->abi.launcher_fd);
	out_table_cell(table, FD, "%" PRId32, fd->abi.fd);
	out_table_cell(table, KIND, "%s", kind_name(fd->abi.kind));
	out_table_cell(table, MODE, "%s", mode_name(fd->abi.flags));
	out_table_cell(table, TARGET, "%s", fd->target);
}

static int fds_text(struct session *session, const struct show_selection *selection,
                    struct err *err)
{
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		for (size_t j = 0; j < tp->fd_count; j++)
			add_row(table, tp, &tp->fds[j]);
		show_health(session, "threadproc", tp->abi.id, &tp->health);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	ret = session->json ? fds_json(session, &selection, err)
	                    : fds_text(session, &selection, err);
	free(selection.list);
	return ret;
}

const struct verb verb_fds = {
	.name = "fds",
	.usage = "[ID]",
	.help = "descriptors, as they were handed over at launch",
	.details = "Of all threadprocs, or of the one with that id or name.\n"
		   "LAUNCHER is the number in the process that asked for the launch.\n",
	.example = "fds 2",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
