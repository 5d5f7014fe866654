/*
 * What is to be in the core: which memory, and what of it is copied.
 *
 * As the kernel does it, what a file has and nobody changed is left to the file, but for its first
 * page, by which it is known again.  Nothing that would have to be made first is read.
 */
#include "lib/read/dump_parts.h"

#include "lib/base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

/* Changed pages of a file so near to each other share a segment, with what lies between. */
#define NEAR (UINT64_C(64) << 10)

struct planning {
	struct dump *dump;
	uint64_t lo; /* the range that is looked at */
	uint64_t hi;
	const struct mapping *mapping;
	uint64_t join; /* runs with less between them are one */
	bool all;      /* every page that is there, not only the space's own */
	size_t first;  /* run of this mapping */
};

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "plan of a core file");
}

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* ---- Runs ----------------------------------------------------------------- */

static int add_run(struct planning *p, uint64_t lo, uint64_t hi, struct err *err)
{
	struct dump *dump = p->dump;
	struct dump_run *last =
		dump->run_count > p->first ? &dump->runs[dump->run_count - 1] : NULL;

	lo = lo < p->lo ? p->lo : lo;
	hi = hi > p->hi ? p->hi : hi;
	if (lo >= hi)
		return 0;
	if (last && lo <= last->hi + p->join) {
		if (hi > last->hi)
			last->hi = hi;
		return 0;
	}
	if (!ROOM_FOR_ONE(dump->runs, dump->run_room, dump->run_count))
		return no_memory(err);
	dump->runs[dump->run_count++] = (struct dump_run){lo, hi};
	return 0;
}

static int add_pages(void *context, const struct page_run *run, struct err *err)
{
	struct planning *p = context;

	return p->all || !run->file ? add_run(p, run->lo, run->hi, err) : 0;
}

static int add_runs(struct planning *p, struct err *err)
{
	const struct mapping *m = p->mapping;
	int ret;

	/* the kernel's, all of which is there without having been looked at */
	if (begins_with(m->path, "[vdso"))
		return add_run(p, m->lo, m->hi, err);
	/* what cannot be read is not there either, unless the kernel says so */
	ret = target_pages(p->dump->target, m->lo, m->hi, add_pages, p, err);
	if (ret < 0 && err->code == ERR_NOT_FOUND)
		return m->prot & PROT_READ ? add_run(p, m->lo, m->hi, err) : 0;
	return ret;
}

/* ---- Segments ------------------------------------------------------------- */

static int add_segment(struct planning *p, uint64_t lo, uint64_t hi, size_t run, size_t runs,
                       struct err *err)
{
	struct dump *dump = p->dump;

	if (lo >= hi)
		return 0;
	if (!ROOM_FOR_ONE(dump->segments, dump->segment_room, dump->segment_count))
		return no_memory(err);
	dump->segments[dump->segment_count++] = (struct dump_segment){
		.lo = lo, .hi = hi, .prot = p->mapping->prot, .run = run, .runs = runs};
	return 0;
}

/* What of the mapping is copied, and what is left to the file, are segments of their own. */
static int split_file(struct planning *p, struct err *err)
{
	struct dump *dump = p->dump;
	uint64_t at = p->lo;

	for (size_t i = p->first; i < dump->run_count; i++) {
		const struct dump_run run = dump->runs[i];

		if (add_segment(p, at, run.lo, 0, 0, err) ||
		    add_segment(p, run.lo, run.hi, i, 1, err))
			return -1;
		at = run.hi;
	}
	return add_segment(p, at, p->hi, 0, 0, err);
}

/* ---- Mappings ------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t text_len = strlen(text), end_len = strlen(end);

	return text_len >= end_len && !strcmp(text + text_len - end_len, end);
}

/* Whether the file will still be there for whoever reads the core. */
static bool is_lasting(const struct mapping *m)
{
	return m->path[0] == '/' && !begins_with(m->path, "/memfd:") &&
	       !begins_with(m->path, "/dev/zero") && !begins_with(m->path, "/SYSV") &&
	       !ends_with(m->path, " (deleted)");
}

static int add_file(struct planning *p, struct err *err)
{
	const struct mapping *m = p->mapping;
	struct dump *dump = p->dump;
	char *path;

	if (m->path[0] != '/')
		return 0;
	path = strdup(m->path);
	if (!path || !ROOM_FOR_ONE(dump->files, dump->file_room, dump->file_count)) {
		free(path);
		return no_memory(err);
	}
	dump->files[dump->file_count++] =
		(struct dump_file){p->lo, p->hi, m->offset + (p->lo - m->lo), path};
	return 0;
}

