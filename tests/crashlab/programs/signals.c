/* Signals: instructions that bring them, calls that send them, handlers that do not help. */
#include "faulty.h"

#include <assert.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static sigjmp_buf back;

static void divide(uintptr_t where)
{
	volatile int zero = (int)where;

	zero = 100 / zero;
}

static void divide_overflow(uintptr_t where)
{
	volatile int least = INT_MIN, minus = -1;

	(void)where;
	least = least / minus;
}

static void illegal(uintptr_t where)
{
	(void)where;
	__builtin_trap();
}

static void breakpoint(uintptr_t where)
{
	(void)where;
	__asm__ volatile("int3");
}

static void trap_flag(uintptr_t where)
{
	(void)where;
	__asm__ volatile("pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tnop\n\tnop" : : : "memory", "cc");
}

static void privileged(uintptr_t where)
{
	(void)where;
	__asm__ volatile("hlt");
}

static void aborts(uintptr_t where)
{
	(void)where;
	abort();
}

static void asserts(uintptr_t where)
{
	assert(where);
}

static void raises(uintptr_t where)
{
	raise((int)where);
}

static void kills_itself(uintptr_t where)
{
	kill(getpid(), (int)where);
	pause();
}

static void stops(uintptr_t where)
{
	(void)where;
	raise(SIGSTOP);
}

static void on_signal(int sig)
{
	write_4((uintptr_t)(sig == SIGUSR1 ? 8 : 16));
}

static void set(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	need(!sigaction(sig, &action, NULL), "sigaction");
}

static void in_handler(uintptr_t where)
{
	(void)where;
	set(SIGUSR1, on_signal, 0);
	raise(SIGUSR1);
}

static void in_handler_on_stack(uintptr_t where)
{
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };

	(void)where;
	need(!sigaltstack(&stack, NULL), "sigaltstack");
	set(SIGUSR1, on_signal, SA_ONSTACK);
	raise(SIGUSR1);
}

/* The handler of the fault has the same fault: the kernel ends it, nobody else is asked. */
static void in_its_own_handler(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, on_signal, 0);
	write_4(0);
}

static void blocked(uintptr_t where)
{
	sigset_t all;

	(void)where;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	write_4(0);
}

static void ignored(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, SIG_IGN, 0);
	write_4(0);
}

static void quits(int sig)
{
	_exit(sig == SIGSEGV ? 7 : 8);
}

static void handled(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, quits, 0);
	write_4(0);
}

static void gives_up(int sig)
{
	signal(sig, SIG_DFL);
}

/* As crash reporters do: their own work, then the default, by which the fault comes again. */
static void handler_gives_up(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, gives_up, 0);
	write_4(0);
}

static void returns(int sig)
{
	(void)sig;
}

static void only_once(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, returns, (int)SA_RESETHAND);
	write_4(0);
}

static void jumps(int sig)
{
	siglongjmp(back, sig);
}

static void recovers(uintptr_t where)
{
	(void)where;
	set(SIGSEGV, jumps, 0);
	if (!sigsetjmp(back, 1))
		write_4(0);
}

/* Out of it a hundred times, then not any more. */
static void recovers_often(uintptr_t where)
{
	static volatile int times;

	set(SIGSEGV, jumps, 0);
	sigsetjmp(back, 1);
	if (times++ < 100)
		write_4(where);
	set(SIGSEGV, SIG_DFL, 0);
	write_4(where);
}

const struct way signal_ways[] = {
	{ "divide", divide },
	{ "divide-overflow", divide_overflow },
	{ "illegal", illegal },
	{ "breakpoint", breakpoint },
	{ "trap-flag", trap_flag },
	{ "privileged", privileged },
	{ "abort", aborts },
	{ "assert", asserts },
	{ "raise", raises },
	{ "kill-itself", kills_itself },
	{ "stop", stops },
	{ "in-handler", in_handler },
	{ "in-handler-on-stack", in_handler_on_stack },
	{ "in-its-own-handler", in_its_own_handler },
	{ "blocked", blocked },
	{ "ignored", ignored },
	{ "handled", handled },
	{ "handler-gives-up", handler_gives_up },
	{ "handler-once", only_once },
	{ "recovers", recovers },
	{ "recovers-often", recovers_often },
	{ 0 },
};
