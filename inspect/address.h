/*
 * address.h - addresses as people write them.
 */
#ifndef TPROC_INSPECT_ADDRESS_H
#define TPROC_INSPECT_ADDRESS_H

#include "inspect/session.h"

#include "lib/base/err.h"

#include <stdint.h>

/*
 * Hexadecimal, with or without 0x; sums of such terms ("0x4010000000+2c0").  ERR_USAGE for
 * anything else and for what does not fit 64 bits.
 */
int address_parse(const char *word, uint64_t *ret_addr, struct err *err);

/* The same, or "$_": the address that was examined last. */
int session_address(const struct session *session, const char *word, uint64_t *ret_addr,
                    struct err *err);

#endif
