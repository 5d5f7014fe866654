/*
 * size.h - sizes as people write them.
 */
#ifndef TPROC_BASE_SIZE_H
#define TPROC_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes a decimal number, perhaps with one of K, M, G, T behind it (powers of 1024, either case).
 * False, and *ret_bytes untouched, when text is anything else or does not fit.
 */
bool size_parse(const char *text, uint64_t *ret_bytes);

#endif
