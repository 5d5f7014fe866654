#include "inspect/address.h"

#include <stdbool.h>
#include <string.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One term; moves *at behind it. */
static bool parse_term(const char **at, uint64_t *ret_value)
{
	const char *p = *at;
	uint64_t value = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	if (digit_of(*p) < 0)
		return false;
	for (; digit_of(*p) >= 0; p++) {
		if (value >> 60)
			return false;
		value = value << 4 | (uint64_t)digit_of(*p);
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

int session_address(const struct session *session, const char *word, uint64_t *ret_addr,
                    struct err *err)
{
	if (strcmp(word, "$_") != 0)
		return address_parse(word, ret_addr, err);
	if (!session->examine.has_next)
		return err_set(err, ERR_USAGE, "$_: no address was examined yet");
	*ret_addr = session->examine.last_addr;
	return 0;
}
