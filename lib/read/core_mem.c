/*
 * Memory of a core file: from its segments, and what they lack from the mapped files.
 */
#include "lib/read/core_parts.h"

#include <limits.h>

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

/* It is part of the core, and goes with it. */
static void view_close(struct mem *mem)
{
}

void core_view_init(struct core *core)
{
	static const struct mem_ops ops = {view_read, view_close};

	core->view = (struct core_view){.mem.ops = &ops, .core = core};
}

struct mem *core_mem(struct core *core)
{
	return &core->view.mem;
}
