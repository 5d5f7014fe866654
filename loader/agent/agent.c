/*
 * The agent: the process whose memory is the space.
 *
 * It has no libc and keeps nothing that matters: it waits for plans, carries them out and
 * answers.  Programs can scribble on its memory, stop it or kill it; the server, which
 * has a memory of its own, then says so.  Its text is also the in-space code that runs in
 * the programs (inspace.h), which needs no agent to be alive.
 *
 * Legal here: system calls and the stack.  All signals are blocked.
 */
#include "execute.h"
#include "inspace.h"

#include <linux/auxvec.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/socket.h>

#define SOL_SOCKET_LEVEL 1
#define SCM_RIGHTS_TYPE 1
#define MSG_NOSIGNAL_FLAG 0x4000
#define MSG_CTRUNC_FLAG 8
/* Where the agent's own two descriptors go, so that a program's arrive as 0, 1, 2 ... */
#define OWN_FDS 62

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

struct agent {
	int socket;
	int plan_fd;
	uint32_t fd_count;
	int fds[PLAN_MAX_FDS];
};

extern char agent_image_start[] __attribute__((visibility("hidden")));
extern char agent_image_end[] __attribute__((visibility("hidden")));

_Noreturn static void leave(int status)
{
	for (;;)
		sys1(__NR_exit_group, status);
}

static void send_packet(const struct agent *agent, void *packet, uint64_t length)
{
	struct sys_iovec iov = { packet, length };
	struct msghdr_ msg = { .iov = &iov, .iov_len = 1 };

	while (sys3(__NR_sendmsg, agent->socket, &msg, MSG_NOSIGNAL_FLAG) == -EINTR)
		;
}

static void header(struct plan_header *h, enum plan_type type, uint32_t length, uint32_t serial)
{
	h->magic = PLAN_MAGIC;
	h->version = PLAN_VERSION;
	h->type = (uint16_t)type;
	h->length = length;
	h->serial = serial;
}

/* All but our own two. */
static void close_all(struct agent *agent)
{
	int low = agent->socket < agent->plan_fd ? agent->socket : agent->plan_fd;
	int high = agent->socket < agent->plan_fd ? agent->plan_fd : agent->socket;

	if (!agent->fd_count)
		return;
	agent->fd_count = 0;
	if (low)
		sys3(__NR_close_range, 0, low - 1, 0);
	if (high > low + 1)
		sys3(__NR_close_range, low + 1, high - 1, 0);
	sys3(__NR_close_range, high + 1, ~0u, 0);
}

static void take_fds(struct agent *agent, const struct cmsghdr_ *c, uint64_t control_len)
{
	const int *fds = (const int *)(c + 1);
	uint64_t count;

	if (control_len < sizeof(*c) || c->len < sizeof(*c) || c->level != SOL_SOCKET_LEVEL ||
	    c->type != SCM_RIGHTS_TYPE)
		return;
	count = (c->len - sizeof(*c)) / sizeof(int);
	for (uint64_t i = 0; i < count; i++) {
		if (agent->fd_count < PLAN_MAX_FDS)
			agent->fds[agent->fd_count++] = fds[i];
		else
			sys1(__NR_close, fds[i]);
	}
}

static void run(struct agent *agent, const struct plan_run *message)
{
	struct plan_done done;

	memset(&done, 0, sizeof(done));
	header(&done.h, AGENT_DONE, sizeof(done), message->h.serial);
	if (message->fd_count != agent->fd_count)
		done.result = -EBADMSG;
	else
		execute_plan(agent->plan_fd, message, agent->fds, &done);
	close_all(agent);
	send_packet(agent, &done, sizeof(done));
}

/* One packet from the server; its end is ours. */
static void serve(struct agent *agent)
{
	union {
		struct plan_header h;
		struct plan_run run;
		unsigned char bytes[64];
	} packet;
	union {
		struct cmsghdr_ c;
		unsigned char bytes[sizeof(struct cmsghdr_) + PLAN_FDS_PER_PACKET * sizeof(int) + 8];
	} control;
	struct sys_iovec iov = { &packet, sizeof(packet) };
	struct msghdr_ msg = {
		.iov = &iov, .iov_len = 1, .control = &control, .control_len = sizeof(control)
	};
	long n = sys3(__NR_recvmsg, agent->socket, &msg, 0);

	if (n == -EINTR)
		return;
	if (n <= 0)
		leave(0);
	take_fds(agent, &control.c, msg.control_len);
	if (n < (long)sizeof(packet.h) || packet.h.magic != PLAN_MAGIC ||
	    packet.h.version != PLAN_VERSION || packet.h.length != n ||
	    (msg.flags & MSG_CTRUNC_FLAG))
		leave(2);
	if (packet.h.type == AGENT_RUN && n == sizeof(packet.run))
		run(agent, &packet.run);
	else if (packet.h.type != AGENT_FDS)
		leave(2);
}

static uint64_t find_aux(const uint64_t *stack, uint64_t type)
{
	const uint64_t *p = stack + 1 + stack[0] + 1; /* argc, argv, NULL */

	while (*p)
		p++;
	for (p++; *p != AT_NULL; p += 2)
		if (*p == type)
			return p[1];
	return 0;
}

/* A page that keeps the kernel's own break from growing (brk.c). */
static uint64_t raise_barrier(void)
{
	uint64_t at = page_up((uint64_t)sys1(__NR_brk, 0));
	long result = sys6(__NR_mmap, at, SYS_PAGE_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return sys_failed(result) ? 0 : at;
}

static int move_fd(int fd)
{
	long moved = sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, OWN_FDS);

	if (moved < 0)
		return fd;
	sys1(__NR_close, fd);
	return (int)moved;
}

_Noreturn void agent_main(const uint64_t *stack);
_Noreturn void agent_main(const uint64_t *stack)
{
	static struct agent agent;
	struct plan_hello hello;

	signals_block();
	sys1(__NR_personality, PER_LINUX);
	sys5(__NR_prctl, PR_SET_NAME, "tproc-agent", 0, 0, 0);
	agent.socket = move_fd(AGENT_SOCKET);
	agent.plan_fd = move_fd(AGENT_PLAN_FD);
	memset(&hello, 0, sizeof(hello));
	header(&hello.h, AGENT_HELLO, sizeof(hello), 0);
	hello.vdso = find_aux(stack, AT_SYSINFO_EHDR);
	hello.agent_lo = page_down((uint64_t)agent_image_start);
	hello.agent_hi = page_up((uint64_t)agent_image_end);
	hello.entry = (uint64_t)arch_entry;
	hello.filter = (uint64_t)arch_filter;
	hello.module_hook = (uint64_t)arch_module_hook;
	hello.cpuid = (uint64_t)arch_cpuid;
	hello.cpuid_early = (uint64_t)arch_cpuid_early;
	hello.crash = (uint64_t)crash_signal;
	hello.barrier = raise_barrier();
	send_packet(&agent, &hello, sizeof(hello));
	for (;;)
		serve(&agent);
}
