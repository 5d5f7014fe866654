/*
 * The system calls that in-space code takes over, one function each, and the table that
 * says so.  Each does what the kernel would, but within the program's slot.
 */
#include "inspace.h"

#include <linux/prctl.h>
#include <linux/shm.h>

#define HUGE_2M (UINT64_C(1) << 21)

/* Bit NR set: arch_filter sends the call here.  Covers 0..__NR_faccessat2. */
#define CALL_BIT(nr, word) ((nr) / 32 == (word) ? UINT32_C(1) << (nr) % 32 : 0)
#define CALL_WORD(word)                                                                            \
	(CALL_BIT(__NR_mmap, word) | CALL_BIT(__NR_munmap, word) | CALL_BIT(__NR_brk, word) |      \
	 CALL_BIT(__NR_mremap, word) | CALL_BIT(__NR_shmat, word) | CALL_BIT(__NR_clone, word) |   \
	 CALL_BIT(__NR_fork, word) | CALL_BIT(__NR_execve, word) |                                 \
	 CALL_BIT(__NR_rt_sigaction, word) | CALL_BIT(__NR_sigaltstack, word) |                    \
	 CALL_BIT(__NR_set_robust_list, word) |                                                    \
	 CALL_BIT(__NR_execveat, word) | CALL_BIT(__NR_readlink, word) |                           \
	 CALL_BIT(__NR_readlinkat, word) | CALL_BIT(__NR_open, word) |                             \
	 CALL_BIT(__NR_openat, word) | CALL_BIT(__NR_stat, word) |                                 \
	 CALL_BIT(__NR_newfstatat, word) | CALL_BIT(__NR_statx, word) |                            \
	 CALL_BIT(__NR_access, word) | CALL_BIT(__NR_faccessat, word) |                            \
	 CALL_BIT(__NR_faccessat2, word) | CALL_BIT(__NR_getppid, word) |                          \
	 CALL_BIT(__NR_prctl, word) | CALL_BIT(__NR_seccomp, word))

#define SMALL_DATA 0x8000

extern const uint32_t call_bitmap[];
const uint32_t call_bitmap[] = {
	CALL_WORD(0),  CALL_WORD(1),  CALL_WORD(2),  CALL_WORD(3), CALL_WORD(4),
	CALL_WORD(5),  CALL_WORD(6),  CALL_WORD(7),  CALL_WORD(8), CALL_WORD(9),
	CALL_WORD(10), CALL_WORD(11), CALL_WORD(12), CALL_WORD(13),
};
_Static_assert(__NR_faccessat2 / 32 + 1 == sizeof(call_bitmap) / sizeof(call_bitmap[0]),
	       "arch_filter looks at no number beyond faccessat2's");

/* A file's text, mapped private: what has to be patched. */
static bool is_text(const struct arch_call *call)
{
	unsigned long flags = call->arg[3];

	return (call->arg[2] & PROT_EXEC) && !(flags & MAP_ANONYMOUS) &&
	       (flags & MAP_TYPE) == MAP_PRIVATE;
}

/*
 * A library's data as ld.so maps it: nearly all of a small one gets written during relocation,
 * page by page, and it is cheaper to have the kernel copy all of it at once.
 */
static bool is_small_data(const struct arch_call *call)
{
	return call->arg[1] <= SMALL_DATA && call->arg[2] == (PROT_READ | PROT_WRITE) &&
	       (call->arg[3] & ~MAP_DENYWRITE) == (MAP_PRIVATE | MAP_FIXED);
}

static long do_mmap(struct slot *slot, struct arch_call *call)
{
	if (is_text(call))
		return text_map(slot, call);
	if (is_small_data(call))
		call->arg[3] |= MAP_POPULATE;
	return place_call(slot, call, (long)call->arg[2]);
}

static long do_munmap(struct slot *slot, struct arch_call *call)
{
	long result = arch_pass(call);

	if (!result)
		place_release(slot, call->arg[0], call->arg[1]);
	return result;
}

