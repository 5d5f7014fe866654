/*
 * arch.h - all that in-space code needs to know of x86-64.
 *
 * A port gives: the raw system call, the entry points in entry.S, a clone onto a stack,
 * the jump to a program's entry, and loader/patch/ARCH.
 */
#ifndef TPROC_AGENT_ARCH_H
#define TPROC_AGENT_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/* A system call's registers as a stub found them; entry.S builds it. */
struct arch_call {
	long nr;
	unsigned long arg[6];
};

static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* Fast without vector registers: the string instructions of the processor. */
static inline void arch_copy(void *to, const void *from, unsigned long n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static inline void arch_fill(void *to, int c, unsigned long n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
}

/* Between two looks at a word that another thread is about to change. */
static inline void arch_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* Makes the call of `call` as it stands. */
static inline long arch_pass(const struct arch_call *call)
{
	return arch_syscall(call->nr, (long)call->arg[0], (long)call->arg[1], (long)call->arg[2],
			    (long)call->arg[3], (long)call->arg[4], (long)call->arg[5]);
}

/*
 * clone3 with args; the child, on the stack that args give it, calls fn(arg), which
 * does not return.  Returns the child's pid or -errno.
 */
long arch_clone(const void *args, unsigned long size, void (*fn)(void *), void *arg);

/* Starts a program as the kernel's start_thread and the psABI do: rdx 0, flags clear. */
_Noreturn void arch_enter(uint64_t entry, uint64_t sp);

/*
 * The same once none of `bits` is set in the futex `word`.  A debugger that finds the thread asleep
 * there (its base pointer is `word`) may move it to the entry, with all registers but the stack
 * pointer 0.
 */
_Noreturn void arch_enter_later(uint64_t entry, uint64_t sp, const uint32_t *word, uint32_t bits);

/* Entry points that stubs jump to (struct patch_stub_head). */
void arch_entry(void);
void arch_sigreturn(void);
void arch_filter(void);
void arch_module_hook(void);
void arch_cpuid(void);
void arch_cpuid_early(void);
/* Executing it is a fault. */
void arch_dead_end(void);

/* int3; the processor reports the address behind it */
#define ARCH_BREAKPOINT 0xcc
#define ARCH_BREAKPOINT_SIZE 1

#define ARCH_SIGSET_SIZE 8
#define ARCH_SA_RESTORER 0x04000000

struct tp_crash;

/* Registers, pc and sp of what a signal interrupted, from its ucontext; context.c. */
void arch_context_save(const void *context, struct tp_crash *crash);
uint64_t arch_context_pc(const void *context);
void arch_context_set_pc(void *context, uint64_t pc);

/*
 * Makes the return from a handler the end of the program, where the kernel can be asked for
 * nothing: it kills when a fault brings a signal that is blocked.  By the same signal if `is_fault`,
 * which then comes again.
 */
void arch_context_end(void *context, int sig, bool is_fault);

#endif
