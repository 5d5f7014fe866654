/*
 * stack_parse.h - a program's first stack, read as a libc's start-up code reads it.
 *
 * Only what lies in the image can be reached: an address outside of it fails the test.
 */
#ifndef TPROC_TESTS_STACK_PARSE_H
#define TPROC_TESTS_STACK_PARSE_H

#include <stddef.h>
#include <stdint.h>

#define STACK_PARSE_AUX 64

struct stack_parse {
	const uint8_t *bytes; /* borrowed: what lies at [sp, sp + length) */
	uint64_t sp;
	size_t length;
	uint64_t argc;
	uint64_t argv; /* addresses of the arrays */
	uint64_t envc;
	uint64_t envp;
	size_t aux_count;
	uint64_t aux[STACK_PARSE_AUX][2]; /* without AT_NULL */
	uint64_t end;                     /* address behind AT_NULL */
};

void stack_parse(const uint8_t *bytes, uint64_t sp, size_t length, struct stack_parse *parse);

/* The aligned word at addr. */
uint64_t stack_parse_word(const struct stack_parse *parse, uint64_t addr);

/* The NUL-terminated string at addr. */
const char *stack_parse_string(const struct stack_parse *parse, uint64_t addr);

/* The string that element i of the array of pointers at addr points to. */
const char *stack_parse_element(const struct stack_parse *parse, uint64_t addr, uint64_t i);

/* How often the auxiliary vector has an entry of that type, and its value if it has. */
int stack_parse_aux(const struct stack_parse *parse, uint64_t type, uint64_t *ret_value);

#endif
