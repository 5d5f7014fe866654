/* A program's first stack: built, then read as a libc would. */
#include "loader/server/stack.h"
#include "tests/unit/stack_parse.h"
#include "tproc/abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB 1024u
#define MIB (1024 * KIB)
#define TOP UINT64_C(0x10100010000)
#define STACK_SIZE (8 * MIB)
/* The kernel's limit for one string, NUL included. */
#define MAX_STRING (128 * KIB)

static int count(char *const *strings)
{
	int n = 0;

	while (strings[n])
		n++;
	return n;
}

static struct stack_input input_of(char *const *argv, char *const *envp)
{
	return (struct stack_input){
		.top = TOP,
		.size = STACK_SIZE,
		.argc = count(argv),
		.argv = argv,
		.envc = count(envp),
		.envp = envp,
		.execfn = "./some/program",
		.vdso = UINT64_C(0x7fff00001000),
		.phdr = 0x10100200040,
		.phnum = 13,
		.base = 0x10100300000,
		.entry = 0x10100201234,
		.self = 0x10100011000,
	};
}

static void assert_strings(const struct stack_parse *parse, uint64_t array, char *const *strings)
{
	for (uint64_t i = 0; strings[i]; i++)
		assert_string_equal(stack_parse_element(parse, array, i), strings[i]);
}

/* Builds and reads it; the image is the caller's. */
static void build(const struct stack_input *input, struct stack_image *image,
                  struct stack_parse *parse)
{
	struct err err;

	assert_int_equal(stack_build(input, image, &err), 0);
	assert_int_equal(image->sp % 16, 0);
	assert_int_equal(image->sp + image->length, input->top);
	stack_parse(image->bytes, image->sp, image->length, parse);
	assert_int_equal(parse->argc, input->argc);
	assert_int_equal(parse->envc, input->envc);
	assert_strings(parse, parse->argv, input->argv);
	assert_strings(parse, parse->envp, input->envp);
}

static uint64_t aux(const struct stack_parse *parse, uint64_t type)
{
	uint64_t value = 0;

	if (stack_parse_aux(parse, type, &value) != 1)
		fail_msg("auxiliary entry %lu is not there once", type);
	return value;
}

static void test_strings(void **state)
{
	char *argv[] = {"program", "", "a b", "\xff\x01", "last", NULL};
	char *envp[] = {"HOME=/", "EMPTY=", "PATH=/bin:/usr/bin", NULL};
	struct stack_input input = input_of(argv, envp);
	struct stack_image image;
	struct stack_parse parse;

	build(&input, &image, &parse);
	/* What is pointed to lies behind the vectors, and nothing in their way. */
	assert_true(stack_parse_word(&parse, parse.argv) >= parse.end);
	assert_true(stack_parse_word(&parse, parse.envp) >= parse.end);
	assert_true(aux(&parse, AT_RANDOM) >= parse.end);
	stack_image_deinit(&image);
	assert_null(image.bytes);
}

/* ps and setproctitle count on argv and envp lying one behind the other. */
static void test_strings_are_contiguous(void **state)
{
	char *argv[] = {"program", "one", "two", NULL};
	char *envp[] = {"A=1", "B=2", NULL};
	struct stack_input input = input_of(argv, envp);
	struct stack_image image;
	struct stack_parse parse;
	uint64_t at;

	build(&input, &image, &parse);
	at = stack_parse_word(&parse, parse.argv);
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t array = i < 3 ? parse.argv + i * 8 : parse.envp + (i - 3) * 8;

		assert_int_equal(stack_parse_word(&parse, array), at);
		at += strlen(stack_parse_string(&parse, at)) + 1;
	}
	assert_int_equal(aux(&parse, AT_EXECFN), at);
	stack_image_deinit(&image);
}