static int add_lasting(struct planning *p, struct err *err)
{
	const struct mapping *m = p->mapping;

	if (!m->offset && (m->prot & PROT_READ) && add_run(p, m->lo, m->lo + DUMP_PAGE, err))
		return -1;
	if (!m->shared && add_runs(p, err))
		return -1;
	return split_file(p, err);
}

static int add_mapping(void *context, const struct mapping *m, struct err *err)
{
	struct planning p = *(const struct planning *)context;
	bool lasting = is_lasting(m);

	if (begins_with(m->path, "[vvar")) /* the kernel's own, which moves on */
		return 0;
	p.mapping = m;
	p.lo = m->lo > p.lo ? m->lo : p.lo;
	p.hi = m->hi < p.hi ? m->hi : p.hi;
	p.first = p.dump->run_count;
	p.join = lasting ? NEAR : 0;
	/* a core has no others than those that were worth it */
	p.all = !lasting || p.dump->target->ops->dump;
	if (p.lo >= p.hi)
		return 0;
	if (add_file(&p, err))
		return -1;
	if (lasting)
		return add_lasting(&p, err);
	if (add_runs(&p, err))
		return -1;
	return add_segment(&p, p.lo, p.hi, p.first, p.dump->run_count - p.first, err);
}

static int add_range(struct dump *dump, uint64_t lo, uint64_t hi, struct err *err)
{
	struct planning p = {.dump = dump, .lo = lo, .hi = hi};

	return lo < hi ? maps_each(dump->target->maps, lo, hi, add_mapping, &p, err) : 0;
}

/* ---- The registry --------------------------------------------------------- */

/*
 * Not every page of it was looked at in the space, so that the space's page tables do not tell
 * what is in it: its file does.
 */
static int add_registry(struct dump *dump, struct err *err)
{
	const struct tp_registry *header = &dump->target->snapshot->header;
	const struct mapping whole = {.prot = PROT_READ};
	struct planning p = {.dump = dump, .mapping = &whole, .first = dump->run_count};
	off_t data = 0, hole;

	if (dump->registry_fd < 0)
		return add_range(dump, header->address, header->address + header->size, err);
	p.lo = header->address;
	p.hi = header->address + header->size;
	while ((data = lseek(dump->registry_fd, data, SEEK_DATA)) >= 0) {
		hole = lseek(dump->registry_fd, data, SEEK_HOLE);
		if (hole <= data)
			break;
		if (add_run(&p, p.lo + (uint64_t)data, p.lo + (uint64_t)hole, err))
			return -1;
		data = hole;
	}
	if (add_segment(&p, p.lo, p.hi, p.first, dump->run_count - p.first, err))
		return -1;
	dump->segments[dump->segment_count - 1].registry = true;
	return 0;
}

/* -------------------------------------------------------------------------- */

static int add_slot(struct dump *dump, struct err *err)
{
	const struct tp_threadproc *abi = &dump->tp->abi;

	for (uint32_t i = 0; i < abi->run_count; i++) {
		uint64_t lo = (uint64_t)abi->runs[i].first << TP_GRANULE_SHIFT;

		if (add_range(dump, lo, lo + ((uint64_t)abi->runs[i].count << TP_GRANULE_SHIFT),
		              err))
			return -1;
	}
	return 0;
}

/* A mapping of two pages, of which the registry has the beginning. */
static int add_vdso(struct dump *dump, struct err *err)
{
	uint64_t at = dump->target->snapshot->header.vdso;
	struct mapping m;
	struct err unknown;

	if (!at || maps_find(dump->target->maps, at, &m, &unknown) || m.lo != at)
		return 0;
	return add_range(dump, m.lo, m.hi, err);
}

static int by_lo(const void *a, const void *b)
{
	const struct dump_segment *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static int file_by_lo(const void *a, const void *b)
{
	const struct dump_file *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

int dump_plan(struct dump *dump, struct err *err)
{
	const struct tp_registry *header = &dump->target->snapshot->header;
	const struct tp_threadproc *abi = &dump->tp->abi;
	uint64_t agent_hi = header->agent_hi < TP_RESERVED_HI ? header->agent_hi : TP_RESERVED_HI;

	if (add_range(dump, abi->fixed_lo, abi->fixed_hi, err) ||
	    add_range(dump, header->agent_lo, agent_hi, err) || add_registry(dump, err) ||
	    add_slot(dump, err) || add_vdso(dump, err))
		return -1;
	if (dump->segment_count)
		qsort(dump->segments, dump->segment_count, sizeof(*dump->segments), by_lo);
	if (dump->file_count)
		qsort(dump->files, dump->file_count, sizeof(*dump->files), file_by_lo);
	for (size_t i = 0; i < dump->run_count; i++)
		dump->bytes += dump->runs[i].hi - dump->runs[i].lo;
	return 0;
}
