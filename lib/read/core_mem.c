/*
 * Memory of a core file: from its segments, and what they lack from the mapped files.
 */
#include "lib/read/core_parts.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* What the dump has from addr up, at most len bytes: all of it in one segment. */
static size_t dumped_at(struct core *core, uint64_t addr, size_t len, uint64_t *ret_offset)
{
	const struct core_load *load = core_load_at(core, addr);
	uint64_t skip;

	if (!load || addr - load->lo >= load->filed)
		return 0;
	skip = addr - load->lo;
	*ret_offset = load->offset + skip;
	return load->filed - skip < len ? (size_t)(load->filed - skip) : len;
}

/* Reads across segments that follow each other, too. */
size_t core_read_dumped(struct core *core, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint64_t offset;
		size_t part = dumped_at(core, addr + done, len - done, &offset);
		ssize_t got = part ? core_pread(core, (char *)buf + done, part, offset) : 0;

		if (got <= 0)
			break;
		done += (size_t)got;
		if ((size_t)got < part)
			break;
	}
	return done;
}

/* The next stretch of the file in [at, end) that is no hole; what is not known is none. */
static bool next_data(const struct core *core, uint64_t at, uint64_t end, uint64_t *ret_lo,
                      uint64_t *ret_hi)
{
	off_t data = lseek(core->fd, (off_t)at, SEEK_DATA);
	off_t hole = data < 0 ? -1 : lseek(core->fd, data, SEEK_HOLE);

	if (data < 0 && errno == ENXIO) /* holes up to the end */
		return false;
	if (hole <= data) { /* a file system that cannot tell, or the file is being written */
		data = (off_t)at;
		hole = (off_t)end;
	}
	*ret_lo = (uint64_t)data;
	*ret_hi = (uint64_t)hole < end ? (uint64_t)hole : end;
	return *ret_lo < end;
}

int core_each_data(const struct core *core, const struct core_load *load, uint64_t lo, uint64_t hi,
                   pages_visitor *visit, void *context, struct err *err)
{
	uint64_t has = load->lo + load->filed;
	uint64_t to_addr = load->lo - load->offset; /* wraps, and back */
	struct page_run run = {.hi = lo, .file = core_range_at(core, load->lo)};
	uint64_t data, hole;
	int ret = 0;

	if (has < hi)
		hi = has;
	while (!ret && run.hi < hi &&
	       next_data(core, run.hi - to_addr, hi - to_addr, &data, &hole)) {
		/* gcore does not align: whole pages of memory */
		run.lo = (data + to_addr) & ~(PAGE - 1);
		if (run.lo < lo)
			run.lo = lo;
		run.hi = (hole + to_addr + PAGE - 1) & ~(PAGE - 1);
		if (run.hi > hi)
			run.hi = hi;
		ret = visit(context, &run, err);
		lo = run.hi;
	}
	return ret;
}

/*
 * What the dump left out of a mapped file, because nobody had changed it.  Memory that it
 * meant to have, but which was cut off the core, may have been changed.
 */
static ssize_t omitted_read(struct core *core, uint64_t addr, void *buf, size_t len)
{
	const struct core_load *load = core_load_at(core, addr);
	const struct core_range *range = core_range_at(core, addr);
	uint64_t end;

	if (!range || !core->has_private || (load && addr - load->lo < load->dumped))
		return 0;
	end = load ? load->hi : core_next_load(core, addr);
	if (range->hi < end)
		end = range->hi;
	if (end - addr < len)
		len = (size_t)(end - addr);
	return core_read_path(core, range, range->offset + (addr - range->lo), buf, len);
}

static ssize_t view_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct core *core = ((struct core_view *)mem)->core;
	uint64_t offset;
	size_t part;

	if (len > SSIZE_MAX)
		len = SSIZE_MAX;
	part = dumped_at(core, addr, len, &offset);
	if (part)
		return core_pread(core, buf, part, offset);
	return omitted_read(core, addr, buf, len);
}

static uint64_t nearer(uint64_t addr, uint64_t boundary, uint64_t best)
{
	return boundary > addr && boundary < best ? boundary : best;
}

/*
 * One read tells for all up to where another part of the segment, another segment or another file
 * begins: a core that claims half the address space is no more work than one page of it.
 */
static uint64_t view_next(struct mem *mem, uint64_t addr)
{
	struct core *core = ((struct core_view *)mem)->core;
	const struct core_load *load = core_load_at(core, addr);
	const struct core_range *range = core_range_at(core, addr);
	uint64_t next = core_next_range(core, addr);

	next = nearer(addr, core_next_load(core, addr), next);
	if (load) {
		next = nearer(addr, load->lo + load->filed, next);
		next = nearer(addr, load->lo + load->dumped, next);
		next = nearer(addr, load->hi, next);
	}
	return range ? nearer(addr, range->hi, next) : next;
}

/* It is part of the core, and goes with it. */
static void view_close(struct mem *mem)
{
}

void core_view_init(struct core *core)
{
	static const struct mem_ops ops = {
		.read = view_read, .next = view_next, .close = view_close};

	core->view = (struct core_view){.mem.ops = &ops, .core = core};
}

struct mem *core_mem(struct core *core)
{
	return &core->view.mem;
}
