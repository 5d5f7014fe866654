#include "lib/read/symbols.h"

#include "lib/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
	uint64_t value;
	uint64_t size;
	uint64_t reach; /* the furthest end of this and all entries before it */
	const char *name;
	uint32_t order; /* place in the symbol table */
	uint16_t shndx;
	uint8_t bind;
};

/* Entries ascending by value; of the same value, in the table's order. */
struct index {
	struct entry *entries;
	size_t count;
};

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
	struct index globals; /* and weak ones */
	struct index locals;
	struct part *sections; /* those that are loaded, ascending */
	size_t section_count;
	struct load *loads;
	size_t load_count;
};

static int invalid(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "%s: %s", what, elf_errmsg(-1));
}

/* ---- Sections and segments ------------------------------------------------------- */

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

/* ---- Build-id --------------------------------------------------------------------- */

static bool take_build_id(struct symbols *s, Elf_Data *data)
{
	GElf_Nhdr note;
	size_t at = 0, name_at, desc_at;

	if (!data || !data->d_buf)
		return false;
	while ((at = gelf_getnote(data, at, &note, &name_at, &desc_at))) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) ||
		    memcmp((char *)data->d_buf + name_at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)))
			continue;
		if (!note.n_descsz || note.n_descsz > TP_BUILD_ID_SIZE)
			continue;
		memcpy(s->version.build_id, (char *)data->d_buf + desc_at, note.n_descsz);
		s->version.build_id_len = note.n_descsz;
		return true;
	}
	return false;
}

static void find_build_id(struct symbols *s)
{
	size_t count = 0;

	elf_getphdrnum(s->elf, &count);
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(s->elf, (int)i, &phdr) || phdr.p_type != PT_NOTE)
			continue;
		if (take_build_id(
			    s, elf_getdata_rawchunk(s->elf, (int64_t)phdr.p_offset, phdr.p_filesz,
		                                    phdr.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)))
			return;
	}
}

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

/* ---- Symbols ------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return 0;
}

static void sort_index(struct index *index)
{
	uint64_t reach = 0;

	if (index->count)
		qsort(index->entries, index->count, sizeof(*index->entries), by_value);
	for (size_t i = 0; i < index->count; i++) {
		struct entry *entry = &index->entries[i];
		uint64_t end = entry->value + entry->size;

		if (end < entry->value)
			end = UINT64_MAX;
		if (end > reach)
			reach = end;
		entry->reach = reach;
	}
}

/* .symtab if there is one, else .dynsym; NULL for none. */
static Elf_Scn *find_table(Elf *elf, GElf_Shdr *shdr)
{
	Elf_Scn *found = NULL;
	Elf_Scn *scn = NULL;
	GElf_Shdr this;

	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &this))
			continue;
		if (this.sh_type == SHT_SYMTAB || (this.sh_type == SHT_DYNSYM && !found)) {
			*shdr = this;
			found = scn;
		}
		if (this.sh_type == SHT_SYMTAB)
			break;
	}
	return found;
}

/* Whether it names a place in the program's memory. */
static bool is_place(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
	       sym->st_shndx != SHN_COMMON && type != STT_SECTION && type != STT_FILE &&
	       type != STT_TLS;
}

static void add_entry(struct symbols *s, const GElf_Sym *sym, const char *name, uint32_t order)
{
	unsigned bind = GELF_ST_BIND(sym->st_info);
	struct index *index = bind == STB_LOCAL ? &s->locals : &s->globals;

	index->entries[index->count++] = (struct entry){
		.value = sym->st_value,
		.size = sym->st_size,
		.name = name,
		.order = order,
		.shndx = sym->st_shndx,
		.bind = (uint8_t)bind,
	};
}

static int index_symbols(struct symbols *s, struct err *err)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_table(s->elf, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t count;

	if (!data || !data->d_buf || !shdr.sh_entsize)
		return 0;
	/* d_size is what the file really has of it */
	count = data->d_size / gelf_fsize(s->elf, ELF_T_SYM, 1, EV_CURRENT);
	if (count > INT32_MAX)
		return err_set(err, ERR_INVALID, "%zu symbols", count);
	s->globals.entries = calloc(count + 1, sizeof(struct entry));
	s->locals.entries = calloc(count + 1, sizeof(struct entry));
	if (!s->globals.entries || !s->locals.entries)
		return err_os(err, ENOMEM, "%zu symbols", count);
	for (size_t i = 1; i < count; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) || !is_place(&sym))
			continue;
		name = elf_strptr(s->elf, shdr.sh_link, sym.st_name);
		if (name && *name)
			add_entry(s, &sym, name, (uint32_t)i);
	}
	sort_index(&s->globals);
	sort_index(&s->locals);
	return 0;
}

