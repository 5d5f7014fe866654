/* void patch_call(uint64_t code, struct patch_call *registers) */
	.text
	.globl	patch_call
	.type	patch_call, @function
patch_call:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rsi
	pushq	%rdi
	pushq	120(%rsi)
	popfq
	movq	(%rsi), %rax
	movq	8(%rsi), %rbx
	movq	16(%rsi), %rcx
	movq	24(%rsi), %rdx
	movq	40(%rsi), %rdi
	movq	48(%rsi), %rbp
	movq	56(%rsi), %r8
	movq	64(%rsi), %r9
	movq	72(%rsi), %r10
	movq	80(%rsi), %r11
	movq	88(%rsi), %r12
	movq	96(%rsi), %r13
	movq	104(%rsi), %r14
	movq	112(%rsi), %r15
	movq	32(%rsi), %rsi
	call	*(%rsp)
	pushfq
	pushq	%rsi
	movq	24(%rsp), %rsi		/* the struct: over rsi, flags and the code's address */
	movq	%rax, (%rsi)
	movq	%rbx, 8(%rsi)
	movq	%rcx, 16(%rsi)
	movq	%rdx, 24(%rsi)
	popq	32(%rsi)
	movq	%rdi, 40(%rsi)
	movq	%rbp, 48(%rsi)
	movq	%r8, 56(%rsi)
	movq	%r9, 64(%rsi)
	movq	%r10, 72(%rsi)
	movq	%r11, 80(%rsi)
	movq	%r12, 88(%rsi)
	movq	%r13, 96(%rsi)
	movq	%r14, 104(%rsi)
	movq	%r15, 112(%rsi)
	popq	120(%rsi)
	addq	$16, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	patch_call, .-patch_call

	.section .note.GNU-stack, "", @progbits
