/*
 * The file: headers, notes, memory, each segment at a page's boundary.
 */
#include "lib/read/dump_parts.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK (UINT64_C(1) << 20)
/* How often the registry is copied anew because the server was writing. */
#define REGISTRY_TRIES 16

struct writing {
	struct dump *dump;
	int fd;
	uint8_t *block;
	dump_step *step;
	void *context;
	struct dump_result *result;
};

static int put(const struct writing *w, const void *bytes, size_t len, uint64_t offset,
               struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(w->fd, (const char *)bytes + done, len - done,
		                   (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_os(err, n ? errno : ENOSPC, "cannot write the core file");
		done += (size_t)n;
	}
	return 0;
}

/* ---- Headers --------------------------------------------------------------- */

static uint64_t page_up(uint64_t size)
{
	return (size + DUMP_PAGE - 1) & ~(DUMP_PAGE - 1);
}

/* More segments than the file's header can count are counted by a section header. */
static bool many(const struct dump *dump)
{
	return dump->segment_count + 1 >= PN_XNUM;
}

static uint64_t notes_offset(const struct dump *dump)
{
	return sizeof(Elf64_Ehdr) + (dump->segment_count + 1) * sizeof(Elf64_Phdr) +
	       (many(dump) ? sizeof(Elf64_Shdr) : 0);
}

/* Where each segment comes to lie; returns the size of the file, UINT64_MAX for too much. */
static uint64_t place_segments(struct dump *dump)
{
	uint64_t at = page_up(notes_offset(dump) + dump->notes_size);

	for (size_t i = 0; i < dump->segment_count; i++) {
		struct dump_segment *segment = &dump->segments[i];

		segment->offset = at;
		if (segment->runs &&
		    __builtin_add_overflow(at, page_up(segment->hi - segment->lo), &at))
			return UINT64_MAX;
	}
	return at;
}

static Elf64_Phdr phdr_of(const struct dump_segment *segment)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = (segment->prot & PROT_READ ? PF_R : 0u) |
	                   (segment->prot & PROT_WRITE ? PF_W : 0u) |
	                   (segment->prot & PROT_EXEC ? PF_X : 0u),
		.p_offset = segment->offset,
		.p_vaddr = segment->lo,
		.p_filesz = segment->runs ? segment->hi - segment->lo : 0,
		.p_memsz = segment->hi - segment->lo,
		.p_align = DUMP_PAGE,
	};
}

static int write_head(const struct writing *w, struct err *err)
{
	const struct dump *dump = w->dump;
	const uint64_t notes = notes_offset(dump);
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many(dump) ? PN_XNUM : (Elf64_Half)(dump->segment_count + 1),
	};
	const Elf64_Shdr count = {.sh_info = (Elf64_Word)(dump->segment_count + 1)};
	const Elf64_Phdr note = {
		.p_type = PT_NOTE, .p_offset = notes, .p_filesz = dump->notes_size, .p_align = 4};
	AUTO_FREE Elf64_Phdr *phdrs = calloc(dump->segment_count + 1, sizeof(*phdrs));
	uint64_t shoff = notes - sizeof(count);

	if (!phdrs)
		return err_os(err, ENOMEM, "headers of a core file");
	if (many(dump)) {
		ehdr.e_shoff = shoff;
		ehdr.e_shentsize = sizeof(count);
		ehdr.e_shnum = 1;
		if (put(w, &count, sizeof(count), shoff, err))
			return -1;
	}
	phdrs[0] = note;
	for (size_t i = 0; i < dump->segment_count; i++)
		phdrs[i + 1] = phdr_of(&dump->segments[i]);
	if (put(w, &ehdr, sizeof(ehdr), 0, err) ||
	    put(w, phdrs, (dump->segment_count + 1) * sizeof(*phdrs), sizeof(ehdr), err))
		return -1;
	return put(w, dump->notes, dump->notes_size, notes, err);
}

/* ---- Memory ---------------------------------------------------------------- */

static ssize_t read_registry(const struct dump *dump, uint64_t addr, void *buf, size_t len)
{
	uint64_t off = addr - dump->target->snapshot->header.address;

	return pread(dump->registry_fd, buf, len, (off_t)off);
}

static size_t read_block(const struct writing *w, const struct dump_segment *segment, uint64_t addr,
                         size_t len)
{
	struct err err;
	ssize_t got;
	size_t some;

	if (!segment->registry)
		return mem_read_some(w->dump->target->mem, addr, w->block, len, &some, &err) ? 0
		                                                                             : some;
	got = read_registry(w->dump, addr, w->block, len);
	return got > 0 ? (size_t)got : 0;
}

static int copy_run(struct writing *w, const struct dump_segment *segment,
                    const struct dump_run *run, struct err *err)
{
	uint64_t at = run->lo;

	while (at < run->hi) {
		size_t want = run->hi - at < BLOCK ? (size_t)(run->hi - at) : BLOCK;
		size_t got = read_block(w, segment, at, want);
		size_t skip = got ? got : (size_t)(DUMP_PAGE < want ? DUMP_PAGE : want);
		int ret;

		if (got && put(w, w->block, got, segment->offset + (at - segment->lo), err))
			return -1;
		if (got)
			w->result->copied += got;
		else
			w->result->lost += skip;
		ret = w->step ? w->step(w->context, skip, err) : 0;
		if (ret)
			return ret;
		at += skip;
	}
	return 0;
}