static unsigned bind_rank(const struct entry *entry)
{
	switch (entry->bind) {
	case STB_GLOBAL:
	case STB_GNU_UNIQUE:
		return 3;
	case STB_WEAK:
		return 2;
	default:
		return 1;
	}
}

/* Of two that begin at the same address and cover it: the tighter one, unless it binds less. */
static bool is_better(const struct entry *entry, const struct entry *best)
{
	if (entry->size != best->size)
		return entry->size < best->size && bind_rank(entry) >= bind_rank(best);
	return bind_rank(entry) > bind_rank(best);
}

/* Index of the first entry whose value is above vaddr. */
static size_t upper(const struct index *index, uint64_t vaddr)
{
	size_t lo = 0, hi = index->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (index->entries[mid].value <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct entry *find_sized(const struct index *index, uint64_t vaddr)
{
	const struct entry *best = NULL;
	size_t i = upper(index, vaddr);

	/* Backwards, while any entry so far reaches past vaddr. */
	while (i > 0 && index->entries[i - 1].reach > vaddr) {
		const struct entry *entry = &index->entries[--i];

		if (best && entry->value < best->value)
			break;
		if (!entry->size || vaddr - entry->value >= entry->size)
			continue;
		/* Equals come in reverse order here: the first of the table wins. */
		if (!best || !is_better(best, entry))
			best = entry;
	}
	return best;
}

/* Labels of hand-written assembly: no size, and no sized symbol ends above them. */
static const struct entry *find_sizeless(const struct index *index, uint64_t vaddr, uint64_t floor,
                                         uint16_t shndx)
{
	const struct entry *best = NULL;

	for (size_t i = upper(index, vaddr); i > 0;) {
		const struct entry *entry = &index->entries[--i];

		if (entry->value < floor || (best && entry->value < best->value))
			break;
		if (!entry->size && entry->shndx == shndx &&
		    (!best || bind_rank(entry) >= bind_rank(best)))
			best = entry;
	}
	return best;
}

/* The furthest end of the symbols that begin at or below vaddr. */
static uint64_t reach_at(const struct index *index, uint64_t vaddr)
{
	size_t i = upper(index, vaddr);

	return i ? index->entries[i - 1].reach : 0;
}

bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol *ret_symbol)
{
	const struct part *part = part_at(symbols, vaddr);
	const struct entry *found = find_sized(&symbols->globals, vaddr);

	if (!found)
		found = find_sized(&symbols->locals, vaddr);
	if (!found && part) {
		uint64_t floor = reach_at(&symbols->globals, vaddr);
		uint64_t floor_locals = reach_at(&symbols->locals, vaddr);

		if (floor_locals > floor)
			floor = floor_locals;
		found = find_sizeless(&symbols->globals, vaddr, floor, part->shndx);
		if (!found)
			found = find_sizeless(&symbols->locals, vaddr, floor, part->shndx);
	}
	if (!found)
		return false;
	*ret_symbol = (struct symbol){found->name, found->value, found->size};
	return true;
}

/* ---- Opening -------------------------------------------------------------------------- */

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	if (symbols->elf)
		elf_end(symbols->elf);
	if (symbols->fd >= 0)
		close(symbols->fd);
	free(symbols->bytes);
	free(symbols->globals.entries);
	free(symbols->locals.entries);
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
	find_build_id(s);
	if (index_sections(s, err) || index_loads(s, err) || index_symbols(s, err))
		goto fail;
	*ret_symbols = s;
	return 0;
fail:
	symbols_close(s);
	return -1;
}

static int open_file(const char *path, int *ret_fd, struct stat *st, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	/* Looked at before it is opened: opening a device can have effects. */
	AUTO_CLOSE int handle = open(path, O_PATH | O_CLOEXEC);
	char self[64];

	if (handle < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "the file is gone");
	if (handle < 0 || fstat(handle, st))
		return err_os(err, errno, "cannot look at the file");
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_INVALID, "not a regular file");
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open the file");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int symbols_open(const char *path, struct symbols **ret_symbols, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct symbols *s;
	struct stat st;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return invalid(err, "libelf");
	if (open_file(path, &fd, &st, err) || create(&s, err))
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
	struct symbols *s;

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
