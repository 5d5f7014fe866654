#include "loader/server/server.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"
#include "loader/server/client.h"
#include "loader/server/debug.h"
#include "loader/server/log.h"
#include "loader/server/processor.h"
#include "loader/server/threadproc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifndef TPROC_LIBEXECDIR
#error "TPROC_LIBEXECDIR: where tproc-agent is installed"
#endif

#define BACKLOG 4096
#define OWN_STACK (8u << 20)

/* ---- the space's directory ----------------------------------------------------------------- */

/* What the server keeps open of it. */
struct place {
	int dir;
	int lock;
};

/* Takes the lock that says "this space has a server".  ERR_DENIED when it has one. */
static int take_lock(struct place *place, const char *space, struct err *err)
{
	place->lock = openat(place->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (place->lock < 0)
		return err_os(err, errno, "cannot open the lock of space %s", space);
	if (flock(place->lock, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			return err_set(err, ERR_DENIED, "space %s has a server already", space);
		return err_os(err, errno, "cannot lock space %s", space);
	}
	return 0;
}

/* A bound and listening socket.  Its path is short whatever the directory's is. */
static int make_socket(const struct place *place, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (fd < 0)
		return err_os(err, errno, "socket");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/socket", place->dir);
	unlinkat(place->dir, "socket", 0);
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, BACKLOG))
		return err_os(err, errno, "cannot listen on the space's socket");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* DIR/registry leads to our descriptor, for tools that look without asking us. */
static int link_registry(const struct place *place, int registry_fd, struct err *err)
{
	char target[64];

	snprintf(target, sizeof(target), "/proc/%d/fd/%d", (int)getpid(), registry_fd);
	unlinkat(place->dir, "registry", 0);
	if (symlinkat(target, place->dir, "registry"))
		return err_os(err, errno, "cannot link the registry");
	return 0;
}

static void leave_place(struct place *place)
{
	if (place->lock >= 0) {
		unlinkat(place->dir, "socket", 0);
		unlinkat(place->dir, "registry", 0);
		close(place->lock);
	}
	if (place->dir >= 0)
		close(place->dir);
}

/* ---- the agent's side ------------------------------------------------------------------------ */

/* tproc-agent beside our own executable, as in a build directory, else where it is installed. */
static void find_agent(char path[PATH_MAX])
{
	static const char name[] = "tproc-agent";
	static const char *const beside[] = { "", "agent/", "../agent/" };
	char self[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = '\0';
	for (size_t i = 0; slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(path, PATH_MAX, "%s%s%s", self, beside[i], name);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, PATH_MAX, "%s/%s", TPROC_LIBEXECDIR, name);
}

/* Maps the toolkit's own memory into the space and seals it. */
static int furnish_space(struct server *server, struct err *err)
{
	const struct plan_hello *hello = &server->agent.hello;
	struct plan plan;
	int result;

	plan_init(&plan);
	plan_map(&plan, TP_MAILBOX_ADDR, server->registry.map->mailbox_size,
		 PROT_READ | PROT_WRITE, MAP_SHARED, plan_add_fd(&plan, server->mailboxes.fd), 0);
	plan_map(&plan, TP_REGISTRY_ADDR, TP_REGISTRY_SIZE, PROT_READ, MAP_SHARED,
		 plan_add_fd(&plan, server->registry.fd), 0);
	plan_seal(&plan, TP_REGISTRY_ADDR, TP_REGISTRY_SIZE);
	plan_seal(&plan, hello->agent_lo, hello->agent_hi - hello->agent_lo);
	result = agent_link_run_now(&server->agent, &plan, err);
	plan_deinit(&plan);
	return result ? result : debug_start(server, err);
}

/* Where the kernel's part of the agent's memory begins: nothing else is up there yet. */
static int note_kernel_part(struct server *server, struct err *err)
{
	const uint64_t last_slot = (uint64_t)TP_LAST_GRANULE << TP_GRANULE_SHIFT;
	char path[32];
	char *line = NULL;
	size_t size = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)server->agent.pid);
	maps = fopen(path, "re");
	if (!maps)
		return err_os(err, errno, "cannot read the agent's maps");
	while (!server->kernel_lo && getline(&line, &size, maps) > 0) {
		uint64_t lo = strtoull(line, NULL, 16);

		if (lo >= last_slot)
			server->kernel_lo = lo;
	}
	free(line);
	fclose(maps);
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)server->agent.pid);
	server->statm_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!server->kernel_lo)
		return err_set(err, ERR_INVALID, "the agent has no stack above the slots");
	return 0;
}