static int copy_segment(struct writing *w, const struct dump_segment *segment, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < segment->runs && !ret; i++)
		ret = copy_run(w, segment, &w->dump->runs[segment->run + i], err);
	return ret;
}

static uint32_t registry_seq(const struct dump *dump)
{
	uint32_t seq = 0;

	if (dump->registry_fd < 0 || read_registry(dump,
	                                           dump->target->snapshot->header.address +
	                                                   offsetof(struct tp_registry, seq),
	                                           &seq, sizeof(seq)) != sizeof(seq))
		return 0;
	return seq;
}

/* While nothing is written to it, if such a moment comes; readers get along without. */
static int copy_registry(struct writing *w, const struct dump_segment *segment, struct err *err)
{
	int ret = 0;

	for (int i = 0; i < REGISTRY_TRIES && !ret; i++) {
		uint32_t seq = registry_seq(w->dump);

		ret = copy_segment(w, segment, err);
		if (ret || (!(seq & 1) && registry_seq(w->dump) == seq))
			break;
		w->step = NULL; /* it was counted */
	}
	return ret;
}

static int copy_memory(const struct writing *w, struct err *err)
{
	const struct dump *dump = w->dump;

	for (size_t i = 0; i < dump->segment_count; i++) {
		const struct dump_segment *segment = &dump->segments[i];
		struct writing own = *w;
		int ret;

		ret = segment->registry ? copy_registry(&own, segment, err)
		                        : copy_segment(&own, segment, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- Stacks ---------------------------------------------------------------- */

static const struct dump_segment *segment_at(const struct dump *dump, uint64_t addr)
{
	for (size_t i = 0; i < dump->segment_count; i++) {
		const struct dump_segment *segment = &dump->segments[i];

		if (addr >= segment->lo && addr < segment->hi)
			return segment;
	}
	return NULL;
}

/* Over what was copied of a thread's stack later goes what it was with these registers. */
static int write_stack(const struct writing *w, const struct capture *capture, struct err *err)
{
	const struct dump_segment *segment = segment_at(w->dump, capture->stack_lo);
	uint64_t len = capture->stack_len;

	if (!len || !segment || !segment->runs)
		return 0;
	if (len > segment->hi - capture->stack_lo)
		len = segment->hi - capture->stack_lo;
	return put(w, capture->stack, len, segment->offset + (capture->stack_lo - segment->lo),
	           err);
}

/* ---------------------------------------------------------------------------- */

static int write_file(const struct writing *w, struct err *err)
{
	struct dump *dump = w->dump;
	int ret;

	if (dump_take_threads(dump, w->result, err) || dump_make_notes(dump, err))
		return -1;
	w->result->size = place_segments(dump);
	if (w->result->size > INT64_MAX || ftruncate(w->fd, (off_t)w->result->size))
		return err_os(err, w->result->size > INT64_MAX ? EFBIG : errno,
		              "cannot make a core file of that size");
	if (write_head(w, err))
		return -1;
	ret = copy_memory(w, err);
	for (size_t i = 0; i < dump->thread_count && !ret; i++)
		ret = write_stack(w, &dump->threads[i].capture, err);
	return ret;
}

int dump_write(struct dump *dump, int fd, dump_step *step, void *context,
               struct dump_result *ret_result, struct err *err)
{
	AUTO_FREE uint8_t *block = malloc(BLOCK);
	struct dump_result result = {0};
	struct writing w = {dump, fd, block, step, context, &result};
	int ret;

	if (!block)
		return err_os(err, ENOMEM, "core file");
	ret = write_file(&w, err);
	if (!ret)
		*ret_result = result;
	return ret;
}

uint64_t dump_bytes(const struct dump *dump)
{
	return dump->bytes;
}

int dump_create(const struct target *target, const struct reg_threadproc *tp, int registry_fd,
                struct dump **ret_dump, struct err *err)
{
	struct dump *dump;

	if (!target->maps || !target->mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	dump = calloc(1, sizeof(*dump));
	if (!dump)
		return err_os(err, ENOMEM, "core file");
	dump->target = target;
	dump->tp = tp;
	dump->registry_fd = registry_fd;
	if (dump_plan(dump, err)) {
		dump_destroy(dump);
		return -1;
	}
	*ret_dump = dump;
	return 0;
}

void dump_destroy(struct dump *dump)
{
	if (!dump)
		return;
	for (size_t i = 0; i < dump->thread_count; i++)
		capture_deinit(&dump->threads[i].capture);
	for (size_t i = 0; i < dump->file_count; i++)
		free(dump->files[i].path);
	free(dump->threads);
	free(dump->files);
	free(dump->runs);
	free(dump->segments);
	free(dump->notes);
	free(dump);
}
