#include "loader/client/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "group-witness"
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

/* Keeps nothing open, so that nobody waits for the end of a pipe because of it. */
_Noreturn static void stand_by(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	change_name();
	syscall(SYS_close_range, 0, UINT_MAX, 0);
	for (;;)
		pause();
}

void witness_open(struct witness *witness)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		stand_by(parent);
	witness->pid = pid > 0 ? pid : 0;
}

void witness_close(struct witness *witness)
{
	if (!witness->pid)
		return;
	kill(witness->pid, SIGKILL);
	/* with SIGCHLD ignored it is gone without a status: ECHILD */
	while (waitpid(witness->pid, NULL, 0) < 0 && errno == EINTR)
		;
	witness->pid = 0;
}

static uint64_t pending(pid_t pid)
{
	static const char label[] = "\nShdPnd:";
	char path[32];
	char text[4096];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_file(path, text, sizeof(text)))
		return 0;
	line = strstr(text, label);
	return line ? strtoull(line + strlen(label), NULL, 16) : 0;
}

uint64_t witness_take(struct witness *witness)
{
	uint64_t signals;

	if (!witness->pid)
		return 0;
	/*
	 * A signal goes to the members of a group one by one, and this process may have read it
	 * before the witness has it.  Whoever wants to change a group waits until that is done.
	 */
	setpgid(0, getpgrp());
	signals = pending(witness->pid);
	if (signals) {
		witness_close(witness);
		witness_open(witness);
	}
	return signals;
}
