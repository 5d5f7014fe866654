#include "loader/server/agent_link.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <utlist.h>

#define ANSWER_MS 10000
/* A stack limit of "unlimited" would turn the kernel's layout upside down. */
#define AGENT_STACK (8u << 20)

/* ---- starting ------------------------------------------------------------------------- */

/* In the child, between fork and exec. */
_Noreturn static void become_agent(const char *path, int socket, int plan_fd, pid_t server)
{
	struct rlimit stack;
	char *const argv[] = { (char *)"tproc-agent", NULL };
	char *const envp[] = { NULL };
	struct rlimit files;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != server)
		_exit(125);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The agent's brk is to lie right behind its image and not at random among what is
	 * mapped at fixed addresses next to it; the agent puts the personality back. */
	personality(ADDR_NO_RANDOMIZE);
	/* The hard limit stays: a program may want it. */
	if (!getrlimit(RLIMIT_STACK, &stack)) {
		stack.rlim_cur = stack.rlim_max < AGENT_STACK ? stack.rlim_max : AGENT_STACK;
		setrlimit(RLIMIT_STACK, &stack);
	}
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* Out of the way of 3 and 4 first. */
	socket = fcntl(socket, F_DUPFD, 10);
	plan_fd = fcntl(plan_fd, F_DUPFD, 10);
	if (dup2(socket, AGENT_SOCKET) < 0 || dup2(plan_fd, AGENT_PLAN_FD) < 0)
		_exit(125);
	close_range(0, 2, 0);
	close_range(5, ~0u, 0);
	execve(path, argv, envp);
	_exit(errno == ENOENT ? 127 : 126);
}

static int is_packet(const struct plan_header *h, ssize_t n, enum plan_type type, size_t length)
{
	return n == (ssize_t)length && h->magic == PLAN_MAGIC && h->version == PLAN_VERSION &&
	       h->type == type && h->length == length;
}

/* Waits for one packet of that type; only before the loop runs. */
static int await(struct agent_link *link, void *packet, size_t length, enum plan_type type,
		 struct err *err)
{
	struct pollfd p = { .fd = link->source.fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ANSWER_MS) != 1)
		return err_set(err, ERR_PROTOCOL, "the agent does not answer");
	n = recv(link->source.fd, packet, length, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		int status = 0;

		waitpid(link->pid, &status, 0);
		return err_set(err, ERR_PROTOCOL, "the agent ended at once (wait status 0x%x)",
			       (unsigned)status);
	}
	if (n < 0)
		return err_os(err, errno, "receiving from the agent");
	if (!is_packet(packet, n, type, length))
		return err_set(err, ERR_PROTOCOL, "the agent does not speak our protocol");
	return 0;
}

static void on_ready(struct loop_source *source, uint32_t events);

int agent_link_start(struct agent_link *link, struct loop *loop, const char *path,
		     void (*died)(struct agent_link *), struct err *err)
{
	AUTO_CLOSE int theirs = -1;
	const struct timeval patience = { .tv_sec = 5 };
	pid_t server = getpid();
	struct stat st;
	int pair[2];

	if (stat(path, &st))
		return err_os(err, errno, "%s", path);
	*link = (struct agent_link){ .loop = loop, .died = died, .source.ready = on_ready };
	link->exe_dev = st.st_dev;
	link->exe_ino = st.st_ino;
	link->plan_fd = memfd_create("tproc-plan", MFD_CLOEXEC);
	if (link->plan_fd < 0)
		return err_os(err, errno, "cannot make a memfd for plans");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		close(link->plan_fd);
		return err_os(err, errno, "socketpair");
	}
	link->source.fd = pair[0];
	theirs = pair[1];
	/* An agent that was stopped must not stop the server. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	link->pid = fork();
	if (link->pid == 0)
		become_agent(path, theirs, link->plan_fd, server);
	if (link->pid < 0) {
		err_os(err, errno, "cannot start the agent");
		agent_link_stop(link);
		return -1;
	}
	link->alive = true;
	close(TAKE_FD(theirs));
	if (await(link, &link->hello, sizeof(link->hello), AGENT_HELLO, err)) {
		agent_link_stop(link);
		return err_prefix(err, "%s", path);
	}
	return 0;
}

int agent_link_attach(struct agent_link *link, struct err *err)
{
	return loop_add(link->loop, &link->source, EPOLLIN, err);
}

void agent_link_stop(struct agent_link *link)
{
	if (link->pid > 0 && link->alive)
		kill(link->pid, SIGKILL);
	link->alive = false;
	close(link->source.fd);
	close(link->plan_fd);
}

/* ---- plans ------------------------------------------------------------------------------ */

