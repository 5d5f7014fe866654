/* A program's own dealings with SIGTRAP, which are as they are anywhere. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static volatile int code;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	seen++;
	code = info->si_code;
}

static int show(const char *when)
{
	struct sigaction action;

	memset(&action, 0xff, sizeof(action));
	if (sigaction(SIGTRAP, NULL, &action))
		return 1;
	printf("%s: %s, flags %x\n", when,
	       action.sa_handler == SIG_DFL	 ? "default" :
	       action.sa_handler == SIG_IGN	 ? "ignored" :
	       action.sa_sigaction == on_trap ? "own" :
						"foreign",
	       (unsigned)action.sa_flags);
	return 0;
}

static int handle(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	struct sigaction old;

	show("at first");
	sigaction(SIGTRAP, &action, &old);
	printf("before: %s\n", old.sa_handler == SIG_DFL ? "default" : "something");
	show("own");
	__asm__ volatile("int3");
	printf("int3: seen %d, code %x\n", (int)seen, (unsigned)code);
	raise(SIGTRAP);
	printf("raise: seen %d, code %d\n", (int)seen, code);
	signal(SIGTRAP, SIG_IGN);
	show("ignored");
	raise(SIGTRAP);
	signal(SIGTRAP, SIG_DFL);
	show("default again");
	printf("bad: %d\n", sigaction(SIGTRAP, (void *)8, NULL));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "handle";

	if (!strcmp(what, "handle"))
		return handle();
	if (!strcmp(what, "int3"))
		__asm__ volatile("int3");
	if (!strcmp(what, "raise"))
		raise(SIGTRAP);
	if (!strcmp(what, "again")) {
		handle();
		__asm__ volatile("int3");
	}
	if (!strcmp(what, "kill"))
		kill(getpid(), SIGTRAP);
	return 3;
}
