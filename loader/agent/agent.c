/*
 * The agent: the process whose memory is the space.
 *
 * It has no libc and keeps nothing that matters: it waits for plans, carries them out and
 * answers.  Programs can scribble on its memory, stop it or kill it; the server, which
 * has a memory of its own, then says so.  Its text is also the in-space code that runs in
 * the programs (inspace.h), which needs no agent to be alive.
 *
 * Legal here: system calls and the stack.  All signals are blocked.
 */
#include "inspace.h"
#include "worker.h"

#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/personality.h>
#include <linux/prctl.h>

/* Where the agent's own two descriptors go, so that a program's arrive as 0, 1, 2 ... */
#define OWN_FDS 62

extern char agent_image_start[] __attribute__((visibility("hidden")));
extern char agent_image_end[] __attribute__((visibility("hidden")));

static uint64_t find_aux(const uint64_t *stack, uint64_t type)
{
	const uint64_t *p = stack + 1 + stack[0] + 1; /* argc, argv, NULL */

	while (*p)
		p++;
	for (p++; *p != AT_NULL; p += 2)
		if (*p == type)
			return p[1];
	return 0;
}

/* A page that keeps the kernel's own break from growing (brk.c). */
static uint64_t raise_barrier(void)
{
	uint64_t at = page_up((uint64_t)sys1(__NR_brk, 0));
	long result = sys6(__NR_mmap, at, SYS_PAGE_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return sys_failed(result) ? 0 : at;
}

static int move_fd(int fd)
{
	long moved = sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, OWN_FDS);

	if (moved < 0)
		return fd;
	sys1(__NR_close, fd);
	return (int)moved;
}

_Noreturn void agent_main(const uint64_t *stack);
_Noreturn void agent_main(const uint64_t *stack)
{
	static struct worker agent;
	struct plan_hello hello;

	signals_block();
	sys1(__NR_personality, PER_LINUX);
	sys5(__NR_prctl, PR_SET_NAME, "tproc-agent", 0, 0, 0);
	agent.socket = move_fd(AGENT_SOCKET);
	agent.plan_fd = move_fd(AGENT_PLAN_FD);
	memset(&hello, 0, sizeof(hello));
	worker_header(&hello.h, AGENT_HELLO, sizeof(hello), 0);
	hello.vdso = find_aux(stack, AT_SYSINFO_EHDR);
	hello.agent_lo = page_down((uint64_t)agent_image_start);
	hello.agent_hi = page_up((uint64_t)agent_image_end);
	hello.entry = (uint64_t)arch_entry;
	hello.filter = (uint64_t)arch_filter;
	hello.module_hook = (uint64_t)arch_module_hook;
	hello.cpuid = (uint64_t)arch_cpuid;
	hello.cpuid_early = (uint64_t)arch_cpuid_early;
	hello.crash = (uint64_t)crash_signal;
	hello.barrier = raise_barrier();
	worker_send(&agent, &hello, sizeof(hello));
	worker_serve(&agent);
}
