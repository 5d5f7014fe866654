/*
 * sys.h - system calls for code without a libc.  Results are the kernel's: -errno.
 *
 * What depends on the machine is in arch/ARCH/arch.h.
 */
#ifndef TPROC_AGENT_SYS_H
#define TPROC_AGENT_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"

#define SYS_CAST_(x) ((long)(x))
#define sys0(nr) arch_syscall(nr, 0, 0, 0, 0, 0, 0)
#define sys1(nr, a) arch_syscall(nr, SYS_CAST_(a), 0, 0, 0, 0, 0)
#define sys2(nr, a, b) arch_syscall(nr, SYS_CAST_(a), SYS_CAST_(b), 0, 0, 0, 0)
#define sys3(nr, a, b, c) arch_syscall(nr, SYS_CAST_(a), SYS_CAST_(b), SYS_CAST_(c), 0, 0, 0)
#define sys4(nr, a, b, c, d)                                                                       \
	arch_syscall(nr, SYS_CAST_(a), SYS_CAST_(b), SYS_CAST_(c), SYS_CAST_(d), 0, 0)
#define sys5(nr, a, b, c, d, e)                                                                    \
	arch_syscall(nr, SYS_CAST_(a), SYS_CAST_(b), SYS_CAST_(c), SYS_CAST_(d), SYS_CAST_(e), 0)
#define sys6(nr, a, b, c, d, e, f)                                                                 \
	arch_syscall(nr, SYS_CAST_(a), SYS_CAST_(b), SYS_CAST_(c), SYS_CAST_(d), SYS_CAST_(e),     \
		     SYS_CAST_(f))

/* True for what a system call returns when it failed. */
static inline int sys_failed(long result)
{
	return (unsigned long)result > -4096ul;
}

#define SYS_PAGE_SIZE UINT64_C(4096)

static inline uint64_t page_up(uint64_t x)
{
	return (x + SYS_PAGE_SIZE - 1) & ~(SYS_PAGE_SIZE - 1);
}

static inline uint64_t page_down(uint64_t x)
{
	return x & ~(SYS_PAGE_SIZE - 1);
}

/* The compiler may call these for assignments and initialisers.  Hosted tests have them. */
#if !__STDC_HOSTED__
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#endif

/* 1 when two strings are equal. */
static inline int str_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

struct sys_iovec {
	void *base;
	uint64_t len;
};

#endif
