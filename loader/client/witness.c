#include "loader/client/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "group-witness"
#define SOCK 0 /* what it keeps open */
#define SIGNALS_PER_READ 16
/* How long an answer is waited for; the machine may be slow. */
#define TRY_MS 20
#define PATIENCE 100
#define COUNTS_SIZE ((ssize_t)(WITNESS_SIGNALS * sizeof(uint32_t)))
/* To the kernel: from here on each of several equal signals is kept (SIGRTMIN is libc's). */
#define FIRST_QUEUED 32
/* proc(5): how many fields of "stat" lie between the name and arg_start. */
#define FIELDS_TO_ARG_START 45

/* Reads a small file of /proc; false when that is not possible. */
static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/*
 * Neither pkill nor killall are to take it for tprun: it would look as if they had meant the
 * whole group.  The arguments are this process's own copy.
 */
static void change_name(void)
{
	char text[2048];
	const char *at;
	char *start;
	char *end;

	prctl(PR_SET_NAME, NAME);
	if (!read_file("/proc/self/stat", text, sizeof(text)))
		return;
	at = strrchr(text, ')');
	for (int i = 0; at && i < FIELDS_TO_ARG_START + 1; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return;
	start = (char *)strtoul(at, (char **)&at, 10);
	end = (char *)strtoul(at, NULL, 10);
	if (!start || end <= start)
		return;
	memset(start, 0, (size_t)(end - start));
	snprintf(start, (size_t)(end - start), "%s", NAME);
}

/* Counts what processes have sent, but for what the parent sends when it waits for an answer. */
static void count_pending(int signal_fd, pid_t parent, uint32_t *counts)
{
	struct signalfd_siginfo infos[SIGNALS_PER_READ];
	ssize_t got;

	while ((got = read(signal_fd, infos, sizeof(infos))) > 0) {
		for (size_t i = 0; i < (size_t)got / sizeof(infos[0]); i++) {
			const struct signalfd_siginfo *info = &infos[i];
			bool asked = info->ssi_signo == SIGCONT && (pid_t)info->ssi_pid == parent;

			if (info->ssi_code == SI_USER && !asked)
				counts[(info->ssi_signo - 1) % WITNESS_SIGNALS]++;
		}
	}
}

/*
 * Counts as soon as something comes: the kernel makes one of two equal signals that are pending
 * (those below SIGRTMIN), and what the parent reads of them apart is to be two here as well.
 * Keeps nothing open, so that nobody waits for the end of a pipe because of it.
 */
_Noreturn static void stand_by(pid_t parent, int sock)
{
	uint32_t counts[WITNESS_SIGNALS] = {0};
	uint64_t all = UINT64_MAX;
	int signal_fd;
	char question;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(sock, SOCK) < 0)
		_exit(0);
	change_name();
	syscall(SYS_close_range, SOCK + 1, UINT_MAX, 0);
	signal_fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof(all), SFD_NONBLOCK);
	for (;;) {
		struct pollfd polled[] = {{SOCK, POLLIN, 0}, {signal_fd, POLLIN, 0}};

		poll(polled, 2, -1);
		count_pending(signal_fd, parent, counts);
		if (!polled[0].revents)
			continue;
		if (recv(SOCK, &question, sizeof(question), 0) != sizeof(question) ||
		    send(SOCK, counts, sizeof(counts), MSG_NOSIGNAL) != sizeof(counts))
			_exit(0);
		memset(counts, 0, sizeof(counts));
	}
}

void witness_open(struct witness *witness)
{
	pid_t parent = getpid();
	int ends[2];

	*witness = (struct witness){.sock = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return;
	witness->pid = fork();
	if (witness->pid == 0)
		stand_by(parent, ends[1]);
	close(ends[1]);
	if (witness->pid < 0) {
		close(ends[0]);
		witness->pid = 0;
		return;
	}
	witness->sock = ends[0];
}

void witness_close(struct witness *witness)
{
	if (!witness->pid)
		return;
	kill(witness->pid, SIGKILL);
	/* with SIGCHLD ignored it is gone without a status: ECHILD */
	while (waitpid(witness->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(witness->sock);
	*witness = (struct witness){.sock = -1};
}

/* The answer to a question; false when there is none, because somebody ended or traces it. */
static bool hear(struct witness *witness, uint32_t *ret_counts)
{
	struct pollfd polled = {witness->sock, POLLIN, 0};

	if (send(witness->sock, "?", 1, MSG_NOSIGNAL) != 1)
		return false;
	for (int i = 0; i < PATIENCE; i++) {
		if (poll(&polled, 1, TRY_MS) > 0)
			return recv(witness->sock, ret_counts, COUNTS_SIZE, 0) == COUNTS_SIZE;
		/* the group was stopped, and this process alone goes on */
		kill(witness->pid, SIGCONT);
	}
	return false;
}

void witness_ask(struct witness *witness)
{
	uint32_t counts[WITNESS_SIGNALS];

	if (!witness->pid)
		return;
	/*
	 * A signal goes to the members of a group one by one, and this process may have read it
	 * before the witness has it.  Whoever wants to change a group waits until that is done.
	 */
	setpgid(0, getpgrp());
	if (!hear(witness, counts)) {
		witness_close(witness);
		witness_open(witness);
		return;
	}
	for (size_t i = 0; i < WITNESS_SIGNALS; i++)
		witness->to_group[i] += counts[i];
}

bool witness_take(struct witness *witness, int signo)
{
	uint32_t *left = &witness->to_group[signo - 1];

	if (!*left)
		return false;
	--*left;
	return true;
}

void witness_settle(struct witness *witness)
{
	uint64_t pending = 0;

	if (!witness->pid)
		return;
	syscall(SYS_rt_sigpending, &pending, sizeof(pending));
	for (int i = 0; i < WITNESS_SIGNALS; i++) {
		if (!(pending >> i & 1))
			witness->to_group[i] = 0;
		else if (i + 1 < FIRST_QUEUED && witness->to_group[i])
			witness->to_group[i] = 1;
	}
}
