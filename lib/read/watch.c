#include "lib/read/watch.h"

#include "lib/base/cleanup.h"
#include "lib/read/registry_source.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

/* The server can die without a word: so often it is looked after. */
#define LOOK_SECONDS 1

struct watch {
	const uint32_t *seq; /* mapped read-only */
	int server;          /* pidfd; -1: not to be had, a server of another pid namespace */
};

int watch_open(const struct registry *registry, struct watch **ret_watch, struct err *err)
{
	struct tp_registry header;
	struct watch *watch;

	if (!registry->mapped)
		return err_set(err, ERR_INVALID, "this registry does not change any more");
	if (registry_header(registry, &header, err))
		return -1;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return err_os(err, ENOMEM, "watch");
	watch->seq = &((const struct tp_registry *)registry->base)->seq;
	watch->server = (int)syscall(SYS_pidfd_open, header.server_pid, 0);
	*ret_watch = watch;
	return 0;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->server >= 0)
		close(watch->server);
	free(watch);
}

static bool has_ended(const struct watch *watch)
{
	struct pollfd server = {watch->server, POLLIN, 0};

	return watch->server >= 0 && poll(&server, 1, 0) == 1;
}

int watch_wait(struct watch *watch, const struct snapshot *snapshot, unsigned seconds,
               enum watch_result *ret_result, struct err *err)
{
	static const struct timespec look = {.tv_sec = LOOK_SECONDS};

	for (unsigned waited = LOOK_SECONDS;; waited += LOOK_SECONDS) {
		/* Shared: the server waits for nobody, and is in another memory. */
		long ret = syscall(SYS_futex, watch->seq, FUTEX_WAIT, snapshot->header.seq, &look,
		                   NULL, 0);

		if (ret && errno == EINTR) {
			*ret_result = WATCH_INTERRUPTED;
			return 0;
		}
		if (ret && errno != EAGAIN && errno != ETIMEDOUT)
			return err_os(err, errno, "cannot wait for changes of the registry");
		*ret_result = ret && errno == ETIMEDOUT ? WATCH_UNCHANGED : WATCH_CHANGED;
		if (has_ended(watch))
			*ret_result = WATCH_ENDED;
		if (*ret_result != WATCH_UNCHANGED || (seconds && waited >= seconds))
			return 0;
	}
}
