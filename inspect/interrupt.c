#include "inspect/interrupt.h"

#include <unistd.h>

/* A signal handler has no argument of ours: there is one session at a time. */
static volatile sig_atomic_t *interrupted;

static void on_signal(int signo)
{
	/* The reader's end counts only as long as nobody has said more. */
	if (interrupted && (signo != SIGPIPE || !*interrupted))
		*interrupted = signo;
}

void interrupt_catch(struct session *session, int signo, bool once, struct sigaction *ret_before)
{
	struct sigaction action = {.sa_handler = on_signal};

	interrupted = &session->interrupted;
	/* no SA_RESTART: what waits shall end */
	action.sa_flags = once ? (int)SA_RESETHAND : 0;
	sigemptyset(&action.sa_mask);
	sigaction(signo, &action, ret_before);
}

void interrupt_restore(int signo, const struct sigaction *before)
{
	sigaction(signo, before, NULL);
}

void interrupt_die(int signo)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaction(signo, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), signo);
}