/* What every process of the space starts with is what the agent has. */
static int note_inheritance(struct server *server, struct err *err)
{
	const struct plan_hello *hello = &server->agent.hello;
	struct launch_space *launch = &server->launch;

	launch->entry = hello->entry;
	launch->filter = hello->filter;
	launch->module_hook = hello->module_hook;
	launch->cpuid = hello->cpuid;
	launch->cpuid_early = hello->cpuid_early;
	launch->crash = hello->crash;
	launch->vdso = hello->vdso;
	launch->server_pid = getpid();
	launch->server_sid = getsid(0);
	launch->personality = PER_LINUX;
	errno = 0;
	launch->nice = getpriority(PRIO_PROCESS, (id_t)server->agent.pid);
	if (errno)
		return err_os(err, errno, "cannot read the agent's priority");
	/* These the agent has from us, and it does not change them. */
	launch->ioprio = (uint32_t)syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
	launch->timer_slack_ns = (uint64_t)prctl(PR_GET_TIMERSLACK);
	syscall(SYS_sched_getaffinity, 0, sizeof(launch->affinity), launch->affinity);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (prlimit(server->agent.pid, (enum __rlimit_resource)i, NULL,
			    &launch->rlimits[i]))
			return err_os(err, errno, "cannot read the agent's limits");
	return 0;
}

static void on_agent_died(struct agent_link *link)
{
	struct server *server = server_of(link, agent);

	log_error("the agent died (wait status 0x%x); space %s takes no new launches",
		  (unsigned)link->wait_status, server->options->space);
	registry_begin(&server->registry);
	server->registry.map->agent_state = TP_AGENT_DEAD;
	registry_end(&server->registry);
	server_check_idle(server);
}

static int start_agent(struct server *server, struct err *err)
{
	struct tp_registry *map = server->registry.map;
	char path[PATH_MAX];

	find_agent(path);
	if (agent_link_start(&server->agent, &server->loop, path, on_agent_died, err))
		return -1;
	if (furnish_space(server, err) || note_kernel_part(server, err) ||
	    note_inheritance(server, err) ||
	    agent_link_attach(&server->agent, err)) {
		agent_link_stop(&server->agent);
		return err_prefix(err, "cannot set up the space");
	}
	registry_begin(&server->registry);
	map->agent_pid = server->agent.pid;
	map->agent_state = TP_AGENT_ALIVE;
	map->agent_lo = server->agent.hello.agent_lo;
	map->agent_hi = server->agent.hello.agent_hi;
	/* The page behind it that stops the kernel's break is the agent's as well. */
	if (server->agent.hello.barrier == map->agent_hi)
		map->agent_hi += map->page_size;
	map->vdso = server->agent.hello.vdso;
	registry_end(&server->registry);
	return 0;
}

int server_read_space(const struct server *server, uint64_t addr, void *to, size_t length)
{
	struct iovec local = { to, length };
	struct iovec remote = { (void *)addr, length };

	if (server->agent.alive &&
	    process_vm_readv(server->agent.pid, &local, 1, &remote, 1, 0) == (ssize_t)length)
		return 0;
	for (uint32_t i = 1; !server->agent.alive && i < server->registry.map->threadproc_high; i++)
		if (server->threadprocs[i] &&
		    server->threadprocs[i]->phase == THREADPROC_LIVING)
			return process_vm_readv(server->threadprocs[i]->pid, &local, 1, &remote, 1,
						0) == (ssize_t)length ?
				       0 :
				       -1;
	return -1;
}

static void on_settled(struct loop *loop)
{
	registry_tell(&server_of(loop, loop)->registry);
}

/* ---- events ------------------------------------------------------------------------------------ */

static void on_rung(struct mailboxes *mailboxes, uint32_t index)
{
	service_mailbox(server_of(mailboxes, mailboxes), index);
}

static void on_signal(struct loop_source *source, uint32_t events)
{
	struct server *server = server_of(source, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		threadproc_reap(server);
	else
		server_shutdown(server);
}

static void on_idle(struct loop_timer *timer)
{
	struct server *server = server_of(timer, idle_timer);

	server->loop.done = true;
}

static void on_teardown_timer(struct loop_timer *timer)
{
	teardown_flush(server_of(timer, teardown_timer));
}

static void on_retry_timer(struct loop_timer *timer)
{
	client_retry(server_of(timer, retry_timer));
}

static void on_sharers_timer(struct loop_timer *timer)
{
	teardown_retry(server_of(timer, sharers_timer));
}

static bool has_threadprocs(const struct server *server)
{
	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++)
		if (server->threadprocs[i])
			return true;
	return false;
}

