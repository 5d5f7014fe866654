#include "loader/client/run.h"

#include "lib/base/cleanup.h"
#include "loader/client/caller.h"
#include "loader/client/connect.h"
#include "loader/client/guard.h"
#include "loader/client/launch.h"
#include "loader/client/lookup.h"
#include "loader/client/restart.h"
#include "loader/client/supervise.h"
#include "loader/quarantine.h"

#include <stdio.h>
#include <unistd.h>

#define EXIT_OUR_FAILURE 125
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

/* How often a server may end, idle, in the moment in which it is asked. */
#define LAUNCH_ATTEMPTS 10

static int find_program(const char *name, char **ret_path, int *ret_value, struct err *err)
{
	if (!lookup_program(name, getenv("PATH"), ret_path, err))
		return 0;
	*ret_value = err->code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	return -1;
}

static int start(const struct run_options *options, const struct launch *asked, int *ret_sock,
                 struct launched *ret_launched, int *ret_value, struct err *err)
{
	const struct server_wanted server = {.quarantine = options->quarantine};

	for (int i = 0; i < LAUNCH_ATTEMPTS; i++) {
		AUTO_CLOSE int sock = -1;

		if (client_connect(options->space, &server, &sock, err))
			return -1;
		switch (launch_program(sock, asked, ret_launched, ret_value, err)) {
		case LAUNCH_STARTED:
			*ret_sock = TAKE_FD(sock);
			return 0;
		case LAUNCH_UNSEEN:
			continue;
		default:
			return -1;
		}
	}
	return err_set(err, ERR_NO_SPACE, "the server of space %s does not answer", options->space);
}

/*
 * What the program inherited is its own now: a pipe's reader is to see the end when the
 * program closes it.  Standard error stays for what is to be said.
 */
static void release(const struct descriptors *descriptors)
{
	for (unsigned i = 0; i < descriptors->count; i++) {
		if (descriptors->fds[i] != STDERR_FILENO)
			close(descriptors->fds[i]);
	}
}

static enum run_result follow(const struct run_options *options, int sock, int signal_fd,
                              const struct launched *launched, pid_t parent, int *ret_value,
                              struct err *err)
{
	enum supervise_result result;
	struct crash crash;
	int status;

	crash_init(&crash, &options->crash, options->space, launched, sock);
	result = supervise(sock, signal_fd, launched, &crash, parent, &status, err);
	if (result == SUPERVISE_EXITED || result == SUPERVISE_SIGNALED)
		crash_finish(&crash);
	crash_deinit(&crash);
	switch (result) {
	case SUPERVISE_EXITED:
		*ret_value = status;
		return RUN_EXITED;
	case SUPERVISE_SIGNALED:
		crash_tell_missing(&crash, status);
		*ret_value = status;
		return RUN_SIGNALED;
	case SUPERVISE_LOST:
		err_set(err, ERR_NO_SPACE, "the server of space %s died; the program was ended",
		        options->space);
		return RUN_FAILED;
	default:
		return RUN_FAILED;
	}
}

static enum run_result run_once(const struct run_options *options, const struct launch *asked,
                                int signal_fd, int *ret_value, struct err *err)
{
	AUTO_CLOSE int sock = -1;
	struct launched launched;
	enum run_result result;

	if (start(options, asked, &sock, &launched, ret_value, err))
		return RUN_FAILED;
	/* one that may be launched again needs them then */
	if (options->crash.then != CRASH_THEN_RESTART)
		release(&asked->descriptors);
	if (options->verbose)
		dprintf(STDERR_FILENO, "tprun: threadproc %u, pid %d, space %s\n", launched.id,
		        launched.pid, options->space);
	if (options->say_waiting)
		dprintf(STDERR_FILENO, "tprun: process %d waits for a debugger: tpgdb -s %s %u\n",
		        launched.pid, options->space, launched.id);
	result = follow(options, sock, signal_fd, &launched, asked->parent, ret_value, err);
	close(launched.pidfd);
	return result;
}

/* Once signals are blocked and descriptors are listed. */
static enum run_result run_launch(const struct run_options *options, struct launch *asked,
                                  int *ret_value, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int signal_fd = -1;
	struct restart restart = {0};
	enum run_result result;

	if (find_program(options->argv[0], &path, ret_value, err))
		return RUN_FAILED;
	asked->path = path;
	if (supervise_open_signals(&signal_fd, err))
		return RUN_FAILED;
	do {
		restart_launched(&restart);
		result = run_once(options, asked, signal_fd, ret_value, err);
	} while (result == RUN_SIGNALED && options->crash.then == CRASH_THEN_RESTART &&
	         restart_wanted(&restart, signal_fd, options->argv[0], ret_value));
	return result;
}

enum run_result run(const struct run_options *options, int *ret_value, struct err *err)
{
	struct launch asked = {
		.argv = options->argv,
		.envp = environ,
		.parent = getppid(),
		.name = options->name,
		.flags = (options->fork_all ? WIRE_FORK_ALL : 0) |
	                 (options->wait_debugger ? WIRE_WAIT_DEBUGGER : 0) |
	                 (options->guard_free ? WIRE_GUARD_FREE : 0) |
	                 crash_policy_flags(&options->crash),
	};
	enum run_result result;

	*ret_value = EXIT_OUR_FAILURE;
	if (options->quarantine) {
		asked.flags |= WIRE_HAS_QUARANTINE;
		if (quarantine_parse(options->quarantine, &asked.quarantine, err))
			return RUN_FAILED;
	}
	if (options->guard_free && guard_environment(environ, &asked.envp, err))
		return RUN_FAILED;
	caller_block_signals(&asked.signals);
	if (descriptors_init(&asked.descriptors, err))
		return RUN_FAILED;
	result = run_launch(options, &asked, ret_value, err);
	descriptors_deinit(&asked.descriptors);
	return result;
}
