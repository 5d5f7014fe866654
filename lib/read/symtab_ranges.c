#include "lib/read/symtab_ranges.h"

#include "lib/base/cleanup.h"
#include "lib/read/symtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lists of ranges ----------------------------------------------------- */

/* Covers every address: begins at 0 with nobody's. */
struct list {
	struct symtab_range *ranges;
	size_t count;
};

/* Room for so many ranges. */
static int list_init(struct list *list, size_t room)
{
	list->ranges = calloc(room + 1, sizeof(*list->ranges));
	if (!list->ranges)
		return -1;
	list->ranges[0] = (struct symtab_range){0, SYMTAB_NONE};
	list->count = 1;
	return 0;
}

/* From start (at or above all earlier ones) on, the addresses are owner's. */
static void list_add(struct list *list, uint64_t start, uint32_t owner)
{
	struct symtab_range *last = &list->ranges[list->count - 1];

	if (last->start == start) {
		last->owner = owner;
		if (list->count > 1 && last[-1].owner == owner)
			list->count--;
	} else if (last->owner != owner) {
		list->ranges[list->count++] = (struct symtab_range){start, owner};
	}
}

static uint64_t end_of(const struct list *list, size_t i)
{
	return i + 1 < list->count ? list->ranges[i + 1].start : UINT64_MAX;
}

static bool is_label(const struct symtab_candidate *c)
{
	return c->end == c->value;
}

/* ---- Symbols with a size ------------------------------------------------- */

/* Of those that begin at the same address the preferred one comes last: it ends up on top. */
static int by_preference(const void *a, const void *b)
{
	const struct symtab_candidate *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return x->index > y->index ? -1 : x->index < y->index;
}

/* A stack of those that began: of those that have not ended yet the top one is the closest. */
struct stack {
	const struct symtab_candidate **entries;
	size_t count;
};

/* What lies between at and the next beginning, next. */
static void advance(struct list *list, struct stack *stack, uint64_t at, uint64_t next)
{
	while (at < next) {
		const struct symtab_candidate *top;

		while (stack->count && stack->entries[stack->count - 1]->end <= at)
			stack->count--;
		if (!stack->count) {
			list_add(list, at, SYMTAB_NONE);
			return;
		}
		top = stack->entries[stack->count - 1];
		list_add(list, at, top->index);
		at = top->end < next ? top->end : next;
	}
}

/* The candidates are sorted; those of the list's kind are used. */
static int flatten(const struct symtab_candidate *candidates, size_t count, bool locals,
                   struct list *ret_list)
{
	AUTO_FREE const struct symtab_candidate **entries = calloc(count + 1, sizeof(*entries));
	struct stack stack = {entries, 0};
	uint64_t at = 0;

	if (!entries || list_init(ret_list, 2 * count + 1))
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct symtab_candidate *c = &candidates[i];

		if (is_label(c) || (c->rank == SYMTAB_RANK_LOCAL) != locals)
			continue;
		advance(ret_list, &stack, at, c->value);
		at = c->value;
		stack.entries[stack.count++] = c;
	}
	advance(ret_list, &stack, at, UINT64_MAX);
	list_add(ret_list, UINT64_MAX, SYMTAB_NONE);
	return 0;
}

/* first where it has an owner, else second. */
static int overlay(const struct list *first, const struct list *second, struct list *ret_list)
{
	size_t i = 0, j = 0;
	uint64_t at = 0;

	if (list_init(ret_list, first->count + second->count))
		return -1;
	while (i < first->count && j < second->count) {
		uint32_t owner = first->ranges[i].owner;
		uint64_t first_end = end_of(first, i), second_end = end_of(second, j);

		list_add(ret_list, at, owner == SYMTAB_NONE ? second->ranges[j].owner : owner);
		at = first_end < second_end ? first_end : second_end;
		i += first_end == at;
		j += second_end == at;
	}
	list_add(ret_list, UINT64_MAX, SYMTAB_NONE);
	return 0;
}

/* ---- Labels -------------------------------------------------------------- */

/*
 * Where a label ends within its gap, at hi at most: at the next one above, of whatever section.
 * Where it begins: another one at the same place is preferred.
 */
static uint64_t label_end(const struct symtab_candidate *label,
                          const struct symtab_candidate *candidates_end, uint64_t hi)
{
	const struct symtab_candidate *next = label + 1;
	uint64_t end = label->bound < hi ? label->bound : hi;

	/* Nothing with a size begins in a gap: what follows up to its end are labels. */
	for (; next < candidates_end && next->value == label->value; next++) {
		if (is_label(next) && next->bound > next->value)
			return label->value;
	}
	return next < candidates_end && next->value < end ? next->value : end;
}

/*
 * Fills a gap.  *next is the first label that may lie in it; those below are passed over:
 * something with a size lies above them.
 */
static void fill_gap(struct list *list, uint64_t lo, uint64_t hi,
                     const struct symtab_candidate *candidates, size_t count, size_t *next)
{
	list_add(list, lo, SYMTAB_NONE);
	for (; *next < count && candidates[*next].value < hi; ++*next) {
		const struct symtab_candidate *label = &candidates[*next];
		uint64_t end;

		if (!is_label(label) || label->value < lo || label->bound <= label->value)
			continue;
		end = label_end(label, candidates + count, hi);
		if (end <= label->value)
			continue;
		list_add(list, label->value, label->index);
		list_add(list, end, SYMTAB_NONE);
	}
}

static int add_labels(const struct list *sized, const struct symtab_candidate *candidates,
                      size_t count, struct list *ret_list)
{
	size_t next = 0;

	if (list_init(ret_list, sized->count + 2 * count))
		return -1;
	for (size_t i = 0; i < sized->count; i++) {
		const struct symtab_range *range = &sized->ranges[i];

		if (range->owner == SYMTAB_NONE)
			fill_gap(ret_list, range->start, end_of(sized, i), candidates, count,
			         &next);
		else
			list_add(ret_list, range->start, range->owner);
	}
	return 0;
}

/* ---- All ----------------------------------------------------------------- */

int symtab_ranges(struct symtab_candidate *candidates, size_t count,
                  struct symtab_range **ret_ranges, size_t *ret_count, struct err *err)
{
	struct list globals = {0}, locals = {0}, both = {0}, all = {0};
	int ret;

	if (count)
		qsort(candidates, count, sizeof(*candidates), by_preference);
	ret = flatten(candidates, count, false, &globals) ||
	      flatten(candidates, count, true, &locals) || overlay(&globals, &locals, &both);
	free(globals.ranges);
	free(locals.ranges);
	ret = ret || add_labels(&both, candidates, count, &all);
	free(both.ranges);
	if (ret) {
		free(all.ranges);
		return err_os(err, ENOMEM, "ranges of %zu symbols", count);
	}
	if (all.count > 1 && all.ranges[0].owner == SYMTAB_NONE) {
		all.count--;
		memmove(all.ranges, all.ranges + 1, all.count * sizeof(*all.ranges));
	}
	*ret_ranges = all.ranges;
	*ret_count = all.count;
	return 0;
}
