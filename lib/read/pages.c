#include "lib/read/pages.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
/* Where the memory of programs ends; what is above is not asked for. */
#define TOP UINT64_C(0x7ffffffff000)

/* ---- PAGEMAP_SCAN (include/uapi/linux/fs.h), which older headers lack --------- */

struct scan_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end; /* out: how far it came */
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask; /* all of these */
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_REQUEST _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_ZERO_PAGE (1u << 5)

/* 0, what the visitor returned, -1 with err; -2 when the kernel does not know the request. */
static int each_scanned(const struct pages_live *pages, uint64_t lo, uint64_t hi,
                        pages_visitor *visit, void *context, struct err *err)
{
	struct scan_region regions[256];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.end = hi,
		.vec = (uintptr_t)regions,
		.vec_len = sizeof(regions) / sizeof(regions[0]),
		.category_inverted = SCAN_ZERO_PAGE,
		.category_mask = SCAN_ZERO_PAGE,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_FILE | SCAN_PRESENT | SCAN_SWAPPED,
	};

	while (lo < hi) {
		int count;

		arg.start = lo;
		count = ioctl(pages->fd, SCAN_REQUEST, &arg);
		if (count < 0 && errno == ENOTTY)
			return -2;
		if (count < 0)
			return err_os(err, errno, "cannot ask for pages");
		for (int i = 0; i < count; i++) {
			const struct scan_region *r = &regions[i];
			struct page_run run = {r->start, r->end, r->categories & SCAN_FILE,
			                       !(r->categories & SCAN_PRESENT)};
			int ret = visit(context, &run, err);

			if (ret)
				return ret;
		}
		if (arg.walk_end <= lo) /* nothing to go on with */
			break;
		lo = arg.walk_end;
	}
	return 0;
}

/* ---- The file /proc/PID/pagemap: a word for each page ------------------------- */

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_FILE (UINT64_C(1) << 61)

static bool is_kind(uint64_t a, uint64_t b)
{
	const uint64_t kind = ENTRY_PRESENT | ENTRY_SWAPPED | ENTRY_FILE;

	return (a & kind) == (b & kind);
}

static int visit_entries(const uint64_t *entries, size_t count, uint64_t lo, pages_visitor *visit,
                         void *context, struct err *err)
{
	for (size_t i = 0, end; i < count; i = end) {
		struct page_run run = {lo + i * PAGE, 0, entries[i] & ENTRY_FILE,
		                       !(entries[i] & ENTRY_PRESENT)};
		int ret;

		for (end = i + 1; end < count && is_kind(entries[end], entries[i]);)
			end++;
		run.hi = lo + end * PAGE;
		if (!(entries[i] & (ENTRY_PRESENT | ENTRY_SWAPPED)))
			continue;
		ret = visit(context, &run, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int each_in_file(const struct pages_live *pages, uint64_t lo, uint64_t hi,
                        pages_visitor *visit, void *context, struct err *err)
{
	enum { BATCH = 8192 };
	AUTO_FREE uint64_t *entries = malloc(BATCH * sizeof(*entries));

	if (!entries)
		return err_os(err, ENOMEM, "pages");
	while (lo < hi) {
		size_t want = (hi - lo) / PAGE < BATCH ? (size_t)((hi - lo) / PAGE) : BATCH;
		ssize_t got = pread(pages->fd, entries, want * sizeof(*entries),
		                    (off_t)(lo / PAGE * sizeof(*entries)));
		int ret;

		if (got < 0)
			return err_os(err, errno, "cannot ask for pages");
		if (got < (ssize_t)sizeof(*entries)) /* the end of what can be mapped */
			return 0;
		ret = visit_entries(entries, (size_t)got / sizeof(*entries), lo, visit, context,
		                    err);
		if (ret)
			return ret;
		lo += (uint64_t)got / sizeof(*entries) * PAGE;
	}
	return 0;
}

/* -------------------------------------------------------------------------------- */

int pages_live_open(pid_t pid, struct pages_live *ret_pages, struct err *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	*ret_pages = (struct pages_live){.fd = fd};
	return 0;
}

void pages_live_close(struct pages_live *pages)
{
	if (pages->fd >= 0)
		close(pages->fd);
	pages->fd = -1;
}

int pages_live_each(struct pages_live *pages, uint64_t lo, uint64_t hi, pages_visitor *visit,
                    void *context, struct err *err)
{
	lo &= ~(PAGE - 1);
	hi = hi < TOP ? (hi + PAGE - 1) & ~(PAGE - 1) : TOP;
	if (lo >= hi)
		return 0;
	if (!pages->no_scan) {
		int ret = each_scanned(pages, lo, hi, visit, context, err);

		if (ret != -2)
			return ret;
		pages->no_scan = true;
	}
	return each_in_file(pages, lo, hi, visit, context, err);
}
