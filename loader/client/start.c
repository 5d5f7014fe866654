#include "loader/client/start.h"

#include "lib/base/beside.h"
#include "lib/base/cleanup.h"
#include "loader/client/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER "tpserver"
#define READY_FD 3

/* What the server writes to its --ready-fd, first byte. */
enum ready {
	READY_LISTENS = '1',
	READY_ALREADY_THERE = 'A',
	READY_ERROR = 'E', /* a text follows */
};

/*
 * What is meant for the caller's program must not reach the server, which outlives it: a
 * preloaded library, a debugging malloc, secrets.  It gets what says where things are.
 */
static void clean_environment(void)
{
	static const char *const kept[] = {
		"XDG_RUNTIME_DIR=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "HOME=", "PATH=", "TZ="};
	char **to = environ;

	for (char **from = environ; *from; from++) {
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			if (!strncmp(*from, kept[i], strlen(kept[i]))) {
				*to++ = *from;
				break;
			}
		}
	}
	*to = NULL;
}

/*
 * Back to the defaults, as far as that takes no privilege: what the first caller has must
 * not rule all later ones.
 */
static void reset_attributes(void)
{
	/* not the stack's: an unlimited one changes how the kernel lays out memory */
	static const int raised[] = {RLIMIT_AS,      RLIMIT_CPU,    RLIMIT_DATA, RLIMIT_FSIZE,
	                             RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_NPROC};
	cpu_set_t all;

	for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++) {
		struct rlimit limit;

		if (getrlimit(raised[i], &limit))
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(raised[i], &limit);
	}
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	personality(PER_LINUX);
	umask(077);
	caller_reset_signals();
}

/* In the new process: its descriptors become /dev/null twice, the log, and READY_FD. */
static int arrange_descriptors(int log_fd, int ready_fd)
{
	int null_fd = open("/dev/null", O_RDWR);
	int result;

	/* the standard ones are open (descriptors_init), so all of these are above them */
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
	    dup2(log_fd, STDERR_FILENO) < 0)
		return -1;
	if (ready_fd == READY_FD)
		result = fcntl(ready_fd, F_SETFD, 0);
	else
		result = dup2(ready_fd, READY_FD);
	return result < 0 || syscall(SYS_close_range, READY_FD + 1, UINT_MAX, 0);
}

static void become_server(const char *path, const char *space, const struct server_wanted *wanted,
                          int log_fd, int ready_fd)
{
	char ready[16];
	char *argv[] = {SERVER, "--space", (char *)space, "--ready-fd", ready, NULL, NULL, NULL};

	snprintf(ready, sizeof(ready), "%d", READY_FD);
	if (wanted->quarantine) {
		argv[5] = "--quarantine";
		argv[6] = (char *)wanted->quarantine;
	}
	if (arrange_descriptors(log_fd, ready_fd) || setpgid(0, 0) || chdir("/"))
		_exit(1);
	clean_environment();
	reset_attributes();
	execv(path, argv);
	dprintf(READY_FD, "%c%s: %s", READY_ERROR, path, strerror(errno));
	_exit(1);
}

/* The process between is gone when this returns, and with it the kinship. */
static int spawn(const char *path, const char *space, const struct server_wanted *wanted,
                 int log_fd, int ready_fd, struct err *err)
{
	pid_t between = fork();

	if (between < 0)
		return err_os(err, errno, "cannot fork");
	if (between == 0) {
		pid_t server = fork();

		if (server < 0)
			dprintf(ready_fd, "%ccannot fork: %s", READY_ERROR, strerror(errno));
		if (server == 0)
			become_server(path, space, wanted, log_fd, ready_fd);
		_exit(0);
	}
	/* with SIGCHLD ignored it is gone without a status: ECHILD */
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* Reads what the server says until it closes, or the first byte when that says all. */
static int await_ready(int fd, struct err *err)
{
	char text[512];
	size_t length = 0;

	while (length < sizeof(text) - 1) {
		ssize_t got = read(fd, text + length, sizeof(text) - 1 - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
		if (text[0] == READY_LISTENS || text[0] == READY_ALREADY_THERE)
			return 0;
	}
	text[length] = '\0';
	if (length && text[0] == READY_ERROR)
		return err_set(err, ERR_NO_SPACE, "%s", text + 1);
	return err_set(err, ERR_NO_SPACE, "it ended at once, see server.log");
}

int start_server(const char *space, const struct server_wanted *wanted, int dir_fd, struct err *err)
{
	AUTO_CLOSE int log_fd = -1;
	AUTO_CLOSE int read_fd = -1;
	AUTO_CLOSE int write_fd = -1;
	char path[PATH_MAX];
	int ends[2];

	if (!beside_find(SERVER, path))
		return err_set(err, ERR_NOT_FOUND, "cannot find %s beside tprun or in %s", SERVER,
		               TPROC_BINDIR);
	log_fd = openat(dir_fd, "server.log",
	                O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (log_fd < 0)
		return err_os(err, errno, "cannot open server.log");
	if (pipe2(ends, O_CLOEXEC))
		return err_os(err, errno, "cannot make a pipe");
	read_fd = ends[0];
	write_fd = ends[1];
	if (spawn(path, space, wanted, log_fd, write_fd, err))
		return -1;
	close(TAKE_FD(write_fd));
	return await_ready(read_fd, err);
}
