/*
 * Carries out plans: the only part of the toolkit that changes the space's mappings from
 * outside the programs.  It decides nothing; the server does.
 */
#include "execute.h"

#include "start.h"

#include <linux/prctl.h>
#include <linux/sched.h>

#define OPS_AT_ONCE 32
#ifndef __NR_mseal
#define __NR_mseal 462
#endif

static int plan_fd_of(const struct plan_run *run, const int *fds, int32_t index)
{
	return index >= 0 && (uint32_t)index < run->fd_count ? fds[index] : -1;
}

static long do_map(const struct plan_op *op, int fd)
{
	long result = sys6(__NR_mmap, op->addr, op->len, op->prot, op->flags, fd, op->off);

	if (sys_failed(result))
		return result;
	return (uint64_t)result == op->addr ? 0 : -EEXIST;
}

/* How many of the operations from op on are writes whose data lies one behind the other. */
static uint32_t count_writes(const struct plan_op *op, uint32_t left)
{
	uint32_t count = 1;

	while (count < left && op[count].op == PLAN_WRITE &&
	       op[count].off == op[count - 1].off + op[count - 1].len)
		count++;
	return count;
}

/* Takes what it can get at once; a plan's data is there, so short means broken. */
static long do_writes(const struct plan_op *op, uint32_t count, int plan_fd, uint64_t data_off)
{
	struct sys_iovec to[OPS_AT_ONCE];
	uint64_t total = 0;
	long n;

	for (uint32_t i = 0; i < count; i++) {
		to[i] = (struct sys_iovec){ (void *)op[i].addr, op[i].len };
		total += op[i].len;
	}
	n = sys5(__NR_preadv, plan_fd, to, count, data_off + op->off, 0);
	if (n < 0)
		return n;
	return (uint64_t)n == total ? 0 : -EIO;
}

/* What debuggers read of the memory; -EINVAL where the kernel does not have the call. */
static long do_set_mm(const struct plan_op *op, int plan_fd, uint64_t data_off)
{
	struct plan_mm mm;
	struct prctl_mm_map map;
	const struct plan_op copy = {.addr = (uint64_t)&mm, .len = sizeof(mm), .off = op->off};
	long result;

	if (op->len != sizeof(mm))
		return -EINVAL;
	result = do_writes(&copy, 1, plan_fd, data_off);
	if (result)
		return result;
	if (mm.aux_count > PLAN_AUX_WORDS)
		return -EINVAL;
	memset(&map, 0, sizeof(map));
	map.start_code = mm.start_code;
	map.end_code = mm.end_code;
	map.start_data = mm.start_data;
	map.end_data = mm.end_data;
	map.start_brk = mm.start_brk;
	map.brk = (uint64_t)sys1(__NR_brk, 0);
	map.start_stack = mm.start_stack;
	map.arg_start = mm.arg_start;
	map.arg_end = mm.arg_end;
	map.env_start = mm.env_start;
	map.env_end = mm.env_end;
	map.auxv = (__u64 *)mm.aux;
	map.auxv_size = (uint32_t)(mm.aux_count * sizeof(mm.aux[0]));
	map.exe_fd = (uint32_t)-1;
	return sys5(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

/* What the server wants to be seen stays: who forks sees the registry before it says anything. */
static long do_show(const struct plan_op *op, int plan_fd, uint64_t data_off)
{
	bool held = fork_hold();
	long result = do_set_mm(op, plan_fd, data_off);

	if (held)
		fork_let();
	return result;
}

static long do_clone(const struct plan_op *op, const struct plan_run *run, const int *fds,
		     int32_t *ret_pid)
{
	struct slot *slot = (struct slot *)op->addr;
	struct slot_launch *launch = &slot->launch;
	struct slot_fd *list = (struct slot_fd *)launch->fds;
	struct clone_args args;
	long pid;

	if (slot->magic != SLOT_MAGIC || launch->fd_count != op->len ||
	    launch->fd_count > run->fd_count)
		return -EINVAL;
	for (uint32_t i = 0; i < launch->fd_count; i++)
		list[i].from = fds[i];
	launch->cwd_from = plan_fd_of(run, fds, op->fd);
	memset(&args, 0, sizeof(args));
	/* A child of the server, in this memory, with exit signal 0 as CLONE_PARENT has it. */
	args.flags = CLONE_VM | CLONE_PARENT | CLONE_CLEAR_SIGHAND;
	args.stack = (launch->fds & ~UINT64_C(63)) - SLOT_START_STACK;
	args.stack_size = SLOT_START_STACK;
	pid = arch_clone(&args, sizeof(args), start_program, slot);
	if (pid > 0)
		*ret_pid = (int32_t)pid;
	return pid > 0 ? 0 : pid;
}

static long execute(const struct plan_op *op, int plan_fd, const struct plan_run *run,
		    const int *fds, int32_t *ret_pid)
{
	switch (op->op) {
	case PLAN_MAP:
		return do_map(op, plan_fd_of(run, fds, op->fd));
	case PLAN_ZERO:
		memset((void *)op->addr, 0, op->len);
		return 0;
	case PLAN_PROTECT:
		return sys3(__NR_mprotect, op->addr, op->len, op->prot);
	case PLAN_UNMAP:
		return sys2(__NR_munmap, op->addr, op->len);
	case PLAN_ADVISE:
		return sys3(__NR_madvise, op->addr, op->len, op->flags);
	case PLAN_SEAL:
		sys3(__NR_mseal, op->addr, op->len, 0);
		return 0;
	case PLAN_SET_MM:
		return do_show(op, plan_fd, run->data_off);
	case PLAN_CLONE:
		return do_clone(op, run, fds, ret_pid);
	default:
		return -EINVAL;
	}
}

static long load(struct plan_op *ops, int plan_fd, uint32_t first, uint32_t count)
{
	long size = (long)(count * sizeof(ops[0]));

	return sys4(__NR_pread64, plan_fd, ops, size, first * sizeof(ops[0])) == size ? 0 : -EIO;
}

void execute_plan(int plan_fd, const struct plan_run *run, const int *fds, struct plan_done *done)
{
	struct plan_op ops[OPS_AT_ONCE];
	uint32_t loaded = 0; /* operations up to this one are in ops, from `first` on */
	uint32_t first = 0;
	long result = 0;

	for (uint32_t i = 0; i < run->op_count && !result;) {
		const struct plan_op *op = &ops[i - first];
		uint32_t count = 1;

		done->failed_op = i;
		if (i == loaded) {
			uint32_t left = run->op_count - i;

			first = i;
			op = ops;
			loaded += left < OPS_AT_ONCE ? left : OPS_AT_ONCE;
			result = load(ops, plan_fd, first, loaded - first);
			if (result)
				break;
		}
		if (op->op == PLAN_WRITE) {
			count = count_writes(op, loaded - i);
			result = do_writes(op, count, plan_fd, run->data_off);
		} else {
			result = execute(op, plan_fd, run, fds, &done->pid);
		}
		i += count;
	}
	done->result = (int32_t)result;
	if (!result)
		done->failed_op = 0;
}
