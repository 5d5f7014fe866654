#include "loader/server/keeper.h"

#include "lib/base/beside.h"
#include "lib/base/cleanup.h"
#include "loader/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
/* A report that takes longer is given up; sooner when the space ends. */
#define PATIENCE_MS 30000
#define LAST_PATIENCE_MS 2000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* ---- tpinspect ------------------------------------------------------------------------------- */

/* In the new process: what it has to say goes to the log, and it ends with the server. */
_Noreturn static void become_looker(const char *path, char *const argv[], pid_t server)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != server || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(null_fd, STDOUT_FILENO) < 0)
		_exit(127);
	syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, argv);
	_exit(127);
}

static bool start(struct keeper *keeper, uint32_t id)
{
	char path[PATH_MAX], command[64];
	char *argv[] = {"tpinspect", "--no-pager", "--space", (char *)keeper->space, command, NULL};
	pid_t pid, server = getpid();
	struct err err;

	snprintf(command, sizeof(command), "--command=crash --keep %u", id);
	if (!beside_find("tpinspect", path))
		return false;
	pid = fork();
	if (pid == 0)
		become_looker(path, argv, server);
	keeper->looker.fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (keeper->looker.fd < 0)
		return false;
	if (!loop_add(keeper->loop, &keeper->looker, EPOLLIN, &err)) {
		loop_arm(keeper->loop, &keeper->patience, PATIENCE_MS);
		return true;
	}
	close(TAKE_FD(keeper->looker.fd));
	return false;
}

/* The next one that waits. */
static void go_on(struct keeper *keeper)
{
	while (keeper->looker.fd < 0 && keeper->count) {
		uint32_t id = keeper->waiting[0];

		keeper->count--;
		memmove(keeper->waiting, keeper->waiting + 1,
		        keeper->count * sizeof(keeper->waiting[0]));
		if (!start(keeper, id))
			log_error("no report of the crash of threadproc %u: %s", id,
			          strerror(errno));
	}
	if (!keeper_busy(keeper))
		keeper->idle(keeper);
}

static void on_ended(struct loop_source *source, uint32_t events)
{
	struct keeper *keeper = container_of(source, struct keeper, looker);
	siginfo_t info;

	(void)events;
	/* unless threadproc_reap did; by the descriptor, since the pid may be another child's now
	 */
	waitid(P_PIDFD, (id_t)source->fd, &info, WEXITED | WNOHANG);
	loop_disarm(keeper->loop, &keeper->patience);
	loop_remove(keeper->loop, &keeper->looker);
	close(TAKE_FD(keeper->looker.fd));
	go_on(keeper);
}

static void on_impatient(struct loop_timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, patience);

	log_error("a crash report took too long");
	if (keeper->looker.fd >= 0)
		syscall(SYS_pidfd_send_signal, keeper->looker.fd, SIGKILL, NULL, 0);
}

/* ---- How many -------------------------------------------------------------------------------- */

static void refill(struct keeper *keeper)
{
	const uint64_t every = KEEPER_EVERY_MS * NS_PER_MS;
	uint64_t now = now_ns(), gained = (now - keeper->refill_ns) / every;

	if (gained >= keeper->spent) {
		keeper->spent = 0;
		keeper->refill_ns = now;
	} else {
		keeper->spent -= (unsigned)gained;
		keeper->refill_ns += gained * every;
	}
}

/* Without a home there is nowhere to keep it. */
static bool has_place(void)
{
	return getenv("XDG_STATE_HOME") || getenv("HOME");
}

void keeper_note(struct keeper *keeper, uint32_t id)
{
	if (!has_place())
		return;
	refill(keeper);
	if (keeper->spent == KEEPER_BURST || keeper->count == KEEPER_BURST) {
		if (!keeper->told)
			log_error("threadprocs crash too often: not every report is kept");
		keeper->told = true;
		return;
	}
	keeper->told = false;
	keeper->spent++;
	keeper->waiting[keeper->count++] = id;
	go_on(keeper);
}

void keeper_hurry(struct keeper *keeper)
{
	if (keeper->count)
		log_error("the space ends before %u reports of crashes were made", keeper->count);
	keeper->count = 0;
	if (keeper->looker.fd >= 0)
		loop_arm(keeper->loop, &keeper->patience, LAST_PATIENCE_MS);
}

bool keeper_busy(const struct keeper *keeper)
{
	return keeper->looker.fd >= 0 || keeper->count;
}

void keeper_init(struct keeper *keeper, struct loop *loop, const char *space,
                 void (*idle)(struct keeper *keeper))
{
	*keeper = (struct keeper){
		.loop = loop,
		.space = space,
		.idle = idle,
		.looker = {.fd = -1, .ready = on_ended},
		.patience = {.fire = on_impatient},
		.refill_ns = now_ns(),
	};
}
