#include "loader/client/crash.h"

#include "lib/base/beside.h"
#include "loader/client/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S (1000 * NS_PER_MS)

/* A report that takes longer is given up, a core likewise. */
#define REPORT_SECONDS 10
#define CORE_SECONDS 300

static const struct {
	const char *word;
	enum crash_then then;
} words[] = {
	{"core", CRASH_THEN_CORE},
	{"wait", CRASH_THEN_WAIT},
	{"stop-space", CRASH_THEN_STOP_SPACE},
	{"restart", CRASH_THEN_RESTART},
};

bool crash_policy_parse(const char *word, struct crash_policy *policy)
{
	if (!strcmp(word, "report") || !strcmp(word, "quiet")) {
		policy->report = *word == 'r' ? CRASH_REPORT_FULL : CRASH_REPORT_NONE;
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		policy->then = words[i].then;
		return true;
	}
	return false;
}

uint32_t crash_policy_flags(const struct crash_policy *policy)
{
	switch (policy->then) {
	case CRASH_THEN_STOP_SPACE:
		return WIRE_HOLD_CRASH | WIRE_CRASH_STOPS_SPACE;
	case CRASH_THEN_CORE:
	case CRASH_THEN_WAIT:
		return WIRE_HOLD_CRASH;
	default:
		return policy->report != CRASH_REPORT_NONE ? WIRE_HOLD_CRASH : 0;
	}
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void crash_init(struct crash *crash, const struct crash_policy *policy, const char *space,
                const struct launched *launched, int sock)
{
	*crash = (struct crash){
		.policy = policy,
		.space = space,
		.launched = launched,
		.sock = sock,
		.looker_fd = -1,
	};
}

/* ---- tpinspect ------------------------------------------------------------------------------ */

struct commands {
	char report[64];
	char core[64];
	const char *argv[10]; /* NULL-terminated */
};

static void fill_commands(const struct crash *crash, struct commands *commands)
{
	const struct crash_policy *policy = crash->policy;
	unsigned id = crash->launched->id;
	size_t n = 0;

	commands->argv[n++] = "tpinspect";
	commands->argv[n++] = "--no-pager";
	commands->argv[n++] = "--keep-going";
	commands->argv[n++] = "--space";
	commands->argv[n++] = crash->space;
	snprintf(commands->report, sizeof(commands->report), "--command=crash --keep%s %u%s",
	         policy->report == CRASH_REPORT_SHORT ? " --short" : "", id,
	         policy->report == CRASH_REPORT_NONE ? " > /dev/null" : "");
	commands->argv[n++] = commands->report;
	if (policy->then == CRASH_THEN_CORE) {
		snprintf(commands->core, sizeof(commands->core), "--command=dump-core %u core.%d",
		         id, (int)crash->launched->pid);
		commands->argv[n++] = commands->core;
	}
	commands->argv[n] = NULL;
}

/* What was meant for the program must not keep us from telling how it ended, nor make that slow. */
static void clean_environment(void)
{
	static const char *const dropped[] = {"LD_", "DEBUGINFOD_URLS=", "MALLOC_", "PAGER="};
	char **to = environ;

	for (char **from = environ; *from; from++) {
		bool drop = false;

		for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
			drop |= !strncmp(*from, dropped[i], strlen(dropped[i]));
		if (!drop)
			*to++ = *from;
	}
	*to = NULL;
}

/* In the new process. */
_Noreturn static void become_looker(const char *path, const struct commands *commands)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0);
	clean_environment();
	caller_reset_signals();
	execv(path, (char *const *)commands->argv);
	_exit(127);
}

static bool start_looker(struct crash *crash)
{
	struct commands commands;
	char path[PATH_MAX];

	if (!beside_find("tpinspect", path)) {
		dprintf(STDERR_FILENO, "tprun: tpinspect is not installed: no crash report\n");
		return false;
	}
	fill_commands(crash, &commands);
	crash->looker = fork();
	if (crash->looker == 0)
		become_looker(path, &commands);
	if (crash->looker < 0) {
		crash->looker = 0;
		return false;
	}
	crash->looker_fd = (int)syscall(SYS_pidfd_open, crash->looker, 0);
	crash->until_ns =
		now_ns() +
		NS_PER_S * (crash->policy->then == CRASH_THEN_CORE ? CORE_SECONDS : REPORT_SECONDS);
	return true;
}

