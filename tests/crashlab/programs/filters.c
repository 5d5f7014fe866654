/* Programs that may not make every system call, or have no descriptors left. */
#include "faulty.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST 32

/* One action for the calls in a list that ends with -1, another for the rest. */
static void filter(const int *calls, uint32_t for_them, uint32_t for_others)
{
	struct sock_filter code[2 * MOST + 2];
	struct sock_fprog program = { .filter = code };
	unsigned short at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (; *calls >= 0 && at < 2 * MOST; calls++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  (uint32_t)*calls, 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, for_them);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, for_others);
	program.len = at;
	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
	need(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "PR_SET_SECCOMP");
}

static void forbidden_call(uintptr_t where)
{
	(void)where;
	filter((const int[]){ SYS_getppid, -1 }, SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW);
	getppid();
}

static void killed_call(uintptr_t where)
{
	(void)where;
	filter((const int[]){ SYS_getppid, -1 }, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	getppid();
}

/* Nothing that a crash needs of the kernel can be had: all fail. */
static void all_fail(uintptr_t where)
{
	filter((const int[]){ SYS_exit_group, SYS_rt_sigreturn, -1 }, SECCOMP_RET_ALLOW,
	       SECCOMP_RET_ERRNO | EPERM);
	write_4(where);
}

static void all_fail_breakpoint(uintptr_t where)
{
	(void)where;
	filter((const int[]){ SYS_exit_group, SYS_rt_sigreturn, -1 }, SECCOMP_RET_ALLOW,
	       SECCOMP_RET_ERRNO | EPERM);
	__asm__ volatile("int3");
}

static void futex_fails(uintptr_t where)
{
	filter((const int[]){ SYS_futex, -1 }, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	write_4(where);
}

static void readv_fails(uintptr_t where)
{
	filter((const int[]){ SYS_process_vm_readv, -1 }, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	write_4(where);
}

/* What crashes of programs under such filters end with: docs/LIMITS.md, Crashes. */
static void readv_kills(uintptr_t where)
{
	filter((const int[]){ SYS_process_vm_readv, -1 }, SECCOMP_RET_KILL_PROCESS,
	       SECCOMP_RET_ALLOW);
	write_4(where);
}

static void readv_traps(uintptr_t where)
{
	filter((const int[]){ SYS_process_vm_readv, -1 }, SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW);
	write_4(where);
}

static void close_all(uintptr_t where)
{
	syscall(SYS_close_range, 0, ~0U, 0);
	write_4(where);
}

static void no_descriptors(uintptr_t where)
{
	struct rlimit none = { 0, 0 };

	need(!setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	close_all(where);
}

/* No memory, no new process, no file, no pending signal. */
static void no_limits_left(uintptr_t where)
{
	static const int resources[] = { RLIMIT_AS,	 RLIMIT_DATA,  RLIMIT_NPROC,
					 RLIMIT_FSIZE,	 RLIMIT_STACK, RLIMIT_SIGPENDING,
					 RLIMIT_MEMLOCK, RLIMIT_NOFILE };
	struct rlimit none = { 0, 0 };

	for (unsigned i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		need(!setrlimit(resources[i], &none), "setrlimit");
	write_4(where);
}

const struct way filter_ways[] = {
	{ "forbidden-call", forbidden_call },
	{ "killed-call", killed_call },
	{ "all-calls-fail", all_fail },
	{ "all-calls-fail-breakpoint", all_fail_breakpoint },
	{ "futex-fails", futex_fails },
	{ "readv-fails", readv_fails },
	{ "readv-kills", readv_kills },
	{ "readv-traps", readv_traps },
	{ "closed", close_all },
	{ "no-descriptors", no_descriptors },
	{ "no-limits-left", no_limits_left },
	{ 0 },
};
