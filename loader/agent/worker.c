/*
 * The worker's end of the connection: packets with descriptors come in, what came of the plan
 * goes out (plan.h).
 */
#include "loader/agent/worker.h"

#include "execute.h"
#include "spare.h"
#include "sys.h"

#include <linux/close_range.h>
#include <linux/socket.h>

#define SOL_SOCKET_LEVEL 1
#define SCM_RIGHTS_TYPE 1
#define MSG_NOSIGNAL_FLAG 0x4000
#define MSG_CTRUNC_FLAG 8

struct msghdr_ {
	void *name;
	uint32_t name_len;
	struct sys_iovec *iov;
	uint64_t iov_len;
	void *control;
	uint64_t control_len;
	int32_t flags;
};

struct cmsghdr_ {
	uint64_t len;
	int32_t level;
	int32_t type;
};

_Noreturn void worker_leave(int status)
{
	for (;;)
		sys1(__NR_exit_group, status);
}

void worker_send(const struct worker *worker, void *packet, uint64_t length)
{
	struct sys_iovec iov = {packet, length};
	struct msghdr_ msg = {.iov = &iov, .iov_len = 1};

	while (sys3(__NR_sendmsg, worker->socket, &msg, MSG_NOSIGNAL_FLAG) == -EINTR)
		;
}

void worker_header(struct plan_header *h, enum plan_type type, uint32_t length, uint32_t serial)
{
	h->magic = PLAN_MAGIC;
	h->version = PLAN_VERSION;
	h->type = (uint16_t)type;
	h->length = length;
	h->serial = serial;
}

void worker_close_others(struct worker *worker)
{
	int low = worker->socket < worker->plan_fd ? worker->socket : worker->plan_fd;
	int high = worker->socket < worker->plan_fd ? worker->plan_fd : worker->socket;

	worker->fd_count = 0;
	if (low)
		sys3(__NR_close_range, 0, low - 1, 0);
	if (high > low + 1)
		sys3(__NR_close_range, low + 1, high - 1, 0);
	sys3(__NR_close_range, high + 1, ~0u, 0);
}

static void take_fds(struct worker *worker, const struct cmsghdr_ *c, uint64_t control_len)
{
	const int *fds = (const int *)(c + 1);
	uint64_t count;

	if (control_len < sizeof(*c) || c->len < sizeof(*c) || c->level != SOL_SOCKET_LEVEL ||
	    c->type != SCM_RIGHTS_TYPE)
		return;
	count = (c->len - sizeof(*c)) / sizeof(int);
	for (uint64_t i = 0; i < count; i++) {
		if (worker->fd_count < PLAN_MAX_FDS)
			worker->fds[worker->fd_count++] = fds[i];
		else
			sys1(__NR_close, fds[i]);
	}
}

static void run(struct worker *worker, const struct plan_run *message)
{
	struct slot *become = 0;
	struct plan_done done;

	memset(&done, 0, sizeof(done));
	worker_header(&done.h, AGENT_DONE, sizeof(done), message->h.serial);
	if (message->fd_count != worker->fd_count)
		done.result = -EBADMSG;
	else
		execute_plan(worker, message, &done, &become);
	if (become && !done.result)
		spare_become(worker, become, &done);
	if (worker->fd_count)
		worker_close_others(worker);
	worker_send(worker, &done, sizeof(done));
}

/* One packet from the server; its end is ours. */
static void serve(struct worker *worker)
{
	union {
		struct plan_header h;
		struct plan_run run;
		unsigned char bytes[64];
	} packet;
	union {
		struct cmsghdr_ c;
		unsigned char
			bytes[sizeof(struct cmsghdr_) + PLAN_FDS_PER_PACKET * sizeof(int) + 8];
	} control;
	struct sys_iovec iov = {&packet, sizeof(packet)};
	struct msghdr_ msg = {
		.iov = &iov, .iov_len = 1, .control = &control, .control_len = sizeof(control)};
	long n = sys3(__NR_recvmsg, worker->socket, &msg, 0);

	if (n == -EINTR)
		return;
	if (n <= 0)
		worker_leave(0);
	take_fds(worker, &control.c, msg.control_len);
	if (n < (long)sizeof(packet.h) || packet.h.magic != PLAN_MAGIC ||
	    packet.h.version != PLAN_VERSION || packet.h.length != n ||
	    (msg.flags & MSG_CTRUNC_FLAG))
		worker_leave(2);
	if (packet.h.type == AGENT_RUN && n == sizeof(packet.run))
		run(worker, &packet.run);
	else if (packet.h.type != AGENT_FDS)
		worker_leave(2);
}

_Noreturn void worker_serve(struct worker *worker)
{
	for (;;)
		serve(worker);
}
