#include "loader/server/loop.h"

#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int loop_init(struct loop *loop, struct err *err)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (loop->epoll_fd < 0)
		return err_os(err, errno, "epoll_create1");
	return 0;
}

void loop_deinit(struct loop *loop)
{
	close(loop->epoll_fd);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event))
		return err_os(err, errno, "epoll_ctl");
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->deadline_ns)
		return;
	timer->deadline_ns = 0;
	DL_DELETE(loop->timers, timer);
}

static int by_deadline(struct loop_timer *a, struct loop_timer *b)
{
	return a->deadline_ns < b->deadline_ns ? -1 : a->deadline_ns > b->deadline_ns;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, unsigned ms)
{
	loop_disarm(loop, timer);
	timer->deadline_ns = now_ns() + (uint64_t)ms * 1000000;
	DL_INSERT_INORDER(loop->timers, timer, by_deadline);
}

/* Fires what is due; the result is epoll_wait's timeout until the next one. */
static int run_timers(struct loop *loop)
{
	while (loop->timers && !loop->done) {
		struct loop_timer *timer = loop->timers;
		uint64_t now = now_ns();
		uint64_t left;

		if (timer->deadline_ns <= now) {
			loop_disarm(loop, timer);
			timer->fire(timer);
			continue;
		}
		left = (timer->deadline_ns - now + 999999) / 1000000;
		return left > INT_MAX ? INT_MAX : (int)left;
	}
	return -1;
}

int loop_run(struct loop *loop, struct err *err)
{
	while (!loop->done) {
		struct epoll_event event;
		int timeout = run_timers(loop);
		int n;

		if (loop->settled)
			loop->settled(loop);
		if (loop->done)
			break;
		n = epoll_wait(loop->epoll_fd, &event, 1, timeout);
		if (n < 0 && errno != EINTR)
			return err_os(err, errno, "epoll_wait");
		if (n == 1) {
			struct loop_source *source = event.data.ptr;

			source->ready(source, event.events);
		}
	}
	return 0;
}
