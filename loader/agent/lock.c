/* Signals and futexes, for the few places where threads have to wait for each other. */
#include "inspace.h"

#include <linux/futex.h>
#include <linux/signal.h>
#include <linux/time_types.h>

uint64_t signals_block(void)
{
	uint64_t all = ~UINT64_C(0);
	uint64_t before = 0;

	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &all, &before, ARCH_SIGSET_SIZE);
	return before;
}

void signals_restore(uint64_t before)
{
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &before, 0, ARCH_SIGSET_SIZE);
}

long futex_wait(const uint32_t *word, uint32_t value, unsigned ms)
{
	struct __kernel_timespec timeout = { ms / 1000, (long long)(ms % 1000) * 1000000 };

	return sys4(__NR_futex, word, FUTEX_WAIT, value, &timeout);
}

void futex_wake(uint32_t *word)
{
	sys3(__NR_futex, word, FUTEX_WAKE, 0x7fffffff);
}
