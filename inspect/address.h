/*
 * address.h - addresses as people write them.
 */
#ifndef TPROC_INSPECT_ADDRESS_H
#define TPROC_INSPECT_ADDRESS_H

#include "inspect/session.h"

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_LENGTH_MAX 256u

/*
 * Hexadecimal, with or without 0x; sums of such terms ("0x4010000000+2c0").  ERR_USAGE for
 * anything else and for what does not fit 64 bits.
 */
int address_parse(const char *word, uint64_t *ret_addr, struct err *err);

/* The same of bytes, with blanks around them or not.  False when it is none. */
bool address_parse_bytes(const char *bytes, size_t len, uint64_t *ret_addr);

/* The value of a hexadecimal digit, 16 and more for anything else. */
static inline unsigned address_digit(char c)
{
	unsigned decimal = (unsigned char)c - (unsigned)'0';
	unsigned letter = ((unsigned char)c | 0x20u) - (unsigned)'a';

	return decimal < 10 ? decimal : letter < 6 ? letter + 10 : 16;
}

/* For the millions: nothing but digits, with or without 0x.  False: it may be one still. */
static inline bool address_parse_plain(const char *bytes, size_t len, uint64_t *ret_addr)
{
	uint64_t value = 0;
	unsigned odd = 0;

	if (len > 2 && bytes[0] == '0' && (bytes[1] | 0x20) == 'x') {
		bytes += 2;
		len -= 2;
	}
	if (!len || len > 16)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = address_digit(bytes[i]);

		odd |= digit & 16;
		value = value << 4 | (digit & 15);
	}
	*ret_addr = value;
	return !odd;
}

/*
 * The same, or "$_", the address that was examined last, or an expression of the programs'
 * (lib/types/eval.h): where a function, an array or an object is, or else the number it is.
 */
int session_address(struct session *session, const char *word, uint64_t *ret_addr,
                    struct err *err);

#endif
