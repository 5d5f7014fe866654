#include "inspect/history.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Of a file that grew without bound, only the end is looked at. */
#define FILE_MAX ((off_t)HISTORY_LINES * 2 * 256)

struct history {
	int fd;
	char last[HISTORY_LINE_MAX + 1];
};

/* ---- Where --------------------------------------------------------------- */

/* Every directory on the way that is missing. */
static void make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

/* "" when none is to be kept.  The directories of a path of the user's own are the user's. */
static int file_path(char **ret_path, struct err *err)
{
	const char *file = getenv("TPROC_HISTFILE");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len;

	if (file)
		len = asprintf(ret_path, "%s", file);
	else if (state && *state == '/')
		len = asprintf(ret_path, "%s/tproc/tpinspect_history", state);
	else if (home && *home == '/')
		len = asprintf(ret_path, "%s/.local/state/tproc/tpinspect_history", home);
	else
		len = asprintf(ret_path, "%s", "");
	if (len < 0)
		return err_os(err, ENOMEM, "history");
	if (!file && **ret_path)
		make_directories(*ret_path);
	return 0;
}

/* ---- What ---------------------------------------------------------------- */

/* The end of the file, from the beginning of a line on.  The caller frees it. */
static int read_end(int fd, char **ret_text, size_t *ret_len, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	off_t from;
	ssize_t len;
	char *begin;

	if (fstat(fd, &st))
		return err_os(err, errno, "history");
	from = st.st_size > FILE_MAX ? st.st_size - FILE_MAX : 0;
	text = malloc((size_t)(st.st_size - from) + 1);
	if (!text)
		return err_os(err, ENOMEM, "history");
	len = pread(fd, text, (size_t)(st.st_size - from), from);
	if (len < 0)
		return err_os(err, errno, "cannot read the history");
	text[len] = '\0';
	begin = from ? memchr(text, '\n', (size_t)len) : NULL;
	if (begin) {
		len -= begin + 1 - text;
		memmove(text, begin + 1, (size_t)len + 1);
	}
	*ret_text = TAKE_PTR(text);
	*ret_len = (size_t)len;
	return 0;
}

/* Where the latest HISTORY_LINES lines begin; *ret_count is how many there are in all. */
static size_t latest(const char *text, size_t len, size_t *ret_count)
{
	size_t begin = 0, count = 0;

	for (size_t i = len; i > 0; i--) {
		if (text[i - 1] != '\n')
			continue;
		if (count++ == HISTORY_LINES)
			begin = i;
	}
	*ret_count = count;
	return begin;
}

/* Keeps text only.  Should that fail midway, some lines are lost, none of another's. */
static void rewrite(int fd, const char *text, size_t len)
{
	if (ftruncate(fd, 0))
		return;
	while (len) {
		ssize_t written = write(fd, text, len);

		if (written <= 0)
			return;
		text += written;
		len -= (size_t)written;
	}
}

static void hand_out(char *text, void (*add)(const char *line))
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strlen(line) <= HISTORY_LINE_MAX)
			add(line);
	}
}

/* With the lock held. */
static int load(int fd, void (*add)(const char *line), struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t begin, len = 0, count = 0;

	if (read_end(fd, &text, &len, err))
		return -1;
	begin = latest(text, len, &count);
	if (count >= (size_t)HISTORY_LINES * 2 || len + 1 >= FILE_MAX)
		rewrite(fd, text + begin, len - begin);
	hand_out(text + begin, add);
	return 0;
}

/* ---- Opening and appending ------------------------------------------------ */

static int lock(int fd)
{
	int ret;

	do
		ret = flock(fd, LOCK_EX);
	while (ret && errno == EINTR);
	return ret;
}

static int open_file(const char *path, int *ret_fd, struct err *err)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int fd = open(path, flags, 0600);

	if (fd < 0)
		return err_os(err, errno, "no history: %s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_INVALID, "no history: %s is no file", path);
	}
	*ret_fd = fd;
	return 0;
}

int history_open(void (*add)(const char *line), struct history **ret_history, struct err *err)
{
	AUTO_FREE struct history *history = calloc(1, sizeof(*history));
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	int ret;

	if (!history)
		return err_os(err, ENOMEM, "history");
	if (file_path(&path, err))
		return -1;
	if (!*path) {
		*ret_history = NULL;
		return 0;
	}
	if (open_file(path, &fd, err))
		return -1;
	if (lock(fd))
		return err_os(err, errno, "cannot lock %s", path);
	ret = load(fd, add, err);
	flock(fd, LOCK_UN);
	if (ret)
		return -1;
	history->fd = TAKE_FD(fd);
	*ret_history = TAKE_PTR(history);
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	close(history->fd);
	free(history);
}

/* One write to a file opened with O_APPEND, under the lock: no other's line is torn. */
static void append(int fd, const char *line)
{
	AUTO_FREE char *text = NULL;
	int len = asprintf(&text, "%s\n", line);

	if (len < 0) {
		text = NULL; /* undefined after a failure */
		return;
	}
	if (lock(fd))
		return;
	if (write(fd, text, (size_t)len) < 0)
		errno = 0; /* a full disk costs the line, not the session */
	flock(fd, LOCK_UN);
}

bool history_append(struct history *history, const char *line)
{
	size_t len = strlen(line);

	if (!len || *line == ' ' || *line == '\t' || len > HISTORY_LINE_MAX || strchr(line, '\n'))
		return false;
	if (!history)
		return true;
	if (!strcmp(history->last, line))
		return false;
	memcpy(history->last, line, len + 1);
	append(history->fd, line);
	return true;
}