static void test_alignment(void **state)
{
	char text[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char *argv[] = {"p", NULL, NULL, NULL};
	char *envp[] = {NULL};

	for (size_t n = 0; n < sizeof(text); n++) {
		struct stack_input input;
		struct stack_image image;
		struct stack_parse parse;

		argv[1] = text + n;
		argv[2] = n % 2 ? "even" : NULL;
		input = input_of(argv, envp);
		build(&input, &image, &parse);
		stack_image_deinit(&image);
	}
}

static void test_empty_argv(void **state)
{
	char *none[] = {NULL};
	struct stack_input input = input_of(none, none);
	struct stack_image image;
	struct stack_parse parse;

	build(&input, &image, &parse);
	assert_int_equal(parse.argc, 0);
	assert_int_equal(parse.envc, 0);
	assert_string_equal(stack_parse_string(&parse, aux(&parse, AT_EXECFN)), input.execfn);
	stack_image_deinit(&image);
}

static void test_auxiliary_vector(void **state)
{
	char *argv[] = {"program", NULL};
	struct stack_input input = input_of(argv, argv);
	struct stack_image image;
	struct stack_parse parse;

	build(&input, &image, &parse);
	assert_int_equal(aux(&parse, AT_SYSINFO_EHDR), input.vdso);
	assert_int_equal(aux(&parse, AT_PAGESZ), sysconf(_SC_PAGESIZE));
	assert_int_equal(aux(&parse, AT_PHDR), input.phdr);
	assert_int_equal(aux(&parse, AT_PHENT), sizeof(Elf64_Phdr));
	assert_int_equal(aux(&parse, AT_PHNUM), input.phnum);
	assert_int_equal(aux(&parse, AT_BASE), input.base);
	assert_int_equal(aux(&parse, AT_FLAGS), 0);
	assert_int_equal(aux(&parse, AT_ENTRY), input.entry);
	assert_int_equal(aux(&parse, AT_UID), getuid());
	assert_int_equal(aux(&parse, AT_EUID), geteuid());
	assert_int_equal(aux(&parse, AT_GID), getgid());
	assert_int_equal(aux(&parse, AT_EGID), getegid());
	assert_int_equal(aux(&parse, AT_SECURE), 0);
	assert_int_equal(aux(&parse, AT_TPROC), input.self);
	assert_string_equal(stack_parse_string(&parse, aux(&parse, AT_EXECFN)), input.execfn);
	stack_image_deinit(&image);
}

/* What the kernel told this process; getauxval(3) gives libc's own idea of some of it. */
static bool kernel_aux(uint64_t type, uint64_t *ret_value)
{
	FILE *file = fopen("/proc/self/auxv", "re");
	uint64_t entry[2];
	bool found = false;

	assert_non_null(file);
	while (!found && fread(entry, sizeof(entry), 1, file) == 1)
		found = entry[0] == type;
	fclose(file);
	if (found)
		*ret_value = entry[1];
	return found;
}

static void test_auxiliary_vector_of_the_machine(void **state)
{
	static const uint64_t inherited[] = {
		AT_HWCAP, AT_HWCAP2, AT_CLKTCK, 51 /* MINSIGSTKSZ */, 27 /* RSEQ_FEATURE_SIZE */,
		28 /* RSEQ_ALIGN */};
	char *argv[] = {"program", NULL};
	struct stack_input input = input_of(argv, argv);
	struct stack_image image;
	struct stack_parse parse;
	uint64_t platform;

	build(&input, &image, &parse);
	for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		uint64_t expected = 0;
		uint64_t value = 0;

		assert_int_equal(stack_parse_aux(&parse, inherited[i], &value),
		                 kernel_aux(inherited[i], &expected));
		assert_int_equal(value, expected);
	}
	if (kernel_aux(AT_PLATFORM, &platform))
		assert_string_equal(stack_parse_string(&parse, aux(&parse, AT_PLATFORM)),
		                    (const char *)platform);
	stack_image_deinit(&image);
}

static void test_no_vdso(void **state)
{
	char *argv[] = {"program", NULL};
	struct stack_input input = input_of(argv, argv);
	struct stack_image image;
	struct stack_parse parse;
	uint64_t value;

	input.vdso = 0;
	build(&input, &image, &parse);
	assert_int_equal(stack_parse_aux(&parse, AT_SYSINFO_EHDR, &value), 0);
	stack_image_deinit(&image);
}

static void test_random_bytes_differ(void **state)
{
	char *argv[] = {"program", NULL};
	struct stack_input input = input_of(argv, argv);
	uint64_t words[2][2];

	for (int i = 0; i < 2; i++) {
		struct stack_image image;
		struct stack_parse parse;
		uint64_t at;

		build(&input, &image, &parse);
		at = aux(&parse, AT_RANDOM) - image.sp;
		assert_true(at + sizeof(words[i]) <= image.length);
		memcpy(words[i], image.bytes + at, sizeof(words[i]));
		stack_image_deinit(&image);
	}
	assert_memory_not_equal(words[0], words[1], sizeof(words[0]));
}

