#include "inspect/address.h"

#include <string.h>

/* One term; moves *at behind it. */
static bool parse_term(const char **at, uint64_t *ret_value)
{
	const char *p = *at;
	uint64_t value = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	if (address_digit(*p) > 15)
		return false;
	for (; address_digit(*p) <= 15; p++) {
		if (value >> 60)
			return false;
		value = value << 4 | address_digit(*p);
	}
	*at = p;
	*ret_value = value;
	return true;
}

int address_parse(const char *word, uint64_t *ret_addr, struct err *err)
{
	const char *at = word;
	uint64_t sum = 0;

	for (;;) {
		uint64_t term;

		if (!parse_term(&at, &term) || __builtin_add_overflow(sum, term, &sum))
			break;
		if (!*at) {
			*ret_addr = sum;
			return 0;
		}
		if (*at++ != '+')
			break;
	}
	return err_set(err, ERR_USAGE,
	               "'%s' is no address (hexadecimal, with or without 0x; sums with '+')", word);
}

bool address_parse_bytes(const char *bytes, size_t len, uint64_t *ret_addr)
{
	char word[ADDRESS_LENGTH_MAX];
	struct err err;

	while (len && strchr(" \t\r", bytes[len - 1]))
		len--;
	while (len && strchr(" \t", *bytes)) {
		bytes++;
		len--;
	}
	if (len >= sizeof(word) || memchr(bytes, '\0', len))
		return false;
	memcpy(word, bytes, len);
	word[len] = '\0';
	return !address_parse(word, ret_addr, &err);
}
