#include "loader/server/text.h"

#include "lib/base/cleanup.h"
#include "loader/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define BREAKPOINT 0xcc
#define JUMP 0xe9
#define JUMP_SIZE 5
/* GDB executes copies of instructions at a program's entry, which runs once only. */
#define SCRATCH 32
/* /proc/PID/pagemap: a page that is there, or in swap, and not the file's own */
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_SWAPPED (UINT64_C(1) << 62)
#define PAGE_OF_FILE (UINT64_C(1) << 61)

/* A module of a threadproc's, with its file. */
struct module {
	const struct cached_image *image;
	uint64_t bias;
	int file;
};

/* The space as /proc has it. */
struct space {
	int mem;
	int pagemap;
};

/* A page of text as it is and as the file has it, with a few bytes on either side. */
struct page {
	uint64_t addr;
	uint64_t off; /* in the file */
	size_t length; /* what of it the file fills */
	uint8_t room[2][PAGE + 2 * JUMP_SIZE];
	uint8_t *is;
	uint8_t *file;
};

static int open_proc(const struct server *server, const char *name, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)server->agent.pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* The file that the image was made of; -1 when it is not there any more. */
static int open_image(const struct cached_image *image)
{
	AUTO_CLOSE int fd = open(image->image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || st.st_dev != image->key.dev ||
	    st.st_ino != image->key.ino || (uint64_t)st.st_size != image->key.size ||
	    st.st_mtim.tv_sec != image->key.mtime_sec ||
	    (uint64_t)st.st_mtim.tv_nsec != image->key.mtime_nsec)
		return -1;
	return TAKE_FD(fd);
}

/* ---- what belongs at a place ------------------------------------------------------------------ */

/* Whether the bytes behind the first of a site are those of a jump. */
static bool is_patched(const struct page *page, size_t i)
{
	return memcmp(page->is + i + 1, page->file + i + 1, JUMP_SIZE - 1) != 0;
}

/* The part of text at offset off that is rewritten when it is mapped; false: none. */
static bool find_site(const struct cached_image *image, uint64_t off, uint64_t hook,
		      uint64_t *ret_first, uint64_t *ret_length)
{
	for (uint32_t i = 0; i < image->image->site_count; i++) {
		const struct tp_site *site = &image->sites[i].site;

		if (off < site->off || off - site->off >= site->len)
			continue;
		*ret_first = site->off;
		*ret_length = site->len;
		return true;
	}
	if (!hook || off < hook || off - hook >= JUMP_SIZE)
		return false;
	*ret_first = hook;
	*ret_length = JUMP_SIZE;
	return true;
}

/* File offset of _dl_debug_state, 0: not in this segment. */
static uint64_t hook_of(const struct cached_image *image, const struct image_segment *s)
{
	uint64_t vaddr = image->image->dl_debug_state;

	if (!image->has_debug_state_text || vaddr < s->vaddr || vaddr - s->vaddr >= s->filesz)
		return 0;
	return vaddr - s->vaddr + s->offset;
}

/* What belongs at byte i of the page; -1 when that is not known. */
static int belongs(const struct cached_image *image, const struct image_segment *s,
		   const struct page *page, size_t i)
{
	uint64_t off = page->off + i;
	uint64_t first;
	uint64_t length;

	if (!find_site(image, off, hook_of(image, s), &first, &length))
		return page->file[i];
	if (off != first)
		return -1;
	return is_patched(page, i) ? JUMP : page->file[i];
}

/* ---- pages --------------------------------------------------------------------------------------- */

static void read_file(int fd, uint8_t *to, size_t length, uint64_t off)
{
	ssize_t n = pread(fd, to, length, (off_t)off);

	if (n < 0)
		n = 0;
	memset(to + n, 0, length - (size_t)n);
}

