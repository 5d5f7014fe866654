/*
 * stack.h - what a program finds on its stack: argc, argv, envp, the auxiliary vector
 * and the strings, laid out as fs/binfmt_elf.c (create_elf_tables) and the psABI have it.
 */
#ifndef TPROC_SERVER_STACK_H
#define TPROC_SERVER_STACK_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct stack_input {
	uint64_t top;  /* address of the stack's end */
	uint64_t size; /* of the stack, which bounds the arguments as RLIMIT_STACK does */
	int argc;
	char *const *argv;
	int envc;
	char *const *envp;
	const char *execfn;
	/* for the auxiliary vector */
	uint64_t vdso; /* 0: none */
	uint64_t phdr;
	uint64_t phnum;
	uint64_t base; /* load bias of the interpreter, 0: none */
	uint64_t entry;
	uint64_t self; /* struct tp_self */
};

struct stack_image {
	uint8_t *bytes; /* what goes to [sp, top), owned */
	size_t length;
	uint64_t sp;
	/* where the argument strings begin and end, the environment's after them */
	uint64_t args;
	uint64_t args_end;
	uint64_t env_end;
	const uint8_t *aux; /* the auxiliary vector, in bytes; at most SLOT_AUX_WORDS */
	size_t aux_size;
};

/* ERR_OS with E2BIG when arguments and environment are beyond the kernel's limits. */
int stack_build(const struct stack_input *input, struct stack_image *image, struct err *err);
/* Where on a stack with that end the program finds execfn (AT_EXECFN). */
uint64_t stack_execfn(uint64_t top, const char *execfn);
void stack_image_deinit(struct stack_image *image);

#endif
