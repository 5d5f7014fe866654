#include "lib/unwind/modules.h"

#include "lib/base/cleanup.h"
#include "lib/read/regular_file.h"
#include "lib/unwind/elf_image.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* What libdwfl may get to know of; more than any space has. */
#define MODULES_MAX 65536u

/* An opened file, shared by all modules that are mapped from it. */
struct file {
	Elf *elf; /* NULL: it is not there any more */
	int fd;
	bool tried;
};

/* What was read from memory, one for each module. */
struct image {
	struct image *next;
	struct elf_image *image;
};

/* A module as it was reported. */
struct module {
	struct module *next;
	struct modules *all;
	uint32_t image; /* in the registry; 0: only memory has it */
	uint64_t addr;  /* of its ELF header */
};

/* No file is mapped in more pieces than this. */
#define PIECES_MAX 64

/* How many mappings that are no module are remembered. */
#define STRANGERS 64

struct modules {
	const struct target *target;
	Dwfl *dwfl;
	struct file *files; /* one for each image of the snapshot */
	struct image *images;
	struct module *list;
	unsigned count;
	uint64_t strangers[STRANGERS]; /* first addresses of mappings; the oldest is replaced */
	unsigned stranger_next;
};

/* ---- Files --------------------------------------------------------------- */

static bool same_build_id(Elf *elf, const struct tp_image *image)
{
	const void *bytes;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &bytes);

	return len > 0 && (size_t)len == image->build_id_len &&
	       !memcmp(bytes, image->build_id, (size_t)len);
}

static bool same_file(const struct stat *st, const struct tp_image *image)
{
	return st->st_ino == image->ino && (uint64_t)st->st_size == image->size &&
	       st->st_mtim.tv_sec == image->mtime_sec && st->st_mtim.tv_nsec == image->mtime_nsec;
}

/* The file is read, not mapped: one that shrinks must not kill us. */
static Elf *open_version(const struct reg_image *image, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	struct err err;
	Elf *elf;

	if (regular_file_open(image->path, &fd, &st, &err))
		return NULL;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF &&
	    (same_file(&st, &image->abi) || same_build_id(elf, &image->abi))) {
		*ret_fd = TAKE_FD(fd);
		return elf;
	}
	elf_end(elf);
	return NULL;
}

static Elf *file_elf(struct modules *modules, uint32_t index)
{
	const struct reg_image *image = snapshot_image(modules->target->snapshot, index);
	struct file *file;

	if (!image)
		return NULL;
	file = &modules->files[index];
	if (!file->tried)
		file->elf = open_version(image, &file->fd);
	file->tried = true;
	return file->elf;
}

static Elf *memory_elf(struct modules *modules, uint64_t addr)
{
	struct image *image;
	struct err err;

	if (!modules->target->mem)
		return NULL;
	image = calloc(1, sizeof(*image));
	if (!image)
		return NULL;
	if (elf_image_read(modules->target->mem, addr, &image->image, &err)) {
		free(image);
		return NULL;
	}
	image->next = modules->images;
	modules->images = image;
	return elf_image_elf(image->image);
}

/* ---- Callbacks of libdwfl ------------------------------------------------ */

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
                    char **file_name, Elf **ret_elf)
{
	struct module *module = *userdata;
	Elf *elf = file_elf(module->all, module->image);

	if (!elf)
		elf = memory_elf(module->all, module->addr);
	/* a reference for libdwfl, which ends it */
	*ret_elf = elf ? elf_begin(-1, ELF_C_READ, elf) : NULL;
	return -1;
}

/* Unwind information of the file itself is enough. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
                          const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	return -1;
}

/* ---- Reporting ----------------------------------------------------------- */

/* Overlapping modules must not come from a hostile link map: each lies where its owner may. */
static bool is_within_owner(const struct snapshot *snapshot, const struct reg_threadproc *tp,
                            uint64_t lo, uint64_t hi)
{
	return lo < hi && registry_owner(snapshot, lo).tp == tp &&
	       registry_owner(snapshot, hi - 1).tp == tp;
}