/* Reads the page of the segment at its offset `at` from the segment's first page. */
static int read_page(const struct module *module, const struct image_segment *s, uint64_t at,
		     int mem, struct page *page)
{
	uint64_t end = s->offset + s->filesz;
	const size_t margin = JUMP_SIZE;

	page->off = (s->offset & ~(uint64_t)(PAGE - 1)) + at;
	page->addr = module->bias + s->vaddr - s->offset + page->off;
	page->length = end - page->off < PAGE ? (size_t)(end - page->off) : PAGE;
	page->is = page->room[0] + margin;
	page->file = page->room[1] + margin;
	memset(page->room, 0, sizeof(page->room));
	/* What is around it is not everywhere there; then zeros stand for it on both sides. */
	if (pread(mem, page->is, PAGE, (off_t)page->addr) != PAGE)
		return -1;
	read_file(module->file, page->file, PAGE, page->off);
	if (pread(mem, page->is + PAGE, margin, (off_t)(page->addr + PAGE)) == (ssize_t)margin)
		read_file(module->file, page->file + PAGE, margin, page->off + PAGE);
	return 0;
}

static bool in_scratch(const struct threadproc *tp, uint64_t addr)
{
	uint64_t entry = threadproc_record(tp)->entry;

	return addr >= entry && addr - entry < SCRATCH;
}

/*
 * A byte alone that is a breakpoint.  Where a neighbour is another as well, the text was
 * changed by somebody else: relocated, perhaps.
 */
static bool is_breakpoint(const struct page *page, size_t i)
{
	return page->is[i] == BREAKPOINT &&
	       (page->is[i + 1] == page->file[i + 1] || page->is[i + 1] == BREAKPOINT) &&
	       (i == 0 || page->is[i - 1] == page->file[i - 1] || page->is[i - 1] == BREAKPOINT);
}

static bool is_left_behind(const struct threadproc *tp, const struct cached_image *image,
			   const struct image_segment *s, const struct page *page, size_t i,
			   int *ret_byte)
{
	int byte;

	if (page->is[i] == page->file[i])
		return false;
	byte = belongs(image, s, page, i);
	if (byte < 0 || byte == page->is[i])
		return false;
	*ret_byte = byte;
	if (in_scratch(tp, page->addr + i))
		return true;
	/* At a site the bytes behind differ anyway. */
	return byte != page->file[i] ? page->is[i] == BREAKPOINT : is_breakpoint(page, i);
}

static unsigned restore_page(const struct threadproc *tp, const struct module *module,
			     const struct image_segment *s, const struct page *page, int mem)
{
	unsigned count = 0;

	for (size_t i = 0; i < page->length; i++) {
		uint8_t byte;
		int found;

		if (!is_left_behind(tp, module->image, s, page, i, &found))
			continue;
		byte = (uint8_t)found;
		if (pwrite(mem, &byte, 1, (off_t)(page->addr + i)) == 1)
			count++;
		else
			log_error("a breakpoint at 0x%" PRIx64 " stays: %s", page->addr + i,
				  strerror(errno));
	}
	return count;
}

/* Pages that were never written are the file's own. */
static bool was_written(int pagemap, uint64_t addr)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)(addr / PAGE * sizeof(entry))) !=
	    sizeof(entry))
		return true;
	return (entry & PAGE_SWAPPED) || ((entry & PAGE_PRESENT) && !(entry & PAGE_OF_FILE));
}

static unsigned restore_segment(const struct threadproc *tp, const struct module *module,
				const struct image_segment *s, const struct space *space)
{
	uint64_t first = s->offset & ~(uint64_t)(PAGE - 1);
	uint64_t pages = (s->offset + s->filesz - first + PAGE - 1) / PAGE;
	unsigned count = 0;

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t addr = module->bias + s->vaddr - s->offset + first + i * PAGE;
		struct page page;

		if (was_written(space->pagemap, addr) &&
		    !read_page(module, s, i * PAGE, space->mem, &page))
			count += restore_page(tp, module, s, &page, space->mem);
	}
	return count;
}

/* ---- threadprocs ------------------------------------------------------------------------------------ */