/* It is gone when this returns. */
static void end_looker(struct crash *crash)
{
	bool late = now_ns() >= crash->until_ns;

	if (!crash->looker)
		return;
	if (waitpid(crash->looker, NULL, WNOHANG) == 0) {
		kill(crash->looker, SIGKILL);
		while (waitpid(crash->looker, NULL, 0) < 0 && errno == EINTR)
			;
		if (late)
			dprintf(STDERR_FILENO, "tprun: the crash report took too long\n");
	}
	crash->looker = 0;
	if (crash->looker_fd >= 0)
		close(crash->looker_fd);
	crash->looker_fd = -1;
}

/* ---- The crash ------------------------------------------------------------------------------ */

static void let_die(struct crash *crash)
{
	union packet_body body = {0};
	struct err err;

	crash->held = false;
	/* when the server is gone, so is the program */
	packet_send(crash->sock, WIRE_LET_DIE, &body, NULL, 0, &err);
}

static bool waits(const struct crash *crash)
{
	return crash->policy->then == CRASH_THEN_WAIT ||
	       crash->policy->then == CRASH_THEN_STOP_SPACE;
}

static void say_how_to_go_on(const struct crash *crash)
{
	const unsigned id = crash->launched->id;

	dprintf(STDERR_FILENO,
	        "tprun: it is held where it crashed. To look: tpinspect -s %s -c 'crash %u', "
	        "tpgdb -s %s %u.\n",
	        crash->space, id, crash->space, id);
	if (crash->policy->then == CRASH_THEN_STOP_SPACE)
		dprintf(STDERR_FILENO,
		        "tprun: everything else in the space is stopped. "
		        "To go on: tpserver -s %s --thaw, or end this.\n",
		        crash->space);
	else
		dprintf(STDERR_FILENO, "tprun: Ctrl-C, or SIGTERM to process %d, lets go of it.\n",
		        (int)getpid());
}

void crash_begin(struct crash *crash)
{
	crash->seen = true;
	crash->held = true;
	if (!start_looker(crash))
		crash_step(crash);
}

int crash_patience(const struct crash *crash)
{
	int64_t left = crash->until_ns - now_ns();

	if (!crash->looker)
		return -1;
	return left > 0 ? (int)(left / NS_PER_MS) + 1 : 0;
}

void crash_step(struct crash *crash)
{
	end_looker(crash);
	if (waits(crash))
		say_how_to_go_on(crash);
	else
		let_die(crash);
}

bool crash_takes_signal(struct crash *crash, int signo)
{
	if (!crash->held || !waits(crash) || crash->looker)
		return false;
	switch (signo) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTERM:
		let_die(crash);
		return true;
	default:
		return false;
	}
}

static bool is_fault(int signo)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i] == signo)
			return true;
	}
	return false;
}

void crash_tell_missing(const struct crash *crash, int signo)
{
	if (crash->seen || crash->policy->report != CRASH_REPORT_FULL || !is_fault(signo))
		return;
	dprintf(STDERR_FILENO, "tprun: no report of this crash: the program went on to another one "
	                       "(execve), which "
	                       "is not in the space, or left itself no way to record it\n");
}

/* What was under way when it died is finished: there is a record, and what the others have of it. */
void crash_finish(struct crash *crash)
{
	struct pollfd polled = {crash->looker_fd, POLLIN, 0};

	while (crash->looker && crash_patience(crash) > 0) {
		if (poll(&polled, 1, crash_patience(crash)) >= 0 || errno != EINTR)
			break;
	}
	end_looker(crash);
}

void crash_deinit(struct crash *crash)
{
	end_looker(crash);
}
