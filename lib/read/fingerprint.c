#include "lib/read/fingerprint.h"

#include "lib/base/room.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PAGE 4096u
#define LINES (PAGE / FINGERPRINT_LINE)

struct page {
	uint64_t addr;
	uint64_t hash;
	uint16_t lines[LINES];
};

struct fingerprint {
	struct page *pages; /* ascending */
	size_t count;
	size_t room;
};

int fingerprint_create(struct fingerprint **ret_fingerprint, struct err *err)
{
	struct fingerprint *fingerprint = calloc(1, sizeof(*fingerprint));

	if (!fingerprint)
		return err_os(err, ENOMEM, "fingerprint of memory");
	*ret_fingerprint = fingerprint;
	return 0;
}

void fingerprint_destroy(struct fingerprint *fingerprint)
{
	if (!fingerprint)
		return;
	free(fingerprint->pages);
	free(fingerprint);
}

size_t fingerprint_pages(const struct fingerprint *fingerprint)
{
	return fingerprint->count;
}

static int add_page(struct fingerprint *f, uint64_t addr, const uint8_t *bytes, struct err *err)
{
	struct page *page;

	if (f->count >= FINGERPRINT_PAGES_MAX)
		return err_set(err, ERR_LIMIT, "more than 8 GiB of memory");
	if (f->count && addr <= f->pages[f->count - 1].addr)
		return 0;
	if (!ROOM_FOR_ONE(f->pages, f->room, f->count))
		return err_os(err, ENOMEM, "fingerprint of memory");
	page = &f->pages[f->count++];
	page->addr = addr;
	page->hash = XXH3_64bits(bytes, PAGE);
	for (unsigned i = 0; i < LINES; i++)
		page->lines[i] = (uint16_t)XXH3_64bits(bytes + (size_t)i * FINGERPRINT_LINE,
		                                       FINGERPRINT_LINE);
	return 0;
}

int fingerprint_add(struct fingerprint *fingerprint, uint64_t addr, const uint8_t *bytes,
                    size_t len, struct err *err)
{
	size_t skip = -addr & (PAGE - 1);

	for (size_t at = skip; at < len && len - at >= PAGE; at += PAGE) {
		if (add_page(fingerprint, addr + at, bytes + at, err))
			return -1;
	}
	return 0;
}

/* ---- Comparing -------------------------------------------------------------------- */

struct comparison {
	fingerprint_visitor *visit;
	void *context;
	struct err *err;
	enum difference difference;
	uint64_t lo; /* the range that may go on; lo == hi: none */
	uint64_t hi;
	int ret;
};

static void flush(struct comparison *c)
{
	if (c->lo != c->hi && !c->ret)
		c->ret = c->visit(c->context, c->difference, c->lo, c->hi, c->err);
	c->lo = c->hi;
}

static void differs(struct comparison *c, enum difference difference, uint64_t lo, uint64_t hi)
{
	if (c->lo == c->hi || c->difference != difference || c->hi != lo) {
		flush(c);
		c->difference = difference;
		c->lo = lo;
	}
	c->hi = hi;
}

static void compare_pages(struct comparison *c, const struct page *before, const struct page *after)
{
	bool any = false;

	if (before->hash == after->hash)
		return;
	for (unsigned i = 0; i < LINES; i++) {
		uint64_t lo = after->addr + (uint64_t)i * FINGERPRINT_LINE;

		if (before->lines[i] == after->lines[i])
			continue;
		differs(c, DIFFERENCE_CHANGED, lo, lo + FINGERPRINT_LINE);
		any = true;
	}
	/* it did change, and the short hashes happen to be alike */
	if (!any)
		differs(c, DIFFERENCE_CHANGED, after->addr, after->addr + PAGE);
}

int fingerprint_compare(const struct fingerprint *before, const struct fingerprint *after,
                        fingerprint_visitor *visit, void *context, struct err *err)
{
	struct comparison c = {.visit = visit, .context = context, .err = err};
	size_t b = 0, a = 0;

	while (b < before->count && a < after->count && !c.ret) {
		const struct page *was = &before->pages[b], *is = &after->pages[a];

		if (was->addr < is->addr)
			differs(&c, DIFFERENCE_GONE, was->addr, was->addr + PAGE);
		else if (is->addr < was->addr)
			differs(&c, DIFFERENCE_NEW, is->addr, is->addr + PAGE);
		else
			compare_pages(&c, was, is);
		b += was->addr <= is->addr;
		a += is->addr <= was->addr;
	}
	for (; b < before->count && !c.ret; b++)
		differs(&c, DIFFERENCE_GONE, before->pages[b].addr, before->pages[b].addr + PAGE);
	for (; a < after->count && !c.ret; a++)
		differs(&c, DIFFERENCE_NEW, after->pages[a].addr, after->pages[a].addr + PAGE);
	flush(&c);
	return c.ret;
}