/* Grown in place when there is room behind, else moved within the slot. */
static long do_mremap(struct slot *slot, struct arch_call *call)
{
	uint64_t old = call->arg[0];
	uint64_t old_len = call->arg[1];
	uint64_t new_len = page_up(call->arg[2]);
	unsigned long flags = call->arg[3];
	uint64_t align = SYS_PAGE_SIZE;
	long target;
	long result;

	if (!(flags & MREMAP_MAYMOVE) || (flags & MREMAP_FIXED) || !new_len)
		return arch_pass(call);
	if (old_len && !(flags & MREMAP_DONTUNMAP)) {
		result = sys4(__NR_mremap, old, old_len, call->arg[2], 0);
		if (result != -ENOMEM)
			return result;
	}
	if (old % HUGE_2M == 0 && new_len >= HUGE_2M)
		align = HUGE_2M;
	target = place_reserve(slot, new_len, align);
	if (sys_failed(target))
		return target;
	result = sys5(__NR_mremap, old, old_len, call->arg[2], flags | MREMAP_FIXED, target);
	if (sys_failed(result)) {
		sys2(__NR_munmap, target, new_len);
		place_release(slot, (uint64_t)target, new_len);
	} else if (old_len && !(flags & MREMAP_DONTUNMAP)) {
		place_release(slot, old, old_len);
	}
	return result;
}

static long do_shmat(struct slot *slot, struct arch_call *call)
{
	struct shmid64_ds info;
	uint64_t len;
	long target;
	long result;

	if (call->arg[1])
		return arch_pass(call);
	result = sys3(__NR_shmctl, call->arg[0], IPC_STAT, &info);
	if (result)
		return result;
	len = page_up(info.shm_segsz);
	target = place_reserve(slot, len, len % HUGE_2M ? SYS_PAGE_SIZE : HUGE_2M);
	if (sys_failed(target))
		return target;
	result = sys3(__NR_shmat, call->arg[0], target, call->arg[2] | SHM_REMAP);
	if (sys_failed(result)) {
		sys2(__NR_munmap, target, len);
		place_release(slot, (uint64_t)target, len);
	}
	return result;
}

static long do_exec(struct slot *slot, struct arch_call *call)
{
	long result;

	proc_name_exe(slot, call);
	report_exec(slot, true);
	result = arch_pass(call);
	report_exec(slot, false);
	return result;
}

static long do_prctl(struct slot *slot, struct arch_call *call)
{
	switch ((int)call->arg[0]) {
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
		return parent_prctl(slot, call);
	case PR_SET_MM:
		return describe_set(slot, call);
	case PR_SET_SECCOMP:
		return fork_filter(slot, call);
	default:
		return arch_pass(call);
	}
}

long call_dispatch(struct slot *slot, struct arch_call *call)
{
	switch (call->nr) {
	case __NR_mmap:
		return do_mmap(slot, call);
	case __NR_munmap:
		return do_munmap(slot, call);
	case __NR_set_robust_list:
		return crash_thread(slot, call);
	case __NR_sigaltstack:
		return crash_sigaltstack(slot, call);
	case __NR_mremap:
		return do_mremap(slot, call);
	case __NR_brk:
		return (long)brk_set(slot, call->arg[0]);
	case __NR_shmat:
		return do_shmat(slot, call);
	case __NR_readlink:
	case __NR_readlinkat:
		return proc_readlink(slot, call);
	case __NR_open:
	case __NR_openat:
		return proc_open(slot, call);
	case __NR_stat:
	case __NR_newfstatat:
	case __NR_statx:
	case __NR_access:
	case __NR_faccessat:
	case __NR_faccessat2:
		return proc_look(slot, call);
	case __NR_getppid:
		return parent_pid(slot, call);
	case __NR_prctl:
		return do_prctl(slot, call);
	case __NR_seccomp:
		return fork_filter(slot, call);
	case __NR_execve:
	case __NR_execveat:
		return do_exec(slot, call);
	case __NR_rt_sigaction:
		return sigaction_set(slot, call);
	case __NR_clone:
	case __NR_fork:
		return fork_own(slot, call);
	default:
		return arch_pass(call);
	}
}
