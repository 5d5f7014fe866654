#include "loader/client/supervise.h"

#include "lib/base/cleanup.h"
#include "loader/client/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNALS_PER_READ 16
/* Programs that are shorter do without a witness: it would take longer than they do. */
#define WITNESS_AFTER_MS 10
/* Joining the group is the first that a program does: mostly it has, at the first look. */
#define JOINING_MS 1

struct supervisor {
	int sock;
	int signal_fd;
	int pidfd;
	struct crash *crash;
	pid_t pid;
	pid_t parent; /* whose child this process was when it began */
	pid_t server;
	struct witness witness;
	bool witnessed;      /* it was opened */
	bool same_group;     /* the program is put into this process's group */
	bool joined;         /* it is there: what is sent to the group comes to both of us */
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
static bool has_it_already(struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
	if (!supervisor->joined)
		return false;
	/* neither a queued value nor a thread's own signal can be sent to a group */
	if (sent_by_a_process(info))
		return info->ssi_code == SI_USER &&
		       witness_take(&supervisor->witness, (int)info->ssi_signo);
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

/* For this process only: a child of its own ended, or the server wakes it (client.c there). */
static bool is_ours(const struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo == SIGCHLD)
		return !sent_by_a_process(info);
	return info->ssi_signo == SIGCONT && info->ssi_code == SI_USER &&
	       (pid_t)info->ssi_pid == supervisor->server;
}

/* Passes on all that is pending, in order.  Returns true when SIGCONT was among it. */
static bool pass_on_pending(struct supervisor *supervisor)
{
	struct signalfd_siginfo infos[SIGNALS_PER_READ];
	bool continued = false;
	ssize_t got;

	while ((got = read(supervisor->signal_fd, infos, sizeof(infos))) > 0) {
		size_t count = (size_t)got / sizeof(infos[0]);

		witness_ask(&supervisor->witness);
		for (size_t i = 0; i < count; i++) {
			continued |= infos[i].ssi_signo == SIGCONT;
			if (is_ours(supervisor, &infos[i]) ||
			    crash_takes_signal(supervisor->crash, (int)infos[i].ssi_signo))
				continue;
			if (!has_it_already(supervisor, &infos[i]))
				pass_on(supervisor, &infos[i]);
		}
		witness_settle(&supervisor->witness);
	}
	return continued;
}

/*
 * Until the program has joined the group, it gets nothing that is sent to the group.  What came
 * here until it was seen to have joined is passed on whatever it is: rather twice than never.
 */
static void look_for_joining(struct supervisor *supervisor)
{
	if (supervisor->joined || !supervisor->same_group || getpgid(supervisor->pid) != getpgrp())
		return;
	pass_on_pending(supervisor);
	supervisor->joined = true;
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

static bool is_stopped(pid_t pid)
{
	char path[32];
	char text[128];
	const char *state;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	state = strrchr(text, ')');
	return state && state[1] == ' ' && (state[2] == 'T' || state[2] == 't');
}

/*
 * The message may be old: the group was stopped, this process with it, and goes on since.  Should
 * the program be continued only after it was looked at, the server wakes this process.
 */
static void follow_change(struct supervisor *supervisor, const struct wire_status *status)
{
	if (status->code != CLD_STOPPED || !is_stopped(supervisor->pid))
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

/*
 * The program wants a signal when its parent dies, which is this process's: the kernel sends it
 * here, and it is passed on.  The parent may be gone already.
 */
static void set_death_signal(const struct supervisor *supervisor, uint32_t signo)
{
	prctl(PR_SET_PDEATHSIG, (unsigned long)signo, 0, 0, 0);
	if (signo && getppid() != supervisor->parent)
		kill(getpid(), (int)signo);
}

/* One message of the server's; returns true when it was the last, with *ret_result set. */
static bool take_message(struct supervisor *supervisor, enum supervise_result *ret_result,
                         int *ret_status, struct err *err)
{
	/* The caller's stack may be small. */
	AUTO_FREE struct packet *packet = malloc(sizeof(*packet));

	if (!packet) {
		err_os(err, ENOMEM, "a message of the server");
		*ret_result = lose(supervisor, SUPERVISE_ERROR);
		return true;
	}
	switch (packet_recv(supervisor->sock, PACKET_FROM_SERVER, packet, err)) {
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
	switch (packet->body.h.type) {
	case WIRE_CHANGED:
		follow_change(supervisor, &packet->body.status);
		return false;
	case WIRE_CRASHED:
		crash_begin(supervisor->crash);
		return false;
	case WIRE_DEATH_SIGNAL:
		set_death_signal(supervisor, packet->body.death_signal.signo);
		return false;
	case WIRE_EXITED:
		*ret_result = take_exit(&packet->body.status, ret_status);
		return true;
	default:
		packet_deinit(packet);
		err_set(err, ERR_PROTOCOL, "the server sent message type %u out of turn",
		        packet->body.h.type);
		*ret_result = lose(supervisor, SUPERVISE_ERROR);
		return true;
	}
}

static pid_t peer_of(int sock)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length) ? 0 : peer.pid;
}

/* Milliseconds until watch_step has to be called, as poll(2) takes them. */
static int watch_patience(const struct supervisor *supervisor)
{
	if (!supervisor->same_group || supervisor->witnessed)
		return -1;
	return supervisor->joined ? WITNESS_AFTER_MS : JOINING_MS;
}

/* Sees to it that what is sent to the group can be told from what is sent here. */
static void watch_step(struct supervisor *supervisor)
{
	if (!supervisor->joined) {
		look_for_joining(supervisor);
		return;
	}
	witness_open(&supervisor->witness);
	supervisor->witnessed = true;
}

/* The shorter of two times to wait, as poll(2) takes them. */
static int sooner(int a, int b)
{
	return a >= 0 && (b < 0 || a < b) ? a : b;
}

static enum supervise_result follow(struct supervisor *supervisor, int *ret_status, struct err *err)
{
	struct crash *crash = supervisor->crash;
	enum supervise_result result;

	for (;;) {
		struct pollfd polled[] = {{supervisor->sock, POLLIN, 0},
		                          {supervisor->signal_fd, POLLIN, 0},
		                          {crash->looker_fd, POLLIN, 0}};
		int until_watch = watch_patience(supervisor);
		int ready = poll(polled, 3, sooner(until_watch, crash_patience(crash)));

		if (ready < 0) {
			if (errno == EINTR)
				continue;
			err_os(err, errno, "cannot wait for the program");
			return lose(supervisor, SUPERVISE_ERROR);
		}
		if (!ready && until_watch >= 0) {
			watch_step(supervisor);
			continue;
		}
		if (polled[2].revents || !ready)
			crash_step(crash);
		if (polled[1].revents)
			pass_on_pending(supervisor);
		if (polled[0].revents && take_message(supervisor, &result, ret_status, err))
			return result;
	}
}

enum supervise_result supervise(int sock, int signal_fd, const struct launched *launched,
                                struct crash *crash, pid_t parent, int *ret_status, struct err *err)
{
	struct supervisor supervisor = {
		.sock = sock,
		.signal_fd = signal_fd,
		.pidfd = launched->pidfd,
		.crash = crash,
		.pid = launched->pid,
		.parent = parent,
		.server = peer_of(sock),
		.same_group = launched->pgid == getpgrp(),
		.session_leader = getsid(0) == getpid(),
	};
	enum supervise_result result;

	look_for_joining(&supervisor);
	result = follow(&supervisor, ret_status, err);
	witness_close(&supervisor.witness);
	return result;
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
