/*
 * Where stubs come in, and where a process of the space begins.
 *
 * Nothing is legal here but the stack: no libc, no thread-local storage, perhaps a
 * signal handler's or a very young thread's stack.  Vector registers are never touched
 * (-mgeneral-regs-only), so only integer registers are saved.
 */
#include <asm/unistd.h>

	.text

	.globl	_start
	.type	_start, @function
_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	agent_main
	ud2
	.cfi_endproc

/*
 * rax: number, arguments as for syscall, r11: struct slot.  Returns the result in rax;
 * changes rcx, r11 and flags besides, as the instruction itself does.
 */
	.globl	arch_entry
	.type	arch_entry, @function
arch_entry:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax
	movq	%r11, %rdi
	movq	%rsp, %rsi
	andq	$-16, %rsp
	cld
	call	call_dispatch
	leaq	-56(%rbp), %rsp
	popq	%rcx
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	popq	%rbp
	.cfi_def_cfa rsp, 8
	.cfi_restore rbp
	ret
	.cfi_endproc

/*
 * Carry set when the call in rax is one that arch_entry handles.  Changes rcx and flags
 * only.  A clone that shares memory is left to the program: it may return on another stack.
 */
	.globl	arch_filter
	.type	arch_filter, @function
arch_filter:
	.cfi_startproc
	cmpq	$__NR_faccessat2, %rax
	ja	.Lnot_ours
	cmpl	$__NR_clone, %eax
	jne	1f
	testl	$0x100, %edi		/* CLONE_VM */
	jnz	.Lnot_ours
1:	leaq	call_bitmap(%rip), %rcx
	btl	%eax, (%rcx)
	ret
.Lnot_ours:
	clc
	ret
	.cfi_endproc

/*
 * In place of the cpuid instruction: leaf in eax, subleaf in ecx, the answer in eax, ebx,
 * ecx, edx.  Everything else stays, flags included.
 */
	.macro	cpuid_entry name, answer
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	pushfq
	.cfi_def_cfa_offset 16
	pushq	%rbp
	.cfi_def_cfa_offset 24
	.cfi_offset rbp, -24
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	subq	$16, %rsp
	movl	%eax, %edi
	movl	%ecx, %esi
	movq	%rsp, %rdx
	movq	%rsp, %rbx		/* is overwritten anyway, and kept by the call */
	.cfi_undefined rbx
	andq	$-16, %rsp
	cld
	call	\answer
	movq	%rbx, %rsp
	movl	(%rsp), %eax
	movl	4(%rsp), %ebx
	movl	8(%rsp), %ecx
	movl	12(%rsp), %edx
	addq	$16, %rsp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	.cfi_def_cfa rsp, 16
	.cfi_restore rbp
	popfq
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.endm

	cpuid_entry arch_cpuid, cpuid_answer
	cpuid_entry arch_cpuid_early, cpuid_answer_early

/* In place of _dl_debug_state(): an ordinary function call, r11: struct slot. */
	.globl	arch_module_hook
	.type	arch_module_hook, @function
arch_module_hook:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%r8
	pushq	%r9
	pushq	%r10
	movq	%r11, %rdi
	andq	$-16, %rsp
	cld
	call	modules_changed
	leaq	-64(%rbp), %rsp
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rax
	popq	%rbp
	.cfi_def_cfa rsp, 8
	.cfi_restore rbp
	ret
	.cfi_endproc

/* long arch_clone(const void *args, unsigned long size, void (*fn)(void *), void *arg) */
	.globl	arch_clone
	.type	arch_clone, @function
arch_clone:
	.cfi_startproc
	movq	%rdx, %r8
	movq	%rcx, %r9
	movl	$__NR_clone3, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	.cfi_undefined rip
	xorl	%ebp, %ebp
	movq	%r9, %rdi
	call	*%r8
	ud2
	.cfi_endproc

/* void arch_enter(uint64_t entry, uint64_t sp) */
	.globl	arch_enter
	.type	arch_enter, @function
arch_enter:
	.cfi_startproc
	.cfi_undefined rip
	movq	%rsi, %rsp
	pushq	$2
	popfq
	movq	%rdi, %rax
	xorl	%edx, %edx
	xorl	%ebp, %ebp
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	jmp	*%rax
	.cfi_endproc

/* void arch_enter_later(uint64_t entry, uint64_t sp, const uint32_t *word, uint32_t bits) */
	.globl	arch_enter_later
	.type	arch_enter_later, @function
arch_enter_later:
	.cfi_startproc
	.cfi_undefined rip
	movq	%rsi, %rsp		/* nothing below is used */
	movq	%rdi, %rbx
	movq	%rdx, %rbp
	movl	%ecx, %r12d
.Lwait:
	movl	(%rbp), %edx
	testl	%r12d, %edx
	jz	.Lgo
	movl	$__NR_futex, %eax
	movq	%rbp, %rdi
	xorl	%esi, %esi		/* FUTEX_WAIT */
	xorl	%r10d, %r10d		/* no timeout */
	syscall
	jmp	.Lwait
.Lgo:
	movq	%rbx, %rdi
	movq	%rsp, %rsi
	jmp	arch_enter
	.cfi_endproc

/* Where a handler returns to.  Debuggers know a signal's frame by these very bytes. */
	.globl	arch_sigreturn
	.type	arch_sigreturn, @function
	.balign	16
	nop
arch_sigreturn:
	movq	$__NR_rt_sigreturn, %rax
	syscall


	.globl	arch_dead_end
	.type	arch_dead_end, @function
arch_dead_end:
	ud2
	.size	arch_dead_end, . - arch_dead_end

	.section .note.GNU-stack, "", @progbits
