/*
 * Says "ready" and then each signal that comes: its number, and its value when it has one.
 * SIGTERM is the last.
 */
#include <signal.h>
#include <stdio.h>

int main(void)
{
	sigset_t all;
	siginfo_t info;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (;;) {
		/* EINTR: it was stopped and goes on (signal(7)). */
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		if (info.si_code == SI_QUEUE)
			printf("%d value %d\n", info.si_signo, info.si_value.sival_int);
		else
			printf("%d\n", info.si_signo);
		if (info.si_signo == SIGTERM)
			return 0;
	}
}
