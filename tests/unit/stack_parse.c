#include "tests/unit/stack_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <string.h>

static const uint8_t *at(const struct stack_parse *parse, uint64_t addr, size_t len)
{
	uint64_t off = addr - parse->sp;

	if (addr < parse->sp || off > parse->length || len > parse->length - off)
		fail_msg("0x%lx+%zu lies outside of the stack", addr, len);
	return parse->bytes + off;
}

uint64_t stack_parse_word(const struct stack_parse *parse, uint64_t addr)
{
	uint64_t word;

	assert_int_equal(addr % sizeof(word), 0);
	memcpy(&word, at(parse, addr, sizeof(word)), sizeof(word));
	return word;
}

const char *stack_parse_string(const struct stack_parse *parse, uint64_t addr)
{
	const char *string = (const char *)at(parse, addr, 1);

	assert_non_null(memchr(string, '\0', parse->length - (addr - parse->sp)));
	return string;
}

const char *stack_parse_element(const struct stack_parse *parse, uint64_t addr, uint64_t i)
{
	return stack_parse_string(parse, stack_parse_word(parse, addr + i * 8));
}

int stack_parse_aux(const struct stack_parse *parse, uint64_t type, uint64_t *ret_value)
{
	int count = 0;

	for (size_t i = 0; i < parse->aux_count; i++) {
		if (parse->aux[i][0] != type)
			continue;
		*ret_value = parse->aux[i][1];
		count++;
	}
	return count;
}

/* The number of elements before the NULL, which *addr is moved behind. */
static uint64_t count_pointers(const struct stack_parse *parse, uint64_t *addr)
{
	uint64_t count = 0;

	while (stack_parse_word(parse, *addr + count * 8))
		count++;
	*addr += (count + 1) * 8;
	return count;
}

void stack_parse(const uint8_t *bytes, uint64_t sp, size_t length, struct stack_parse *parse)
{
	uint64_t addr = sp + 8;

	*parse = (struct stack_parse){.bytes = bytes, .sp = sp, .length = length};
	parse->argc = stack_parse_word(parse, sp);
	parse->argv = addr;
	assert_int_equal(count_pointers(parse, &addr), parse->argc);
	parse->envp = addr;
	parse->envc = count_pointers(parse, &addr);
	while (stack_parse_word(parse, addr) != AT_NULL) {
		assert_true(parse->aux_count < STACK_PARSE_AUX);
		parse->aux[parse->aux_count][0] = stack_parse_word(parse, addr);
		parse->aux[parse->aux_count][1] = stack_parse_word(parse, addr + 8);
		parse->aux_count++;
		addr += 16;
	}
	parse->end = addr + 16;
}
