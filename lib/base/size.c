#include "lib/base/size.h"

#include <string.h>

static bool unit_shift(char letter, unsigned *ret_shift)
{
	static const char letters[] = "KMGTkmgt";
	const char *found = letter ? strchr(letters, letter) : NULL;

	if (found)
		*ret_shift = 10 * (1 + (unsigned)(found - letters) % 4);
	return found;
}

bool size_parse(const char *text, uint64_t *ret_bytes)
{
	uint64_t number = 0;
	unsigned shift = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	}
	if (at == text)
		return false;
	if (unit_shift(*at, &shift))
		at++;
	if (*at || (number << shift) >> shift != number)
		return false;
	*ret_bytes = number << shift;
	return true;
}
