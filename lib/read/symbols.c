#include "lib/read/symbols.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/regular_file.h"
#include "lib/read/symbol_index.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load {
	uint64_t offset;
	uint64_t vaddr;
	uint64_t filesz;
};

struct part {
	struct section section;
	uint16_t shndx;
};

struct symbols {
	int fd; /* -1: bytes */
	void *bytes;
	Elf *elf;
	struct file_version version;
	struct symbol_index index;
	struct part *sections; /* those that are loaded, ascending */
	size_t section_count;
	struct load *loads;
	size_t load_count;
};

static int invalid(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "%s: %s", what, elf_errmsg(-1));
}

/* ---- Sections and segments ----------------------------------------------- */

static int by_addr(const void *a, const void *b)
{
	const struct section *x = &((const struct part *)a)->section;
	const struct section *y = &((const struct part *)b)->section;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return 0;
}

/* Whether the section takes up addresses of its own (.tbss shows some and has none). */
static bool is_loaded(const GElf_Shdr *shdr)
{
	return (shdr->sh_flags & SHF_ALLOC) && shdr->sh_size &&
	       shdr->sh_addr + shdr->sh_size > shdr->sh_addr &&
	       !((shdr->sh_flags & SHF_TLS) && shdr->sh_type == SHT_NOBITS);
}

static int index_sections(struct symbols *s, struct err *err)
{
	size_t count, names;
	Elf_Scn *scn = NULL;

	if (elf_getshdrnum(s->elf, &count) || !count)
		return 0; /* stripped of its section headers: legal */
	if (elf_getshdrstrndx(s->elf, &names))
		return 0;
	s->sections = calloc(count, sizeof(*s->sections));
	if (!s->sections)
		return err_os(err, ENOMEM, "sections");
	while ((scn = elf_nextscn(s->elf, scn)) && s->section_count < count) {
		struct part *part = &s->sections[s->section_count];
		const char *name;
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr) || !is_loaded(&shdr))
			continue;
		name = elf_strptr(s->elf, names, shdr.sh_name);
		part->section = (struct section){name ? name : "", shdr.sh_addr, shdr.sh_size};
		part->shndx = (uint16_t)elf_ndxscn(scn);
		s->section_count++;
	}
	qsort(s->sections, s->section_count, sizeof(*s->sections), by_addr);
	return 0;
}

static const struct part *part_at(const struct symbols *s, uint64_t vaddr)
{
	size_t lo = 0, hi = s->section_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->sections[mid].section.addr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || vaddr - s->sections[lo - 1].section.addr >= s->sections[lo - 1].section.size)
		return NULL;
	return &s->sections[lo - 1];
}

bool symbols_section(const struct symbols *symbols, uint64_t vaddr, struct section *ret_section)
{
	const struct part *part = part_at(symbols, vaddr);

	if (!part)
		return false;
	*ret_section = part->section;
	return true;
}

static int index_loads(struct symbols *s, struct err *err)
{
	size_t count;

	if (elf_getphdrnum(s->elf, &count) || !count)
		return 0;
	s->loads = calloc(count, sizeof(*s->loads));
	if (!s->loads)
		return err_os(err, ENOMEM, "segments");
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(s->elf, (int)i, &phdr) || phdr.p_type != PT_LOAD)
			continue;
		s->loads[s->load_count++] =
			(struct load){phdr.p_offset, phdr.p_vaddr, phdr.p_filesz};
	}
	return 0;
}

bool symbols_vaddr_of_offset(const struct symbols *symbols, uint64_t offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < symbols->load_count; i++) {
		const struct load *load = &symbols->loads[i];

		if (offset >= load->offset && offset - load->offset < load->filesz) {
			*ret_vaddr = load->vaddr + (offset - load->offset);
			return true;
		}
	}
	return false;
}

/* ---- Build-id ------------------------------------------------------------ */

const struct file_version *symbols_version(const struct symbols *symbols)
{
	return &symbols->version;
}

bool file_version_same(const struct file_version *a, const struct file_version *b)
{
	if (a->build_id_len && b->build_id_len)
		return a->build_id_len == b->build_id_len &&
		       !memcmp(a->build_id, b->build_id, a->build_id_len);
	return a->size == b->size && a->mtime_sec == b->mtime_sec && a->mtime_nsec == b->mtime_nsec;
}

/* ---- Symbols ------------------------------------------------------------- */

bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol *ret_symbol)
{
	const struct part *part = part_at(symbols, vaddr);

	return symbol_index_find(&symbols->index, vaddr, part ? part->shndx : SHN_UNDEF,
	                         ret_symbol);
}

/* ---- Opening ------------------------------------------------------------- */

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	if (symbols->elf)
		elf_end(symbols->elf);
	if (symbols->fd >= 0)
		close(symbols->fd);
	free(symbols->bytes);
	symbol_index_deinit(&symbols->index);
	free(symbols->sections);
	free(symbols->loads);
	free(symbols);
}

static int create(struct symbols **ret_symbols, struct err *err)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return err_os(err, ENOMEM, "symbols");
	s->fd = -1;
	*ret_symbols = s;
	return 0;
}

/* Reads everything from s->elf, or closes s. */
static int load(struct symbols *s, struct symbols **ret_symbols, struct err *err)
{
	GElf_Ehdr ehdr;

	if (!s->elf || elf_kind(s->elf) != ELF_K_ELF || !gelf_getehdr(s->elf, &ehdr)) {
		invalid(err, "not an ELF file");
		goto fail;
	}
	s->version.build_id_len = debug_file_build_id(s->elf, s->version.build_id);
	if (index_sections(s, err) || index_loads(s, err) ||
	    symbol_index_init(&s->index, s->elf, err))
		goto fail;
	*ret_symbols = s;
	return 0;
fail:
	symbols_close(s);
	return -1;
}

int symbols_open(const char *path, struct symbols **ret_symbols, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct symbols *s = NULL;
	struct stat st;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return invalid(err, "libelf");
	if (regular_file_open(path, &fd, &st, err) || create(&s, err))
		return -1;
	s->fd = TAKE_FD(fd);
	s->version = (struct file_version){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_sec = st.st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec,
	};
	s->elf = elf_begin(s->fd, ELF_C_READ, NULL);
	return load(s, ret_symbols, err);
}

int symbols_open_bytes(const void *bytes, size_t len, struct symbols **ret_symbols, struct err *err)
{
	struct symbols *s = NULL;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return invalid(err, "libelf");
	if (create(&s, err))
		return -1;
	s->bytes = malloc(len ? len : 1);
	if (!s->bytes) {
		symbols_close(s);
		return err_os(err, ENOMEM, "image of %zu bytes", len);
	}
	if (len)
		memcpy(s->bytes, bytes, len);
	s->elf = elf_memory(s->bytes, len);
	return load(s, ret_symbols, err);
}