/* Module i of a threadproc.  False when it is not known what it was made of. */
static bool take_module(const struct threadproc *tp, uint32_t i, struct module *ret_module)
{
	const struct registry *registry = &tp->server->registry;
	const struct image_refs *refs = &tp->server->image_refs[tp->index];
	const struct tp_ref list = threadproc_record(tp)->modules;
	struct tp_module module;

	if (!refs->images[i] || (i + 1) * sizeof(module) > list.len)
		return false;
	memcpy(&module,
	       (const uint8_t *)registry->map + registry->map->heap.off + list.off +
		       i * sizeof(module),
	       sizeof(module));
	*ret_module = (struct module){ refs->images[i], module.bias, -1 };
	return true;
}

unsigned text_restore(struct threadproc *tp)
{
	struct server *server = tp->server;
	AUTO_CLOSE int mem = open_proc(server, "mem", O_RDWR);
	AUTO_CLOSE int pagemap = open_proc(server, "pagemap", O_RDONLY);
	const struct space space = { mem, pagemap };
	unsigned count = 0;

	for (uint32_t i = 0; mem >= 0 && i < server->image_refs[tp->index].count; i++) {
		AUTO_CLOSE int file = -1;
		struct module module;

		if (!take_module(tp, i, &module))
			continue;
		file = open_image(module.image);
		module.file = file;
		for (uint32_t k = 0; file >= 0 && k < module.image->image->segment_count; k++) {
			const struct image_segment *s = &module.image->image->segments[k];

			if ((s->prot & PROT_EXEC) && s->filesz)
				count += restore_segment(tp, &module, s, &space);
		}
	}
	return count;
}

/* Whose text may be at an address: who owns the granule, or a position-dependent image. */
static struct threadproc *owner_of(struct server *server, uint64_t addr)
{
	const struct registry *registry = &server->registry;

	for (uint32_t i = 0; i < TP_FIXED; i++)
		if (addr >= registry->fixed[i].lo && addr < registry->fixed[i].hi)
			return server->threadprocs[registry->fixed[i].owner];
	if (addr >> TP_GRANULE_SHIFT >= TP_GRANULES)
		return NULL;
	return server->threadprocs[registry->granules[addr >> TP_GRANULE_SHIFT].owner];
}

static const struct image_segment *segment_at(const struct module *module, uint64_t addr)
{
	const struct image *image = module->image->image;

	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if ((s->prot & PROT_EXEC) && addr - module->bias >= s->vaddr &&
		    addr - module->bias - s->vaddr < s->filesz)
			return s;
	}
	return NULL;
}

static int original_in(const struct module *module, const struct image_segment *s, uint64_t addr,
		       int mem)
{
	uint64_t off = addr - module->bias - s->vaddr + s->offset;
	struct page page;

	if (module->file < 0 ||
	    read_page(module, s, (off & ~(uint64_t)(PAGE - 1)) - (s->offset & ~(uint64_t)(PAGE - 1)),
		      mem, &page))
		return -1;
	return belongs(module->image, s, &page, off - page.off);
}

int text_original(struct server *server, uint64_t addr)
{
	struct threadproc *tp = owner_of(server, addr);
	AUTO_CLOSE int mem = -1;

	if (!tp)
		return -1;
	mem = open_proc(server, "mem", O_RDONLY);
	for (uint32_t i = 0; mem >= 0 && i < server->image_refs[tp->index].count; i++) {
		AUTO_CLOSE int file = -1;
		const struct image_segment *s;
		struct module module;

		if (!take_module(tp, i, &module))
			continue;
		s = segment_at(&module, addr);
		if (!s)
			continue;
		file = open_image(module.image);
		module.file = file;
		return original_in(&module, s, addr, mem);
	}
	return -1;
}

void text_restore_at(struct server *server, uint64_t addr)
{
	AUTO_CLOSE int mem = open_proc(server, "mem", O_RDWR);
	int original = text_original(server, addr);
	uint8_t byte = (uint8_t)original;
	uint8_t is;

	if (original < 0 || pread(mem, &is, 1, (off_t)addr) != 1 || is != BREAKPOINT)
		return;
	if (pwrite(mem, &byte, 1, (off_t)addr) != 1)
		log_error("a breakpoint at 0x%" PRIx64 " stays: %s", addr, strerror(errno));
}
