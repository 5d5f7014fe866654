#include "loader/client/restart.h"

#include "lib/base/text.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 30000
#define MS_PER_S 1000
#define NS_PER_MS INT64_C(1000000)

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * MS_PER_S * NS_PER_MS + now.tv_nsec;
}

static bool is_crash(int signo)
{
	switch (signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

void restart_launched(struct restart *restart)
{
	restart->launched_ns = now_ns();
}

/* Signals that are pending; *ret_signo is one that ends programs. */
static bool is_to_end(int signal_fd, int *ret_signo)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
		case SIGINT:
		case SIGQUIT:
		case SIGTERM:
			*ret_signo = (int)info.ssi_signo;
			return true;
		default:
			break;
		}
	}
	return false;
}

static int64_t next_pause(const struct restart *restart)
{
	int64_t lived_ms = (now_ns() - restart->launched_ns) / NS_PER_MS;

	if (!restart->pause_ms || lived_ms > PAUSE_MAX_MS)
		return PAUSE_MIN_MS;
	return restart->pause_ms * 2 < PAUSE_MAX_MS ? restart->pause_ms * 2 : PAUSE_MAX_MS;
}

bool restart_wanted(struct restart *restart, int signal_fd, const char *program, int *signo)
{
	struct pollfd polled = {signal_fd, POLLIN, 0};
	char shown[256];
	int64_t until;

	if (!is_crash(*signo))
		return false;
	restart->pause_ms = next_pause(restart);
	text_escape(shown, sizeof(shown), program, strlen(program));
	dprintf(STDERR_FILENO,
	        "tprun: %s crashed (signal %d); it is launched again in %lld.%lld s\n", shown,
	        *signo, (long long)restart->pause_ms / MS_PER_S,
	        (long long)restart->pause_ms / 100 % 10);
	until = now_ns() + restart->pause_ms * NS_PER_MS;
	for (int64_t left = restart->pause_ms; left > 0;
	     left = (until - now_ns() + NS_PER_MS - 1) / NS_PER_MS) {
		if (poll(&polled, 1, (int)left) > 0 && is_to_end(signal_fd, signo))
			return false;
	}
	return true;
}
