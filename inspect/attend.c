#include "inspect/attend.h"

#include "lib/base/out.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int say(struct session *session, json_t *line, struct err *err)
{
	int ret =
		line ? out_json_print_line(line, session->out, err) : err_os(err, ENOMEM, "answer");

	json_decref(line);
	fflush(session->out);
	return ret;
}

int attend_begin(const struct attend *attend, struct session *session, const char *notice,
                 struct err *err)
{
	if (!attend->active)
		return 0;
	return say(session, json_pack("{s:s?}", "watching", *notice ? notice : NULL), err);
}

/* Only of the space's own processes. */
static int check_pid(const struct attend *attend, struct session *session, pid_t pid,
                     struct err *err)
{
	if (attend->refresh(attend->context, err))
		return -1;
	for (size_t i = 1; i < session->snapshot->threadproc_count; i++) {
		const struct reg_threadproc *tp = &session->snapshot->threadprocs[i];

		if (tp->abi.pid == pid && reg_threadproc_lives(tp))
			return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "no component has process id %d", (int)pid);
}

static int carry_out(const struct attend *attend, struct session *session, struct hits *hits,
                     const char *word, pid_t pid, bool *ret_children, struct err *err)
{
	if (check_pid(attend, session, pid, err))
		return -1;
	if (!strcmp(word, "trap"))
		return hits_trap(hits, pid, ret_children, err);
	if (!strcmp(word, "untrap"))
		return hits_untrap(hits, pid, err);
	if (strcmp(word, "spare") != 0)
		return err_set(err, ERR_USAGE, "not an order");
	hits_spare(hits, pid);
	return 0;
}

static int order(const struct attend *attend, struct session *session, struct hits *hits,
                 char *line, struct err *err)
{
	char *space = strchr(line, ' ');
	bool children = false;
	struct err failed;
	char *end = line;
	long pid = 0;
	int ret;

	if (space) {
		*space = '\0';
		pid = strtol(space + 1, &end, 10);
	}
	if (!space || *end || pid <= 0 || pid > INT32_MAX)
		ret = err_set(&failed, ERR_USAGE, "not an order");
	else
		ret = carry_out(attend, session, hits, line, (pid_t)pid, &children, &failed);
	return say(session,
	           json_pack("{s:s, s:I, s:b, s:s?}", "order", line, "pid", (json_int_t)pid,
	                     "children", children, "error", ret ? failed.text : NULL),
	           err);
}

static bool is_waiting(int fd)
{
	struct pollfd polled = {fd, POLLIN, 0};

	return poll(&polled, 1, 0) > 0;
}

int attend_orders(struct attend *attend, struct session *session, struct hits *hits)
{
	struct err err;

	while (attend->active && is_waiting(attend->fd)) {
		char c;

		if (read(attend->fd, &c, 1) != 1)
			return 1;
		if (c != '\n' && attend->len + 1 < sizeof(attend->line)) {
			attend->line[attend->len++] = c;
			continue;
		}
		attend->line[attend->len] = '\0';
		attend->len = 0;
		if (order(attend, session, hits, attend->line, &err))
			return 1;
	}
	return 0;
}
