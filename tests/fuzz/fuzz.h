/*
 * fuzz.h - what a fuzzer is: a file fuzz_NAME.c that defines this, a line in meson.build, and a
 * corpus in corpus/NAME.
 *
 * The ordinary suite replays the corpora; `tools/fuzz` looks for more.  A harness aborts when a
 * promise of the code is broken; the sanitizers see the rest.
 */
#ifndef TPROC_TESTS_FUZZ_H
#define TPROC_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_promise(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}
#define PROMISE(condition) fuzz_promise(condition, #condition)

#endif