static int report(struct modules *modules, uint32_t image, uint64_t lo, uint64_t hi,
                  struct err *err)
{
	struct module *module;
	void **userdata;
	Dwfl_Module *mod;
	char name[32];

	if (modules->count == MODULES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u modules", MODULES_MAX);
	module = calloc(1, sizeof(*module));
	if (!module)
		return err_os(err, ENOMEM, "module");
	*module = (struct module){modules->list, modules, image, lo};
	modules->list = module;
	modules->count++;
	/* libdwfl takes modules of one name and place for one module */
	snprintf(name, sizeof(name), "%u", modules->count);
	mod = dwfl_report_module(modules->dwfl, name, lo, hi);
	if (!mod)
		return err_set(err, ERR_OS, "cannot note a module: %s", dwfl_errmsg(-1));
	dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = module;
	return 0;
}

static int report_threadproc(struct modules *modules, const struct reg_threadproc *tp,
                             struct err *err)
{
	const struct snapshot *snapshot = modules->target->snapshot;

	for (size_t i = 0; i < tp->module_count; i++) {
		const struct tp_module *abi = &tp->modules[i].abi;
		const struct reg_image *image = snapshot_image(snapshot, abi->image);
		uint64_t lo, hi;

		if (!image)
			continue;
		lo = abi->bias + image->abi.vaddr_lo;
		hi = abi->bias + image->abi.vaddr_hi;
		if (is_within_owner(snapshot, tp, lo, hi) &&
		    report(modules, abi->image, lo, hi, err))
			return -1;
	}
	return 0;
}

/* The kernel's own code; it says itself how long it is. */
static int report_vdso(struct modules *modules, struct err *err)
{
	const uint64_t vdso = modules->target->snapshot->header.vdso;
	struct mapping mapping;
	struct err ignored;

	if (!vdso || !modules->target->maps ||
	    maps_find(modules->target->maps, vdso, &mapping, &ignored))
		return 0;
	return report(modules, 0, mapping.lo, mapping.hi, err);
}

static int report_all(struct modules *modules, struct err *err)
{
	const struct snapshot *snapshot = modules->target->snapshot;
	const struct tp_registry *h = &snapshot->header;

	dwfl_report_begin(modules->dwfl);
	for (size_t i = 1; i < snapshot->threadproc_count; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		/* the last moment of one that crashed is on record, and its files tell the rest */
		if ((reg_threadproc_lives(tp) || tp->crash) && report_threadproc(modules, tp, err))
			return -1;
	}
	if (h->agent_lo < h->agent_hi && report(modules, 0, h->agent_lo, h->agent_hi, err))
		return -1;
	if (report_vdso(modules, err))
		return -1;
	dwfl_report_end(modules->dwfl, NULL, NULL);
	return 0;
}

/* ---- Mapped files -------------------------------------------------------- */

static bool is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->ino == b->ino && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* Goes over neighbours of the same file, to the mapping that begins with the file's header. */
static bool find_header(struct maps *maps, struct mapping *mapping)
{
	struct mapping before;
	struct err err;

	for (int i = 0; i < PIECES_MAX && mapping->offset; i++) {
		if (maps_find(maps, mapping->lo - 1, &before, &err) ||
		    !is_same_file(mapping, &before))
			return false;
		*mapping = before;
	}
	return !mapping->offset;
}

static void report_mapping(struct modules *modules, const struct mapping *mapping)
{
	struct mapping header = *mapping;
	struct err err;

	if (mapping->path[0] != '/' || !mapping->ino || !(mapping->prot & PROT_EXEC) ||
	    !find_header(modules->target->maps, &header))
		return;
	dwfl_report_begin_add(modules->dwfl);
	report(modules, 0, header.lo, mapping->hi, &err);
	dwfl_report_end(modules->dwfl, NULL, NULL);
}

static bool is_stranger(const struct modules *modules, uint64_t lo)
{
	for (size_t i = 0; i < STRANGERS; i++) {
		if (modules->strangers[i] == lo)
			return true;
	}
	return false;
}

Dwfl_Module *modules_at(struct modules *modules, uint64_t addr)
{
	Dwfl_Module *found = dwfl_addrmodule(modules->dwfl, addr);
	struct mapping mapping;
	struct err err;

	if (found || !modules->target->maps ||
	    maps_find(modules->target->maps, addr, &mapping, &err) ||
	    is_stranger(modules, mapping.lo))
		return found;
	report_mapping(modules, &mapping);
	modules->strangers[modules->stranger_next++ % STRANGERS] = mapping.lo;
	return dwfl_addrmodule(modules->dwfl, addr);
}

/* -------------------------------------------------------------------------- */

int modules_create(const struct target *target, struct modules **ret_modules, struct err *err)
{
	static const Dwfl_Callbacks callbacks = {.find_elf = find_elf,
	                                         .find_debuginfo = find_debuginfo};
	struct modules *modules = calloc(1, sizeof(*modules));

	if (!modules)
		return err_os(err, ENOMEM, "modules");
	elf_version(EV_CURRENT);
	modules->target = target;
	modules->files = calloc(target->snapshot->image_count + 1, sizeof(*modules->files));
	modules->dwfl = modules->files ? dwfl_begin(&callbacks) : NULL;
	if (!modules->dwfl) {
		modules_destroy(modules);
		return err_os(err, ENOMEM, "modules");
	}
	if (report_all(modules, err)) {
		modules_destroy(modules);
		return -1;
	}
	*ret_modules = modules;
	return 0;
}

static void close_files(struct modules *modules)
{
	for (size_t i = 0; modules->files && i < modules->target->snapshot->image_count; i++) {
		if (!modules->files[i].elf)
			continue;
		elf_end(modules->files[i].elf);
		close(modules->files[i].fd);
	}
	free(modules->files);
}

void modules_destroy(struct modules *modules)
{
	if (!modules)
		return;
	dwfl_end(modules->dwfl);
	close_files(modules);
	while (modules->images) {
		struct image *image = modules->images;

		modules->images = image->next;
		elf_image_destroy(image->image);
		free(image);
	}
	while (modules->list) {
		struct module *module = modules->list;

		modules->list = module->next;
		free(module);
	}
	free(modules);
}

Dwfl *modules_dwfl(const struct modules *modules)
{
	return modules->dwfl;
}

/* ---- What is in a file --------------------------------------------------- */

static size_t read_segment(Elf *elf, const GElf_Phdr *segment, uint64_t vaddr, void *buf, size_t len)
{
	Elf_Data *data;

	if (segment->p_type != PT_LOAD || vaddr < segment->p_vaddr ||
	    vaddr - segment->p_vaddr >= segment->p_filesz)
		return 0;
	if (len > segment->p_filesz - (vaddr - segment->p_vaddr))
		len = segment->p_filesz - (vaddr - segment->p_vaddr);
	/* libelf sees to it that the file has that much */
	data = elf_getdata_rawchunk(elf, (int64_t)(segment->p_offset + vaddr - segment->p_vaddr),
	                            len, ELF_T_BYTE);
	if (!data || data->d_size < len)
		return 0;
	memcpy(buf, data->d_buf, len);
	return len;
}

size_t modules_read(struct modules *modules, uint64_t addr, void *buf, size_t len)
{
	Dwfl_Module *module = modules_at(modules, addr);
	size_t count, got = 0;
	GElf_Phdr segment;
	GElf_Addr bias;
	Elf *elf;

	elf = module ? dwfl_module_getelf(module, &bias) : NULL;
	if (!elf || elf_getphdrnum(elf, &count))
		return 0;
	for (size_t i = 0; i < count && i < PIECES_MAX && !got; i++) {
		if (gelf_getphdr(elf, (int)i, &segment))
			got = read_segment(elf, &segment, addr - bias, buf, len);
	}
	return got;
}
