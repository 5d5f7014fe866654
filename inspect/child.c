#include "inspect/child.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* posix_spawnp with fd as standard input; an errno, as that does. */
static int spawn(char *const argv[], int fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!error)
		error = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int child_start(char *const argv[], pid_t *ret_pid, FILE **ret_input, struct err *err)
{
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	FILE *input;
	int ends[2];
	int error;

	if (pipe2(ends, O_CLOEXEC))
		return err_os(err, errno, "pipe");
	from = ends[0];
	to = ends[1];
	input = fdopen(to, "w");
	if (!input)
		return err_os(err, errno, "stream of a pipe");
	to = -1;
	error = spawn(argv, from, ret_pid);
	if (error) {
		fclose(input);
		return err_os(err, error, "cannot start %s", argv[0]);
	}
	*ret_input = input;
	return 0;
}

int child_shell(const char *command, pid_t *ret_pid, FILE **ret_input, struct err *err)
{
	char *const argv[] = {"/bin/sh", "-c", (char *)command, NULL};

	return child_start(argv, ret_pid, ret_input, err);
}

int child_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}
