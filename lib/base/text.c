#include "lib/base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Length of the well-formed UTF-8 sequence at s (of at most len bytes), with its code
 * point; 0 when there is none.  RFC 3629: no overlong forms, no surrogates, up to U+10FFFF.
 */
static size_t utf8_decode(const unsigned char *s, size_t len, uint32_t *ret_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t point;
	size_t need;

	if (s[0] < 0x80) {
		*ret_point = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		need = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		need = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		need = 4;
	else
		return 0;
	if (need > len)
		return 0;
	point = s[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < smallest[need] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return need;
}

/* Characters that show nothing and change how the rest is shown. */
static bool is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x61c ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

/* Escapes the character at src into unit; returns how many bytes of src it was. */
static size_t escape_one(const unsigned char *src, size_t len, char unit[17], size_t *ret_unit_len)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t point = 0;
	size_t taken = utf8_decode(src, len, &point);
	bool raw = taken && !is_control(point);

	if (!taken)
		taken = 1;
	if (raw && point != '\\') {
		memcpy(unit, src, taken);
		*ret_unit_len = taken;
		return taken;
	}
	if (raw) {
		memcpy(unit, "\\\\", 2);
		*ret_unit_len = 2;
		return taken;
	}
	for (size_t i = 0; i < taken; i++) {
		unit[i * 4] = '\\';
		unit[i * 4 + 1] = 'x';
		unit[i * 4 + 2] = digits[src[i] >> 4];
		unit[i * 4 + 3] = digits[src[i] & 15];
	}
	*ret_unit_len = taken * 4;
	return taken;
}

size_t text_escape(char *dst, size_t size, const char *src, size_t len)
{
	static const char more[] = "...";
	const size_t more_len = sizeof(more) - 1;
	size_t used = 0;
	size_t cut = 0; /* the last place where "..." still fits */

	if (!size)
		return 0;
	for (size_t i = 0; i < len;) {
		char unit[17];
		size_t unit_len;

		i += escape_one((const unsigned char *)src + i, len - i, unit, &unit_len);
		if (used + unit_len >= size) {
			size_t room = size - 1 - cut;

			if (room > more_len)
				room = more_len;
			memcpy(dst + cut, more, room);
			dst[cut + room] = '\0';
			return cut + room;
		}
		memcpy(dst + used, unit, unit_len);
		used += unit_len;
		if (used + more_len < size)
			cut = used;
	}
	dst[used] = '\0';
	return used;
}

char *text_escape_dup(const char *src)
{
	size_t len = strlen(src);
	char *dst;

	if (len > (SIZE_MAX - 1) / 4)
		return NULL;
	dst = malloc(TEXT_ESCAPED_SIZE(len));
	if (dst)
		text_escape(dst, TEXT_ESCAPED_SIZE(len), src, len);
	return dst;
}

/* In the escaped text, what is no ASCII is whole characters: it grows to \xNN as other bytes did.
 */
char *text_escape_ascii_dup(const char *src)
{
	static const char digits[] = "0123456789abcdef";
	char *utf8 = text_escape_dup(src);
	size_t used = 0;
	char *dst;

	dst = utf8 ? malloc(TEXT_ESCAPED_SIZE(strlen(utf8))) : NULL;
	for (const char *s = utf8; dst && *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80) {
			dst[used++] = *s;
			continue;
		}
		memcpy(dst + used, (const char[]){'\\', 'x', digits[c >> 4], digits[c & 15]}, 4);
		used += 4;
	}
	if (dst)
		dst[used] = '\0';
	free(utf8);
	return dst;
}

const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
