#include "lib/read/search.h"

struct search {
	struct pattern *pattern;
	unsigned align;
	const struct search_visitor *visitor;
	bool regex;
	uint64_t done; /* what lies below was looked at, or is a part of the last place */
};

/*
 * A match of a regular expression that goes up to the end of a block may be longer with the next,
 * which begins with the end of this one: there it is found again.
 */
static bool is_cut(const struct search *s, const struct scan_piece *piece, uint64_t addr,
                   size_t len, size_t at, size_t match)
{
	return s->regex && at + match == len && addr + len < piece->hi &&
	       match < pattern_overlap(s->pattern);
}

/* The next place to look from, behind one that was found. */
static size_t behind(const struct search *s, size_t at, size_t match)
{
	return at + (s->regex ? match : 1);
}

static int search_block(void *context, const struct scan_piece *piece, uint64_t addr,
                        const uint8_t *bytes, size_t len, struct err *err)
{
	struct search *s = context;
	size_t from = s->done > addr ? (size_t)(s->done - addr) : 0;
	size_t at, match;
	int found = 0;

	while (from < len) {
		found = pattern_find(s->pattern, bytes, len, from, &at, &match, err);
		if (found <= 0 || is_cut(s, piece, addr, len, at, match))
			break;
		from = behind(s, at, match);
		s->done = addr + from;
		if ((addr + at) % s->align)
			continue;
		found = s->visitor->found(s->visitor->context, piece, addr + at, bytes + at, match,
		                          len - at, err);
		if (found)
			return found;
	}
	if (found < 0)
		return found;
	return s->visitor->step ? s->visitor->step(s->visitor->context, len, err) : 0;
}

int search_each(struct mem *mem, const struct scan_plan *plan, struct pattern *pattern,
                unsigned align, const struct search_visitor *visitor, struct err *err)
{
	struct search s = {
		.pattern = pattern,
		.align = align ? align : 1,
		.visitor = visitor,
		.regex = pattern_kind(pattern) == PATTERN_REGEX,
	};

	return scan_run(mem, plan, pattern_overlap(pattern), search_block, &s, err);
}
