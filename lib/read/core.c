#include "lib/read/core_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/regular_file.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* More segments than a process has mappings (vm.max_map_count is 65530 unless raised). */
#define LOADS_MAX (1u << 20)
/* Notes of a hundred thousand threads. */
#define NOTES_MAX (UINT64_C(512) << 20)

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#error "name the ELF machine"
#endif

/* ---- Segments ------------------------------------------------------------ */

static int prot_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

/* Adds a segment, as far as it is possible at all. */
static void take_load(struct core *core, const GElf_Phdr *phdr)
{
	struct core_load load = {
		.lo = phdr->p_vaddr,
		.offset = phdr->p_offset,
		.dumped = phdr->p_filesz < phdr->p_memsz ? phdr->p_filesz : phdr->p_memsz,
		.prot = prot_of(phdr->p_flags),
	};

	if (!phdr->p_memsz)
		return;
	if (__builtin_add_overflow(phdr->p_vaddr, phdr->p_memsz, &load.hi)) {
		core->wrong_loads++;
		return;
	}
	if (load.offset < core->size)
		load.filed = core->size - load.offset;
	if (load.filed > load.dumped)
		load.filed = load.dumped;
	if (load.filed < load.dumped)
		core->cut_loads++;
	core->loads[core->load_count++] = load;
}

static int by_lo(const void *a, const void *b)
{
	const struct core_load *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Where two cover the same memory, the one that begins first counts. */
static void make_disjoint(struct core *core)
{
	size_t kept = 0;

	if (core->load_count)
		qsort(core->loads, core->load_count, sizeof(*core->loads), by_lo);
	for (size_t i = 0; i < core->load_count; i++) {
		if (kept && core->loads[i].lo < core->loads[kept - 1].hi)
			core->wrong_loads++;
		else
			core->loads[kept++] = core->loads[i];
	}
	core->load_count = kept;
}

static int take_note_segment(struct core *core, Elf *elf, const GElf_Phdr *phdr, uint64_t *budget,
                             struct err *err)
{
	uint64_t len = phdr->p_filesz;
	Elf_Data *data;

	if (!len)
		return 0;
	if (phdr->p_offset >= core->size || len > *budget) {
		core->notes_wrong = true;
		return 0;
	}
	if (len > core->size - phdr->p_offset) {
		len = core->size - phdr->p_offset;
		core->notes_wrong = true;
	}
	*budget -= len;
	data = elf_getdata_rawchunk(elf, (int64_t)phdr->p_offset, len, ELF_T_NHDR);
	if (!data) {
		core->notes_wrong = true;
		return 0;
	}
	return core_take_notes(core, data, err);
}

static int take_segments(struct core *core, Elf *elf, struct err *err)
{
	uint64_t budget = NOTES_MAX;
	size_t count;

	if (elf_getphdrnum(elf, &count))
		return err_set(err, ERR_INVALID, "%s: damaged: %s", core->name, elf_errmsg(-1));
	if (count > LOADS_MAX)
		return err_set(err, ERR_INVALID, "%s: damaged: %zu segments", core->name, count);
	core->loads = calloc(count ? count : 1, sizeof(*core->loads));
	if (!core->loads)
		return err_os(err, ENOMEM, "segments of %s", core->name);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(elf, (int)i, &phdr))
			return err_set(err, ERR_INVALID,
			               "%s: damaged: its segments lie behind its end", core->name);
		if (phdr.p_type == PT_LOAD)
			take_load(core, &phdr);
		else if (phdr.p_type == PT_NOTE &&
		         take_note_segment(core, elf, &phdr, &budget, err))
			return -1;
	}
	make_disjoint(core);
	return core_finish_notes(core, err);
}

