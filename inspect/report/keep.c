#include "inspect/report/keep.h"

#include "inspect/report/report.h"

#include "lib/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JSON_END ".json"
#define TEXT_END ".txt"

/* ---- The directory ------------------------------------------------------------------------- */

/* $XDG_STATE_HOME, if it is an absolute path as it has to be, else $HOME/.local/state. */
static char *state_home(struct err *err)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;

	if (xdg && *xdg == '/') {
		path = strdup(xdg);
	} else if (!home || *home != '/') {
		err_set(err, ERR_NOT_FOUND, "neither XDG_STATE_HOME nor HOME is set");
		return NULL;
	} else if (asprintf(&path, "%s/.local/state", home) < 0) {
		path = NULL;
	}
	if (!path)
		err_os(err, ENOMEM, "reports");
	return path;
}

/* Makes what is missing of a path, for the user alone. */
static int make_path(char *path, struct err *err)
{
	for (char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		mkdir(path, 0700); /* a failure shows at the end */
		*c = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? err_os(err, errno, "cannot make %s", path)
	                                            : 0;
}

static int open_dir(bool make, char **ret_path, int *ret_fd, struct err *err)
{
	AUTO_FREE char *home = state_home(err);
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (!home)
		return -1;
	if (asprintf(&path, "%s/tproc/crashes", home) < 0) {
		path = NULL;
		return err_os(err, ENOMEM, "reports");
	}
	if (make && make_path(path, err))
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "no reports are kept (%s)", path);
	if (fd < 0 || fstat(fd, &st))
		return err_os(err, errno, "cannot open %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, ERR_DENIED, "%s is not the user's alone", path);
	*ret_path = TAKE_PTR(path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- What is there --------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
	return strcmp(((const struct kept *)b)->name, ((const struct kept *)a)->name);
}

/* "2026..." of "2026....json"; NULL for what is no report. */
static char *name_of(const char *file)
{
	size_t length = strlen(file), end = strlen(JSON_END);

	if (length <= end || *file < '0' || *file > '9' ||
	    strcmp(file + length - end, JSON_END) != 0)
		return NULL;
	return strndup(file, length - end);
}

static int list_files(DIR *dir, struct kept_list *list, struct err *err)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		char *name = name_of(entry->d_name);
		struct kept *grown;

		if (!name)
			continue;
		grown = reallocarray(list->list, list->count + 1, sizeof(*grown));
		if (!grown) {
			free(name);
			return err_os(err, ENOMEM, "reports");
		}
		list->list = grown;
		grown[list->count++].name = name;
	}
	if (list->count)
		qsort(list->list, list->count, sizeof(*list->list), newest_first);
	return 0;
}

/* Takes the descriptor over. */
static int list_dir(int fd, struct kept_list *list, struct err *err)
{
	DIR *dir = fdopendir(fd);
	int ret;

	if (!dir) {
		close(fd);
		return err_os(err, errno, "reports");
	}
	ret = list_files(dir, list, err);
	closedir(dir);
	return ret;
}

void kept_deinit(struct kept_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->list[i].name);
	free(list->list);
	free(list->dir);
	*list = (struct kept_list){0};
}

int kept_read(struct kept_list *ret_list, struct err *err)
{
	struct kept_list list = {0};
	int fd = -1;

	if (open_dir(false, &list.dir, &fd, err)) {
		*ret_list = list;
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	}
	if (list_dir(fd, &list, err)) {
		kept_deinit(&list);
		return -1;
	}
	*ret_list = list;
	return 0;
}

int kept_load(const struct kept_list *list, size_t i, json_t **ret_report, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	json_error_t wrong;
	struct stat st;

	if (asprintf(&path, "%s/%s" JSON_END, list->dir, list->list[i].name) < 0) {
		path = NULL;
		return err_os(err, ENOMEM, "report");
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_os(err, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > KEEP_REPORT_BYTES_MAX)
		return err_set(err, ERR_INVALID, "%s is no report", path);
	*ret_report = json_loadfd(fd, JSON_REJECT_DUPLICATES, &wrong);
	if (!*ret_report)
		return err_set(err, ERR_INVALID, "%s: %s", path, wrong.text);
	return 0;
}

/* ---- Keeping -----------------------------------------------------------------------------------
 */

static void drop(int dir, const char *name, const char *end)
{
	char file[NAME_MAX + 1];

	if (snprintf(file, sizeof(file), "%s%s", name, end) < (int)sizeof(file))
		unlinkat(dir, file, 0);
}

static uint64_t size_of(int dir, const char *name, const char *end)
{
	char file[NAME_MAX + 1];
	struct stat st;

	if (snprintf(file, sizeof(file), "%s%s", name, end) >= (int)sizeof(file) ||
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return (uint64_t)st.st_size;
}

/* The oldest go.  Two who do this at once do it together. */
static void make_room(int dir)
{
	struct kept_list list = {0};
	uint64_t bytes = 0;
	struct err err;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || list_dir(fd, &list, &err)) {
		kept_deinit(&list);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const char *name = list.list[i].name;

		bytes += size_of(dir, name, JSON_END) + size_of(dir, name, TEXT_END);
		if (i < KEEP_REPORTS_MAX && (bytes <= KEEP_BYTES_MAX || !i))
			continue;
		drop(dir, name, JSON_END);
		drop(dir, name, TEXT_END);
	}
	kept_deinit(&list);
}

static int write_file(int dir, const char *name, const char *end, const char *text, size_t size,
                      struct err *err)
{
	char file[NAME_MAX + 1];
	AUTO_CLOSE int fd = -1;

	if (size > KEEP_REPORT_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "the report is too large to be kept (%zu bytes)",
		               size);
	snprintf(file, sizeof(file), "%s%s", name, end);
	fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, errno, "cannot make %s", file);
	while (size) {
		ssize_t put = write(fd, text, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			int number = errno;

			unlinkat(dir, file, 0);
			return err_os(err, number, "cannot write %s", file);
		}
		text += put;
		size -= (size_t)put;
	}
	return 0;
}

/* The time of the crash comes first: names sort as the crashes happened. */
static char *new_name(const json_t *report)
{
	const char *time = json_string_value(json_object_get(report, "time"));
	const char *space = json_string_value(json_object_get(report, "space"));
	const json_t *who = json_object_get(report, "threadproc");
	char *name;

	if (asprintf(&name, "%.*s-%s-%lld", 23, time ? time : "", space ? space : "",
	             (long long)json_integer_value(json_object_get(who, "id"))) < 0)
		return NULL;
	for (char *c = name; *c; c++) {
		if (*c == '/')
			*c = '_';
	}
	return name;
}

static int write_text(int dir, const char *name, const json_t *report, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_os(err, ENOMEM, "report");
	report_print(out, false, report, REPORT_FULL);
	if (fclose(out))
		return err_os(err, ENOMEM, "report");
	return write_file(dir, name, TEXT_END, text, size, err);
}

int keep_report(const json_t *report, char **ret_path, struct err *err)
{
	AUTO_FREE char *text = json_dumps(report, JSON_INDENT(2));
	AUTO_FREE char *name = new_name(report);
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int dir = -1;

	if (!text || !name)
		return err_os(err, ENOMEM, "report");
	if (open_dir(true, &path, &dir, err))
		return -1;
	if (write_text(dir, name, report, err) ||
	    write_file(dir, name, JSON_END, text, strlen(text), err))
		return -1;
	make_room(dir);
	if (asprintf(ret_path, "%s/%s" TEXT_END, path, name) < 0)
		return err_os(err, ENOMEM, "report");
	return 0;
}
