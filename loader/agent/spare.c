/*
 * The spare: a process that is made before it is needed.  It shares the memory and waits for
 * a plan, as the agent does; what the plan starts, it becomes.  So neither the making of a process
 * nor its way to a processor is waited for, and descriptors come to where they stay.
 *
 * There is one at a time.  The server sees to it that a new one is not made before the last one
 * left this stack: that has answered, or is gone.
 */
#include "spare.h"

#include "signals.h"
#include "start.h"

#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>

#define STACK_SIZE 0x4000

/* The spare as it is made: the agent's memory is its own. */
static struct {
	struct worker worker;
	int agent_socket; /* the number that the agent's own connection has */
	int server_pid;
	unsigned char stack[STACK_SIZE] __attribute__((aligned(64)));
} spare;

/* What is to be done when the spare's stack is left: it lies there. */
struct becoming {
	const struct worker *worker;
	struct slot *slot;
	struct plan_done done;
};

static void spare_main(void *arg)
{
	struct worker *worker = arg;

	sys5(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (sys0(__NR_getppid) != spare.server_pid)
		worker_leave(0);
	sys5(__NR_prctl, PR_SET_NAME, "tproc-spare", 0, 0, 0);
	/* In the place of the agent's connection, which is to end with the agent. */
	if (sys3(__NR_dup3, worker->socket, spare.agent_socket, 0) < 0)
		worker_leave(1);
	worker->socket = spare.agent_socket;
	worker_close_others(worker);
	worker_serve(worker);
}

long spare_make(const struct worker *agent, int socket, int server_pid)
{
	struct clone_args args;

	if (agent->is_spare)
		return -EINVAL;
	spare.worker.socket = socket;
	spare.worker.plan_fd = agent->plan_fd;
	spare.worker.is_spare = true;
	spare.agent_socket = agent->socket;
	spare.server_pid = server_pid;
	memset(&args, 0, sizeof(args));
	args.flags = CLONE_VM | CLONE_PARENT | CLONE_CLEAR_SIGHAND;
	args.stack = (uint64_t)spare.stack;
	args.stack_size = sizeof(spare.stack);
	return arch_clone(&args, sizeof(args), spare_main, &spare.worker);
}

/* Signals that were sent to it before it was anybody are not the program's. */
static void drop_signals(void)
{
	const struct __kernel_timespec now = {0, 0};
	const uint64_t all = ~UINT64_C(0);

	while (sys4(__NR_rt_sigtimedwait, &all, 0, &now, ARCH_SIGSET_SIZE) > 0)
		;
}

/* On the program's own stack.  With the answer the spare's is somebody else's. */
static void become(void *arg)
{
	struct becoming *becoming = arg;
	struct slot *slot = becoming->slot;

	drop_signals();
	worker_send(becoming->worker, &becoming->done, sizeof(becoming->done));
	start_program(slot);
}

_Noreturn void spare_become(struct worker *worker, struct slot *slot, const struct plan_done *done)
{
	struct becoming becoming = {worker, slot, *done};

	arch_leap(start_stack(&slot->launch), become, &becoming);
}