const struct core_load *core_load_at(struct core *core, uint64_t addr)
{
	size_t lo = 0, hi = core->load_count;

	if (core->load_last < hi && addr >= core->loads[core->load_last].lo &&
	    addr < core->loads[core->load_last].hi)
		return &core->loads[core->load_last];
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (core->loads[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == core->load_count || addr < core->loads[lo].lo)
		return NULL;
	core->load_last = lo;
	return &core->loads[lo];
}

uint64_t core_next_load(const struct core *core, uint64_t addr)
{
	size_t lo = 0, hi = core->load_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (core->loads[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < core->load_count ? core->loads[lo].lo : UINT64_MAX;
}

/*
 * Private memory that is no file's, and is in the dump: so the dump did not leave out such
 * memory on request (coredump_filter), and what it left out of a mapped file is as in the file.
 */
static bool dumps_private(struct core *core)
{
	for (size_t i = 0; i < core->load_count; i++) {
		const struct core_load *load = &core->loads[i];

		if ((load->prot & PROT_WRITE) && load->dumped == load->hi - load->lo &&
		    !core_range_at(core, load->lo))
			return true;
	}
	return false;
}

/*
 * gcore says of reserved memory (PROT_NONE) that it can be read, and dumps its zeros.  What can be
 * read and never written, and is zero, is the same to everybody who looks.
 */
static void find_reserved(struct core *core)
{
	static const char zeros[4096];
	char page[sizeof(zeros)];

	for (size_t i = 0; i < core->load_count && core->by_gcore; i++) {
		struct core_load *load = &core->loads[i];

		if (load->prot == PROT_READ && !core_range_at(core, load->lo) &&
		    core_read_dumped(core, load->lo, page, sizeof(page)) == sizeof(page) &&
		    !memcmp(page, zeros, sizeof(page)))
			load->prot = 0;
	}
}

ssize_t core_pread(const struct core *core, void *buf, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got =
			pread(core->fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return done ? (ssize_t)done : -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* ---- The file ------------------------------------------------------------ */

static int check_kind(const struct core *core, Elf *elf, struct err *err)
{
	GElf_Ehdr ehdr;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		return err_set(err, ERR_INVALID, "%s: not a core file", core->name);
	if (ehdr.e_type != ET_CORE)
		return err_set(err, ERR_INVALID, "%s: not a core file, but another ELF file",
		               core->name);
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr.e_machine != MACHINE)
		return err_set(err, ERR_INVALID, "%s: a core file of another kind of machine",
		               core->name);
	return 0;
}

static int read_elf(struct core *core, struct err *err)
{
	Elf *elf;
	int ret;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ERR_INVALID, "libelf: %s", elf_errmsg(-1));
	elf = elf_begin(core->fd, ELF_C_READ, NULL);
	ret = check_kind(core, elf, err);
	if (!ret)
		ret = take_segments(core, elf, err);
	elf_end(elf);
	return ret;
}

int core_open(const char *path, struct core **ret_core, struct err *err)
{
	struct core *core = calloc(1, sizeof(*core));
	struct stat st;

	if (!core)
		return err_os(err, ENOMEM, "core file");
	core->fd = -1;
	core->name = strdup(path);
	if (!core->name) {
		core_close(core);
		return err_os(err, ENOMEM, "core file");
	}
	if (regular_file_open(path, &core->fd, &st, err)) {
		core_close(core);
		if (err->code == ERR_NOT_FOUND)
			return err_set(err, ERR_NOT_FOUND, "%s: no such file", path);
		return err_prefix(err, "%s", path);
	}
	core->size = (uint64_t)st.st_size;
	if (read_elf(core, err)) {
		core_close(core);
		return -1;
	}
	core->has_private = dumps_private(core);
	find_reserved(core);
	core_view_init(core);
	*ret_core = core;
	return 0;
}

void core_close(struct core *core)
{
	if (!core)
		return;
	core_close_paths(core);
	if (core->fd >= 0)
		close(core->fd);
	free(core->name);
	free(core->loads);
	free(core->ranges);
	free(core->paths);
	free(core->names);
	free(core->threads);
	free(core);
}

/* ---- The registry within -------------------------------------------------- */

/* Where the registry goes. */
struct copy {
	struct core *core;
	char *bytes;
	uint64_t lo;
};

/* Zeros, which is most, are not written: the copy's own pages are zero. */
static int copy_run(void *context, const struct page_run *run, struct err *err)
{
	enum { CHUNK = 1 << 16 };
	const struct copy *copy = context;
	AUTO_FREE char *chunk = malloc(CHUNK);

	if (!chunk)
		return err_os(err, ENOMEM, "registry of a core file");
	for (uint64_t at = run->lo; at < run->hi; at += CHUNK) {
		size_t want = run->hi - at < CHUNK ? (size_t)(run->hi - at) : CHUNK;
		size_t got = core_read_dumped(copy->core, at, chunk, want);

		if (got && (chunk[0] || memcmp(chunk, chunk + 1, got - 1) != 0))
			memcpy(copy->bytes + (at - copy->lo), chunk, got);
	}
	return 0;
}

int core_registry(struct core *core, struct registry **ret_registry, struct err *err)
{
	const struct core_load *load = core_load_at(core, TP_REGISTRY_ADDR);
	AUTO_FREE char *bytes = NULL;
	struct copy copy;
	uint64_t size;

	if (!load)
		return err_set(err, ERR_NO_SPACE,
		               "%s: a core file, but of no space: it has no registry", core->name);
	if (load->lo != TP_REGISTRY_ADDR || !load->filed)
		return err_set(err, ERR_REGISTRY,
		               "%s: the registry is missing (cut, or left out by coredump_filter)",
		               core->name);
	size = load->filed < TP_REGISTRY_SIZE ? load->filed : TP_REGISTRY_SIZE;
	bytes = calloc(1, size);
	if (!bytes)
		return err_os(err, ENOMEM, "registry of %s", core->name);
	copy = (struct copy){core, bytes, load->lo};
	if (core_each_data(core, load, load->lo, load->lo + size, copy_run, &copy, err))
		return -1;
	if (registry_take_bytes(TAKE_PTR(bytes), size, ret_registry, err))
		return err_prefix(err, "%s", core->name);
	return 0;
}

/* ---- Notices -------------------------------------------------------------- */

static void notice_damage(struct core *core, unsigned kind)
{
	char *text = core->notice;
	size_t size = sizeof(core->notice);

	if (kind == 0 && core->cut_loads)
		snprintf(text, size, "%.200s is cut: %zu of its segments are not whole", core->name,
		         core->cut_loads);
	if (kind == 1 && core->wrong_loads)
		snprintf(text, size, "%.200s is damaged: %zu impossible segments were left out",
		         core->name, core->wrong_loads);
	if (kind == 2 && core->notes_wrong)
		snprintf(text, size, "%.200s is damaged: notes on threads or files are missing",
		         core->name);
}

/* One for all files that are refused for the same reason. */
static void notice_paths(struct core *core)
{
	const struct core_path *first = NULL;
	char others[48] = "";
	size_t more = 0;

	for (size_t i = 0; i < core->path_count; i++) {
		struct core_path *path = &core->paths[i];

		if (path->state != CORE_PATH_REFUSED || path->noticed ||
		    (first && strcmp(path->why, first->why) != 0))
			continue;
		path->noticed = true;
		if (first)
			more++;
		else
			first = path;
	}
	if (!first)
		return;
	if (more)
		snprintf(others, sizeof(others), " and %zu other files", more);
	snprintf(core->notice, sizeof(core->notice),
	         "%.180s%s: %s; what the core lacks of that cannot be read", first->name, others,
	         first->why);
}

const char *core_notice(struct core *core)
{
	core->notice[0] = '\0';
	while (core->noticed < 3 && !*core->notice)
		notice_damage(core, core->noticed++);
	if (!*core->notice)
		notice_paths(core);
	return core->notice;
}