static void header(struct plan_header *h, enum plan_type type, size_t length, uint32_t serial)
{
	*h = (struct plan_header){
		.magic = PLAN_MAGIC,
		.version = PLAN_VERSION,
		.type = (uint16_t)type,
		.length = (uint32_t)length,
		.serial = serial,
	};
}

/* Operations and data, one after the other, from the memfd's start. */
static int lay_down(int fd, const struct plan *plan, size_t ops)
{
	struct iovec parts[2] = { { plan->ops, ops }, { plan->data, plan->data_len } };
	ssize_t total = (ssize_t)(ops + plan->data_len);

	return pwritev(fd, parts, plan->data_len ? 2 : 1, 0) == total ? 0 : -1;
}

/* One packet with some of the plan's descriptors. */
static int send_packet(int socket, const void *packet, size_t length, const int *fds,
		       uint32_t count)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(PLAN_FDS_PER_PACKET * sizeof(int))];
	} control;
	struct iovec iov = { (void *)packet, length };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.c.cmsg_level = SOL_SOCKET;
		control.c.cmsg_type = SCM_RIGHTS;
		control.c.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.c), fds, count * sizeof(int));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -1;
}

/* Lays the plan down and sends it off. */
static int send_plan(struct agent_link *link, const struct plan *plan)
{
	size_t ops = plan->op_count * sizeof(*plan->ops);
	uint32_t sent = 0;
	struct plan_run run = {
		.op_count = plan->op_count,
		.fd_count = plan->fd_count,
		.data_off = ops,
	};

	if (lay_down(link->plan_fd, plan, ops))
		return -1;
	link->serial++;
	for (; plan->fd_count - sent > PLAN_FDS_PER_PACKET; sent += PLAN_FDS_PER_PACKET) {
		struct plan_header more;

		header(&more, AGENT_FDS, sizeof(more), link->serial);
		if (send_packet(link->source.fd, &more, sizeof(more), plan->fds + sent,
				PLAN_FDS_PER_PACKET))
			return -1;
	}
	header(&run.h, AGENT_RUN, sizeof(run), link->serial);
	return send_packet(link->source.fd, &run, sizeof(run), plan->fds + sent,
			   plan->fd_count - sent);
}

int agent_link_run_now(struct agent_link *link, const struct plan *plan, struct err *err)
{
	struct plan_done done;

	if (plan_finish(plan, err))
		return -1;
	if (send_plan(link, plan))
		return err_os(err, errno, "sending to the agent");
	if (await(link, &done, sizeof(done), AGENT_DONE, err))
		return -1;
	if (done.result)
		return err_os(err, -done.result, "the agent's operation %u", done.failed_op);
	return 0;
}

/* The agent is gone, or no longer makes sense: nobody's jobs will be answered. */
static void give_up(struct agent_link *link)
{
	struct plan_job *job;

	if (!link->alive)
		return;
	kill(link->pid, SIGKILL);
	waitpid(link->pid, &link->wait_status, 0);
	link->alive = false;
	loop_remove(link->loop, &link->source);
	while ((job = link->jobs)) {
		DL_DELETE(link->jobs, job);
		job->done(job, NULL);
	}
	link->died(link);
}

static void send_first(struct agent_link *link)
{
	/* A dead agent's socket then tells the loop, which calls everybody's done. */
	if (link->jobs && send_plan(link, &link->jobs->plan))
		kill(link->pid, SIGKILL);
}

void agent_link_submit(struct agent_link *link, struct plan_job *job)
{
	bool idle = !link->jobs;

	if (!link->alive) {
		job->done(job, NULL);
		return;
	}
	DL_APPEND(link->jobs, job);
	if (idle)
		send_first(link);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct agent_link *link = (struct agent_link *)source;
	struct plan_job *job = link->jobs;
	struct plan_done done;
	ssize_t n = recv(source->fd, &done, sizeof(done), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !job || !is_packet(&done.h, n, AGENT_DONE, sizeof(done)) ||
	    done.h.serial != link->serial || done.result > 0) {
		give_up(link);
		return;
	}
	DL_DELETE(link->jobs, job);
	send_first(link);
	job->done(job, &done);
}
