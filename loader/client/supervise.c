#include "loader/client/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNALS_PER_READ 16

struct supervisor {
	int sock;
	int signal_fd;
	int pidfd;
	struct crash *crash;
	bool same_group;     /* the terminal signals both of us */
	bool session_leader; /* then a hang-up is for this process alone */
};

int supervise_open_signals(int *ret_fd, struct err *err)
{
	uint64_t all = caller_catchable_signals();
	int fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof(all), SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return err_os(err, errno, "cannot open a signalfd");
	*ret_fd = fd;
	return 0;
}

static bool sent_by_a_process(const struct signalfd_siginfo *info)
{
	return info->ssi_code == SI_USER || info->ssi_code == SI_QUEUE ||
	       info->ssi_code == SI_TKILL;
}

/*
 * What the terminal sends goes to a whole process group: a threadproc of our own group has it
 * already.  Other signals of the kernel's, such as that of a timer that lived through
 * execve, are ours alone and have to be passed on.
 */
static bool has_it_already(const struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
	if (sent_by_a_process(info) || !supervisor->same_group)
		return false;
	switch (info->ssi_signo) {
	case SIGHUP:
	case SIGCONT:
		return !supervisor->session_leader;
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGWINCH:
		return true;
	default:
		return false;
	}
}

/*
 * The sender's value goes along where the kernel permits to name a sender (negative codes,
 * but not SI_TKILL); otherwise the threadproc sees a plain kill from this process.
 */
static void pass_on(const struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
	siginfo_t queued = {0};
	bool keep = info->ssi_code == SI_QUEUE;

	if (keep) {
		queued.si_signo = (int)info->ssi_signo;
		queued.si_code = info->ssi_code;
		queued.si_pid = (pid_t)info->ssi_pid;
		queued.si_uid = info->ssi_uid;
		queued.si_value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
	}
	/* ESRCH: it has ended, and its end is on the way to us */
	syscall(SYS_pidfd_send_signal, supervisor->pidfd, info->ssi_signo, keep ? &queued : NULL,
	        0);
}

/* Passes on all that is pending, in order.  Returns true when SIGCONT was among it. */
static bool pass_on_pending(const struct supervisor *supervisor)
{
	struct signalfd_siginfo infos[SIGNALS_PER_READ];
	bool continued = false;
	ssize_t got;

	while ((got = read(supervisor->signal_fd, infos, sizeof(infos))) > 0) {
		for (size_t i = 0; i < (size_t)got / sizeof(infos[0]); i++) {
			const struct signalfd_siginfo *info = &infos[i];

			continued |= info->ssi_signo == SIGCONT;
			/* our own children's ends are nobody's business */
			if (info->ssi_signo == SIGCHLD && !sent_by_a_process(info))
				continue;
			if (crash_takes_signal(supervisor->crash, (int)info->ssi_signo))
				continue;
			if (!has_it_already(supervisor, info))
				pass_on(supervisor, info);
		}
	}
	return continued;
}

/*
 * Stops this process the way the threadproc was stopped, so that a shell with job control
 * says the same of it.  Returns when somebody continued it.
 */
static void stop(int signo)
{
	if (signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU)
		signo = SIGSTOP;
	caller_set_default(signo);
	caller_set_blocked(~(UINT64_C(1) << (signo - 1)));
	kill(getpid(), signo);
	caller_set_blocked(UINT64_MAX);
}

static void follow_change(const struct supervisor *supervisor, const struct wire_status *status)
{
	if (status->code != CLD_STOPPED)
		return;
	/* stopping discards a pending SIGCONT, which may already be the answer to this stop */
	if (!pass_on_pending(supervisor))
		stop(status->status);
}

static enum supervise_result lose(const struct supervisor *supervisor, enum supervise_result result)
{
	syscall(SYS_pidfd_send_signal, supervisor->pidfd, SIGKILL, NULL, 0);
	return result;
}

static enum supervise_result take_exit(const struct wire_status *status, int *ret_status)
{
	*ret_status = status->status;
	return status->code == CLD_EXITED ? SUPERVISE_EXITED : SUPERVISE_SIGNALED;
}

/* One message of the server's; returns true when it was the last, with *ret_result set. */
static bool take_message(const struct supervisor *supervisor, enum supervise_result *ret_result,
                         int *ret_status, struct err *err)
{
	struct packet packet;

	switch (packet_recv(supervisor->sock, PACKET_FROM_SERVER, &packet, err)) {
	case PACKET_OK:
		break;
	case PACKET_AGAIN:
		return false;
	case PACKET_EOF:
		*ret_result = lose(supervisor, SUPERVISE_LOST);
		return true;
	default:
		*ret_result = lose(supervisor, SUPERVISE_ERROR);
		return true;
	}
	switch (packet.body.h.type) {
	case WIRE_CHANGED:
		follow_change(supervisor, &packet.body.status);
		return false;
	case WIRE_CRASHED:
		crash_begin(supervisor->crash);
		return false;
	case WIRE_EXITED:
		*ret_result = take_exit(&packet.body.status, ret_status);
		return true;
	default:
		packet_deinit(&packet);
		err_set(err, ERR_PROTOCOL, "the server sent message type %u out of turn",
		        packet.body.h.type);
		*ret_result = lose(supervisor, SUPERVISE_ERROR);
		return true;
	}
}

enum supervise_result supervise(int sock, int signal_fd, const struct launched *launched,
                                struct crash *crash, int *ret_status, struct err *err)
{
	const struct supervisor supervisor = {
		.sock = sock,
		.signal_fd = signal_fd,
		.pidfd = launched->pidfd,
		.crash = crash,
		.same_group = launched->pgid == getpgrp(),
		.session_leader = getsid(0) == getpid(),
	};
	enum supervise_result result;

	for (;;) {
		struct pollfd polled[] = {
			{sock, POLLIN, 0}, {signal_fd, POLLIN, 0}, {crash->looker_fd, POLLIN, 0}};
		int ready = poll(polled, 3, crash_patience(crash));

		if (ready < 0) {
			if (errno == EINTR)
				continue;
			err_os(err, errno, "cannot wait for the program");
			return lose(&supervisor, SUPERVISE_ERROR);
		}
		if (polled[2].revents || !ready)
			crash_step(crash);
		if (polled[1].revents)
			pass_on_pending(&supervisor);
		if (polled[0].revents && take_message(&supervisor, &result, ret_status, err))
			return result;
	}
}

void supervise_die(int signo)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	caller_set_default(signo);
	caller_set_blocked(~(UINT64_C(1) << (signo - 1)));
	kill(getpid(), signo);
	/* only a signal whose default is harmless leads here; the shell's convention remains */
	_exit(128 + signo);
}