/* The end of the stack reads as the kernel leaves it: execfn, then eight zeros. */
static void test_end_of_the_stack(void **state)
{
	char *argv[] = {"program", NULL};
	struct stack_input input = input_of(argv, argv);
	struct stack_image image;
	struct stack_parse parse;
	uint64_t execfn;

	build(&input, &image, &parse);
	execfn = aux(&parse, AT_EXECFN);
	assert_int_equal(execfn + strlen(input.execfn) + 1 + 8, input.top);
	assert_int_equal(execfn, stack_execfn(input.top, input.execfn));
	assert_int_equal(stack_parse_word(&parse, input.top - 8), 0);
	stack_image_deinit(&image);
}

/* ---- limits ---------------------------------------------------------------------------- */

static void refuse(const struct stack_input *input)
{
	struct stack_image image = {.sp = 1};
	struct err err;

	assert_int_equal(stack_build(input, &image, &err), -1);
	assert_int_equal(err.code, ERR_OS);
	assert_int_equal(err.os_errno, E2BIG);
	assert_non_null(strstr(err.text, input->execfn));
}

static void accept(const struct stack_input *input)
{
	struct stack_image image;
	struct stack_parse parse;

	build(input, &image, &parse);
	assert_true(image.length <= input->size);
	stack_image_deinit(&image);
}

/* A string that takes `bytes` with its NUL; the caller frees it. */
static char *string_of(size_t bytes)
{
	char *s = malloc(bytes);

	assert_non_null(s);
	memset(s, 's', bytes - 1);
	s[bytes - 1] = '\0';
	return s;
}

static void test_longest_string(void **state)
{
	char *longest = string_of(MAX_STRING);
	char *longer = string_of(MAX_STRING + 1);
	char *few[] = {"program", NULL};
	char *with_longest[] = {"program", longest, NULL};
	char *with_longer[] = {"program", longer, NULL};
	struct stack_input input;

	input = input_of(with_longest, with_longest);
	accept(&input);
	input = input_of(with_longer, few);
	refuse(&input);
	input = input_of(few, with_longer);
	refuse(&input);
	free(longest);
	free(longer);
}

/* So many arguments of that many bytes each, for a stack of that size. */
static void check_total(size_t stack, int n, size_t bytes,
                        void (*expect)(const struct stack_input *))
{
	char *none[] = {NULL};
	char **argv = calloc((size_t)n + 1, sizeof(*argv));
	char *each = string_of(bytes);
	struct stack_input input;

	assert_non_null(argv);
	for (int i = 0; i < n; i++)
		argv[i] = each;
	input = input_of(argv, none);
	input.size = stack;
	expect(&input);
	free(each);
	free(argv);
}

/* A quarter of the stack, pointers included, but never more than 6 MiB. */
static void test_total(void **state)
{
	const int n = 2 * MIB / (1000 + 8);

	check_total(8 * MIB, n, 1000, accept);
	check_total(8 * MIB, n + 1, 1000, refuse);
	check_total(64 * MIB, 6 * MIB / (1000 + 8), 1000, accept);
	check_total(64 * MIB, 6 * MIB / (1000 + 8) + 1, 1000, refuse);
	check_total(8 * MIB, 2 * MIB / (1 + 8), 1, accept);
	check_total(8 * MIB, 2 * MIB / (1 + 8) + 1, 1, refuse);
	/* With small stacks, 128 KiB in any case. */
	check_total(256 * KIB, 128 * KIB / (1000 + 8), 1000, accept);
	check_total(256 * KIB, 128 * KIB / (1000 + 8) + 1, 1000, refuse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_are_contiguous),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_empty_argv),
		cmocka_unit_test(test_auxiliary_vector),
		cmocka_unit_test(test_auxiliary_vector_of_the_machine),
		cmocka_unit_test(test_no_vdso),
		cmocka_unit_test(test_random_bytes_differ),
		cmocka_unit_test(test_end_of_the_stack),
		cmocka_unit_test(test_longest_string),
		cmocka_unit_test(test_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
