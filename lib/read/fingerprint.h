/*
 * fingerprint.h - memory at a moment, kept in a thirtieth of its size: what changed since?
 *
 * A page has a hash of 64 bits, which tells whether it changed; each of its lines of 64 bytes has
 * one of 16 bits, which tells where.
 */
#ifndef TPROC_READ_FINGERPRINT_H
#define TPROC_READ_FINGERPRINT_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_LINE 64u
/* 8 GiB of memory, 288 MiB of fingerprints. */
#define FINGERPRINT_PAGES_MAX (UINT64_C(1) << 21)

struct fingerprint;

int fingerprint_create(struct fingerprint **ret_fingerprint, struct err *err);
void fingerprint_destroy(struct fingerprint *fingerprint);

/*
 * Adds memory, in ascending order.  What is no whole page is left out.  ERR_LIMIT when it has as
 * many pages as it may.
 */
int fingerprint_add(struct fingerprint *fingerprint, uint64_t addr, const uint8_t *bytes,
                    size_t len, struct err *err);

size_t fingerprint_pages(const struct fingerprint *fingerprint);

enum difference { DIFFERENCE_CHANGED, DIFFERENCE_NEW, DIFFERENCE_GONE };

/* A range that differs; what is not 0 ends the comparison. */
typedef int fingerprint_visitor(void *context, enum difference difference, uint64_t lo, uint64_t hi,
                                struct err *err);

/*
 * Visits what differs in ascending order, neighbours of one kind joined: lines that changed, pages
 * that only one of them has.  Returns 0 or what the visitor returned.
 */
int fingerprint_compare(const struct fingerprint *before, const struct fingerprint *after,
                        fingerprint_visitor *visit, void *context, struct err *err);

#endif
