/*
 * hits_regs.h - within hits: which registers a sample has.
 */
#ifndef TPROC_READ_HITS_REGS_H
#define TPROC_READ_HITS_REGS_H

#include <stdint.h>
#include <asm/perf_regs.h>
#include <sys/user.h>

#if defined(__x86_64__)
#define HITS_REGISTERS                                                                             \
	((UINT64_C(1) << PERF_REG_X86_AX | UINT64_C(1) << PERF_REG_X86_BX |                        \
	  UINT64_C(1) << PERF_REG_X86_CX | UINT64_C(1) << PERF_REG_X86_DX |                        \
	  UINT64_C(1) << PERF_REG_X86_SI | UINT64_C(1) << PERF_REG_X86_DI |                        \
	  UINT64_C(1) << PERF_REG_X86_BP | UINT64_C(1) << PERF_REG_X86_SP |                        \
	  UINT64_C(1) << PERF_REG_X86_IP | UINT64_C(1) << PERF_REG_X86_FLAGS |                     \
	  UINT64_C(1) << PERF_REG_X86_CS | UINT64_C(1) << PERF_REG_X86_SS |                        \
	  UINT64_C(0xff) << PERF_REG_X86_R8))
#define HITS_REGISTER_COUNT 20u

/* In ascending order of their numbers. */
static inline void hits_set_registers(const uint64_t *v, struct user_regs_struct *regs)
{
	*regs = (struct user_regs_struct){
		.rax = v[0],
		.rbx = v[1],
		.rcx = v[2],
		.rdx = v[3],
		.rsi = v[4],
		.rdi = v[5],
		.rbp = v[6],
		.rsp = v[7],
		.rip = v[8],
		.eflags = v[9],
		.cs = v[10],
		.ss = v[11],
		.r8 = v[12],
		.r9 = v[13],
		.r10 = v[14],
		.r11 = v[15],
		.r12 = v[16],
		.r13 = v[17],
		.r14 = v[18],
		.r15 = v[19],
		.orig_rax = UINT64_MAX,
	};
}
#else
#error "name the registers of this machine"
#endif

#endif
