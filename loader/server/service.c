/*
 * What in-space code and libtproc ask through their mailboxes.
 */
#include "loader/server/client.h"
#include "loader/server/crash.h"
#include "loader/server/debug.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CLAIM 4096
#define MAX_SIGNAL 64

/* ---- address space ------------------------------------------------------------------------ */

static int32_t claim(struct threadproc *tp, const struct tp_request *request, uint64_t *ret_first)
{
	struct server *server = tp->server;
	struct tp_run run;
	struct err err;
	int result;

	if (!request->arg0 || request->arg0 > MAX_CLAIM)
		return -EINVAL;
	if (tp->run_count == TP_RUNS)
		return -ENOSPC;
	registry_begin(&server->registry);
	result = slots_claim(&server->slots, (uint32_t)request->arg0, (uint16_t)tp->index,
			     tp->generation, &run, &err);
	registry_end(&server->registry);
	if (result)
		return -ENOMEM;
	tp->runs[tp->run_count++] = run;
	threadproc_publish_runs(tp);
	*ret_first = run.first;
	return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Looked at first through a descriptor that reads nothing: it may be anything. */
static int open_file_of(const struct threadproc *tp, uint64_t number)
{
	AUTO_CLOSE int pin = -1;
	struct stat st;
	char link[64];

	if (number > INT_MAX)
		return -1;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)tp->pid, (int)number);
	pin = open(link, O_PATH | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) || !S_ISREG(st.st_mode))
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", pin);
	return open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Puts a file on record before it is mapped; its users are counted when it is. */
static int32_t know_file(struct threadproc *tp, const struct tp_request *request)
{
	AUTO_CLOSE int fd = open_file_of(tp, request->arg0);
	struct image_cache *images = &tp->server->images;
	struct cached_image *image;
	char path[PATH_MAX];
	char link[64];
	struct err err;
	ssize_t length;

	if (fd < 0)
		return -EBADF;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return -errno;
	path[length] = '\0';
	if (image_cache_get(images, fd, path, &image, &err))
		return -ENOEXEC;
	image_cache_put(images, image);
	return 0;
}

/* ---- the parent ----------------------------------------------------------------------------- */

static int32_t set_death_signal(struct threadproc *tp, const struct tp_request *request)
{
	if (request->arg0 > MAX_SIGNAL)
		return -EINVAL;
	if (tp->client)
		client_death_signal(tp->client, (uint32_t)request->arg0);
	return 0;
}

/* ---- mailboxes -------------------------------------------------------------------------------- */

static void answer(struct threadproc *tp, struct tp_mailbox *mailbox)
{
	struct tp_request request;
	uint64_t value = 0;
	int32_t result;

	memcpy(&request, &mailbox->request, sizeof(request));
	switch (request.op) {
	case TP_REQUEST_CLAIM:
		result = claim(tp, &request, &value);
		break;
	case TP_REQUEST_FILE:
		result = know_file(tp, &request);
		break;
	case TP_REQUEST_PUBLISH:
		result = names_publish(tp, &request);
		break;
	case TP_REQUEST_UNPUBLISH:
		result = names_unpublish(tp, &request);
		break;
	case TP_REQUEST_SUSPECT:
		result = names_suspect(tp->server, &request);
		break;
	case TP_REQUEST_TRUST:
		result = names_trust(tp->server, &request);
		break;
	case TP_REQUEST_DEATH_SIGNAL:
		result = set_death_signal(tp, &request);
		break;
	case TP_REQUEST_TRAP:
		value = debug_trapped(tp, request.arg0, request.arg1);
		result = 0;
		break;
	default:
		result = -ENOSYS;
	}
	mailboxes_answer(mailbox, result, value);
}

void service_request(struct threadproc *tp)
{
	struct tp_mailbox *mailbox = mailboxes_at(&tp->server->mailboxes, tp->index);

	/* Before the pid is known, the process cannot be looked at: the start asks again. */
	if (tp->phase == THREADPROC_LIVING &&
	    __atomic_load_n(&mailbox->request.state, __ATOMIC_ACQUIRE) == TP_REQUEST_POSTED)
		answer(tp, mailbox);
}

void service_mailbox(struct server *server, uint32_t index)
{
	struct threadproc *tp = server->threadprocs[index];
	struct tp_mailbox *mailbox = mailboxes_at(&server->mailboxes, index);

	/* While it is being launched its process may already run. */
	if (!tp || (tp->phase != THREADPROC_LIVING && tp->phase != THREADPROC_LAUNCHING))
		return;
	service_request(tp);
	modules_refresh(tp);
	crash_look(tp);
	if (__atomic_load_n(&mailbox->exec_state, __ATOMIC_ACQUIRE) == TP_EXEC_TRYING &&
	    tp->phase == THREADPROC_LIVING && !tp->exec_timer.deadline_ns) {
		tp->exec_wait_ms = 1;
		loop_arm(&server->loop, &tp->exec_timer, 1);
	}
}
