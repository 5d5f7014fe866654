/*
 * What the compiler expects of a libc.  Freestanding code still gets calls to these for
 * assignments and initialisers; nothing else is assumed.
 */
#include "sys.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	arch_copy(to, from, n);
	return to;
}

void *memset(void *to, int c, size_t n)
{
	arch_fill(to, c, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if ((uintptr_t)to - (uintptr_t)from >= n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a;
	const unsigned char *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}