void server_check_idle(struct server *server)
{
	if (server->client_count && !server->ending)
		return;
	if (has_threadprocs(server) || keeper_busy(&server->keeper))
		return;
	/* A space that can launch nothing any more is of no use once it is empty. */
	if (server->ending || !server->agent.alive)
		server->loop.done = true;
	else if (!server->options->stay)
		loop_arm(&server->loop, &server->idle_timer, server->options->idle_seconds * 1000);
}

static void on_kept(struct keeper *keeper)
{
	server_check_idle(server_of(keeper, keeper));
}

void server_shutdown(struct server *server)
{
	server->ending = true;
	keeper_hurry(&server->keeper);
	for (uint32_t i = 1; i < server->registry.map->threadproc_high; i++)
		if (server->threadprocs[i])
			threadproc_kill(server->threadprocs[i]);
	server_check_idle(server);
}

/* Signals come through a descriptor; terminal signals are for the programs, not for us. */
static int take_signals(struct server *server, struct err *err)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	server->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	server->signals.ready = on_signal;
	if (server->signals.fd < 0)
		return err_os(err, errno, "signalfd");
	return loop_add(&server->loop, &server->signals, EPOLLIN, err);
}

/* Two descriptors for each threadproc: as many as the system lets us have. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* The first caller's may be small, and his environment lies on it. */
	if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur < OWN_STACK) {
		limit.rlim_cur = limit.rlim_max < OWN_STACK ? limit.rlim_max : OWN_STACK;
		setrlimit(RLIMIT_STACK, &limit);
	}
}

/* ---- start and end ------------------------------------------------------------------------------- */

/*
 * One byte and perhaps a text: '1' it listens, 'A' the space has a server already, 'E' and why
 * it cannot.
 */
static void tell_ready(int fd, char what, const char *text)
{
	char message[1024];
	int n = snprintf(message, sizeof(message), "%c%s", what, text);

	if (fd < 0)
		return;
	if (write(fd, message, (size_t)n) < 0)
		log_error("nobody waits for the start: %s", strerror(errno));
	close(fd);
}

static int start(struct server *server, struct place *place, struct err *err)
{
	AUTO_CLOSE int listener = -1;
	char children[64];

	raise_limits();
	keeper_init(&server->keeper, &server->loop, server->options->space, on_kept);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(children, sizeof(children), "/proc/self/task/%d/children", (int)getpid());
	server->children_fd = open(children, O_RDONLY | O_CLOEXEC);
	if (registry_create(&server->registry, server->options->space, err))
		return -1;
	processor_describe(&server->registry);
	registry_set_quarantine(&server->registry, server->options->quarantine);
	slots_init(&server->slots, server->registry.granules, server->registry.fixed,
	           server->options->quarantine);
	image_cache_init(&server->images, &server->registry);
	/* Signals first, so that the doorbell's thread starts with them blocked. */
	if (take_signals(server, err) ||
	    mailboxes_start(&server->mailboxes, &server->loop, on_rung, err) ||
	    start_agent(server, err) || make_socket(place, &listener, err) ||
	    link_registry(place, server->registry.fd, err) ||
	    client_listen(server, listener, err))
		return -1;
	(void)TAKE_FD(listener);
	server->idle_timer.fire = on_idle;
	server->sharers_timer.fire = on_sharers_timer;
	server->teardown_timer.fire = on_teardown_timer;
	server->retry_timer.fire = on_retry_timer;
	server_check_idle(server);
	return 0;
}

int server_run(const struct server_options *options, struct err *err)
{
	struct place place = { .dir = -1, .lock = -1 };
	struct server *server = calloc(1, sizeof(*server));
	bool taken;
	int result;

	if (!server)
		return err_os(err, ENOMEM, "no memory for the server");
	server->options = options;
	result = space_dir_open(options->space, 1, &place.dir, err);
	if (!result)
		result = take_lock(&place, options->space, err);
	taken = result && err->code == ERR_DENIED && place.lock >= 0;
	if (taken) {
		/* The files are the other server's. */
		close(TAKE_FD(place.lock));
	}
	if (!result)
		result = loop_init(&server->loop, err);
	server->loop.settled = on_settled;
	if (!result)
		result = start(server, &place, err);
	tell_ready(options->ready_fd, result ? (taken ? 'A' : 'E') : '1', result ? err->text : "");
	if (!result && loop_run(&server->loop, err)) {
		log_error("%s", err->text);
		result = -1;
	}
	leave_place(&place);
	/* The rest goes with the process; its death takes the agent along (PDEATHSIG). */
	return result;
}
