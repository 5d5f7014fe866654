/*
 * Pointers among words.  Nearly all words are none, so 64 at a time are compared at once, without
 * a branch, and only where one hits are they looked at one by one.
 */
#include "lib/read/scan.h"

#include <stdbool.h>
#include <string.h>

#define GROUP 64u

/* The compiler makes of these what the machine has. */
typedef uint64_t vector __attribute__((vector_size(32)));
#define LANES (sizeof(vector) / sizeof(uint64_t))

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

struct range {
	uint64_t lo;
	uint64_t len;
	uint64_t not_lo;
	uint64_t not_len;
};

ALWAYS_INLINE bool hits_one(uint64_t word, const struct range *r)
{
	return word - r->lo < r->len && word - r->not_lo >= r->not_len;
}

ALWAYS_INLINE bool hits_group(const uint64_t *words, const struct range *r)
{
	vector any = {0};

	for (unsigned i = 0; i < GROUP; i += LANES) {
		vector w;

		memcpy(&w, words + i, sizeof(w));
		any |= (vector)(w - r->lo < r->len) & (vector)(w - r->not_lo >= r->not_len);
	}
	return any[0] | any[1] | any[2] | any[3];
}

/* The first group from i on that hits, or where less than a group is left. */
ALWAYS_INLINE size_t next_group(const uint64_t *words, size_t i, size_t count,
                                const struct range *r)
{
	while (count - i >= GROUP && !hits_group(words + i, r))
		i += GROUP;
	return i;
}

static size_t next_group_any(const uint64_t *words, size_t i, size_t count, const struct range *r)
{
	return next_group(words, i, count, r);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static size_t next_group_avx2(const uint64_t *words, size_t i,
                                                              size_t count, const struct range *r)
{
	return next_group(words, i, count, r);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define next_group_avx2 next_group_any
static bool has_avx2(void)
{
	return false;
}
#endif

size_t scan_words(const uint64_t *words, size_t count, uint64_t lo, uint64_t len, uint64_t not_lo,
                  uint64_t not_len, uint32_t *hits, size_t room, size_t *ret_next)
{
	const struct range r = {lo, len, not_lo, not_len};
	bool avx2 = has_avx2();
	size_t found = 0, i = 0;

	while (i < count && room - found >= GROUP) {
		size_t end;

		i = avx2 ? next_group_avx2(words, i, count, &r)
		         : next_group_any(words, i, count, &r);
		end = count - i < GROUP ? count : i + GROUP;
		for (; i < end; i++) {
			if (hits_one(words[i], &r))
				hits[found++] = (uint32_t)i;
		}
	}
	*ret_next = i;
	return found;
}
