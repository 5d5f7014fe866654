#include "lib/read/needle.h"

#include <string.h>

/* ---- Which bytes are rare ---------------------------------------------------------- */

/* How common a byte is in the memory of programs, roughly: 0 is rare. */
static unsigned commonness(uint8_t c)
{
	if (c == 0)
		return 9;
	if (c == 0xff)
		return 8;
	if (c == ' ' || c == 'e' || c == 0x48 || c == 0x10 || c == 1)
		return 7;
	if (c < 0x10 || (c >= 'a' && c <= 'z'))
		return 5;
	if (c >= 0x20 && c < 0x7f)
		return 3;
	return c & 0x0f ? 1 : 2;
}

bool needle_prepare(struct needle *needle)
{
	size_t best = needle->len, next = needle->len;

	needle->any = false;
	for (size_t i = 0; i < needle->len; i++) {
		unsigned c = commonness(needle->bytes[i]);

		if (!needle->mask[i]) {
			needle->any = true;
			continue;
		}
		needle->bytes[i] &= needle->mask[i];
		if (best == needle->len || c < commonness(needle->bytes[best])) {
			next = best;
			best = i;
		} else if (next == needle->len || c < commonness(needle->bytes[next])) {
			next = i;
		}
	}
	if (best == needle->len)
		return false;
	if (next == needle->len)
		next = best;
	needle->first = best < next ? best : next;
	needle->second = best < next ? next : best;
	return true;
}

/* ---- The search --------------------------------------------------------------------- */

#define WIDTH 16
#define STEP (4 * (size_t)WIDTH)

typedef uint8_t vector __attribute__((vector_size(WIDTH), may_alias));
typedef uint64_t halves __attribute__((vector_size(WIDTH), may_alias));

static vector load(const uint8_t *at)
{
	vector v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static vector all(uint8_t c)
{
	return (vector){0} + c;
}

static vector both(const uint8_t *first, const uint8_t *second, vector a, vector b)
{
	return (vector)(load(first) == a) & (vector)(load(second) == b);
}

static bool any(vector v)
{
	halves h = (halves)v;

	return h[0] | h[1];
}

static bool is_at(const struct needle *needle, const uint8_t *at)
{
	if (!needle->any)
		return !memcmp(at, needle->bytes, needle->len);
	for (size_t i = 0; i < needle->len; i++) {
		if ((at[i] & needle->mask[i]) != needle->bytes[i])
			return false;
	}
	return true;
}

/* Byte by byte, for starts in [from, to); to when it is not there. */
static size_t find_slowly(const struct needle *needle, const uint8_t *hay, size_t from, size_t to)
{
	uint8_t a = needle->bytes[needle->first], b = needle->bytes[needle->second];

	for (size_t i = from; i < to; i++) {
		if (hay[i + needle->first] == a && hay[i + needle->second] == b &&
		    is_at(needle, hay + i))
			return i;
	}
	return to;
}

size_t needle_find(const struct needle *needle, const uint8_t *hay, size_t len, size_t from)
{
	vector a = all(needle->bytes[needle->first]), b = all(needle->bytes[needle->second]);
	const uint8_t *first = hay + needle->first, *second = hay + needle->second;
	size_t end, i = from, found;

	if (len < needle->len || from > len - needle->len)
		return len;
	end = len - needle->len + 1; /* starts lie below */
	for (; i + STEP <= end; i += STEP) {
		vector hit = both(first + i, second + i, a, b) |
		             both(first + i + WIDTH, second + i + WIDTH, a, b) |
		             both(first + i + 2 * WIDTH, second + i + 2 * WIDTH, a, b) |
		             both(first + i + 3 * WIDTH, second + i + 3 * WIDTH, a, b);

		if (!any(hit))
			continue;
		found = find_slowly(needle, hay, i, i + STEP);
		if (found < i + STEP)
			return found;
	}
	found = find_slowly(needle, hay, i, end);
	return found < end ? found : len;
}
