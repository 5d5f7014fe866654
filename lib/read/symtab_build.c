#include "lib/read/symtab_build.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/debugdata.h"
#include "lib/read/symtab_ranges.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* What the block is put together from. */
struct builder {
	struct symtab_header header; /* counts grow with the arrays */
	struct symtab_load *loads;
	struct symtab_section *sections;
	struct symtab_symbol *symbols;
	struct symtab_candidate *candidates;
	size_t candidate_count;
	struct symtab_range *ranges;
	char *names; /* header.names_size bytes */
};

static void builder_deinit(struct builder *b)
{
	free(b->loads);
	free(b->sections);
	free(b->symbols);
	free(b->candidates);
	free(b->ranges);
	free(b->names);
}

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "symbols");
}

/* ---- Names --------------------------------------------------------------- */

/* Appends bytes and a NUL; *ret_at is where they are. */
static int add_names(struct builder *b, const char *bytes, size_t len, uint32_t *ret_at,
                     struct err *err)
{
	uint32_t at = b->header.names_size;
	char *grown;

	if (len >= SYMTAB_NAMES_MAX - at)
		return err_set(err, ERR_LIMIT, "names of symbols: %zu bytes", len);
	grown = realloc(b->names, at + len + 1);
	if (!grown)
		return no_memory(err);
	if (len)
		memcpy(grown + at, bytes, len);
	grown[at + len] = '\0';
	b->names = grown;
	b->header.names_size = at + (uint32_t)len + 1;
	*ret_at = at;
	return 0;
}

static int add_name(struct builder *b, const char *name, uint32_t *ret_at, struct err *err)
{
	*ret_at = 0;
	return name ? add_names(b, name, strlen(name), ret_at, err) : 0;
}

/* ---- Segments and sections ----------------------------------------------- */

static int add_loads(struct builder *b, Elf *elf, struct err *err)
{
	size_t count;

	if (elf_getphdrnum(elf, &count) || !count)
		return 0;
	if (count > SYMTAB_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT, "%zu segments", count);
	b->loads = calloc(count, sizeof(*b->loads));
	if (!b->loads)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD)
			continue;
		b->loads[b->header.load_count++] =
			(struct symtab_load){phdr.p_offset, phdr.p_vaddr, phdr.p_filesz};
	}
	return 0;
}

/* Whether the section takes up addresses of its own (.tbss shows some and has none). */
static bool is_loaded(const GElf_Shdr *shdr)
{
	return (shdr->sh_flags & SHF_ALLOC) && shdr->sh_size &&
	       shdr->sh_addr + shdr->sh_size > shdr->sh_addr &&
	       !((shdr->sh_flags & SHF_TLS) && shdr->sh_type == SHT_NOBITS);
}

static int by_addr(const void *a, const void *b)
{
	const struct symtab_section *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int add_sections(struct builder *b, Elf *elf, struct err *err)
{
	Elf_Scn *scn = NULL;
	size_t count, names;

	if (elf_getshdrnum(elf, &count) || !count || elf_getshdrstrndx(elf, &names))
		return 0; /* stripped of its section headers: legal */
	if (count > SYMTAB_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT, "%zu sections", count);
	b->sections = calloc(count, sizeof(*b->sections));
	if (!b->sections)
		return no_memory(err);
	while ((scn = elf_nextscn(elf, scn)) && b->header.section_count < count) {
		struct symtab_section *section = &b->sections[b->header.section_count];
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr) || !is_loaded(&shdr))
			continue;
		if (add_name(b, elf_strptr(elf, names, shdr.sh_name), &section->name, err))
			return -1;
		section->addr = shdr.sh_addr;
		section->size = shdr.sh_size;
		b->header.section_count++;
	}
	qsort(b->sections, b->header.section_count, sizeof(*b->sections), by_addr);
	return 0;
}

/* ---- Symbols ------------------------------------------------------------- */

/* NULL when the file has no table of that type. */
static Elf_Scn *find_table(Elf *elf, GElf_Word type, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, shdr) && shdr->sh_type == type && shdr->sh_entsize)
			return scn;
	}
	return NULL;
}

/* Whether it names a place in the program's memory, or in each thread's. */
static bool is_place(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
	       sym->st_shndx != SHN_COMMON && type != STT_SECTION && type != STT_FILE;
}

static uint8_t rank_of(unsigned bind)
{
	switch (bind) {
	case STB_GLOBAL:
	case STB_GNU_UNIQUE:
		return SYMTAB_RANK_GLOBAL;
	case STB_WEAK:
		return SYMTAB_RANK_WEAK;
	default:
		return SYMTAB_RANK_LOCAL;
	}
}

/* Where a label in its section ends to count; outside of it, it means one address ("_end"). */
static uint64_t bound_of(Elf *elf, const GElf_Sym *sym)
{
	Elf_Scn *scn = sym->st_shndx < SHN_LORESERVE ? elf_getscn(elf, sym->st_shndx) : NULL;
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || sym->st_value < shdr.sh_addr ||
	    sym->st_value - shdr.sh_addr >= shdr.sh_size)
		return sym->st_value + 1 > sym->st_value ? sym->st_value + 1 : sym->st_value;
	return shdr.sh_addr + shdr.sh_size;
}

static void add_symbol(struct builder *b, Elf *elf, const GElf_Sym *sym, uint32_t name)
{
	unsigned bind = GELF_ST_BIND(sym->st_info);
	unsigned type = GELF_ST_TYPE(sym->st_info);
	uint32_t index = b->header.symbol_count++;
	struct symtab_candidate *c = &b->candidates[b->candidate_count];

	b->symbols[index] = (struct symtab_symbol){
		.value = sym->st_value,
		.size = sym->st_size,
		.name = name,
		.bind = (uint8_t)bind,
		.type = (uint8_t)type,
	};
	if (type == STT_TLS)
		return;
	*c = (struct symtab_candidate){
		.value = sym->st_value,
		.end = sym->st_value + sym->st_size,
		.index = index,
		.rank = rank_of(bind),
	};
	if (c->end < c->value)
		c->end = UINT64_MAX;
	if (!sym->st_size)
		c->bound = bound_of(elf, sym);
	b->candidate_count++;
}

static int make_room(struct builder *b, size_t more, struct err *err)
{
	size_t count = b->header.symbol_count + more;
	void *grown;

	if (more > SYMTAB_SYMBOLS_MAX || count > SYMTAB_SYMBOLS_MAX)
		return err_set(err, ERR_LIMIT, "%zu symbols", more);
	grown = reallocarray(b->symbols, count + 1, sizeof(*b->symbols));
	if (!grown)
		return no_memory(err);
	b->symbols = grown;
	grown = reallocarray(b->candidates, count + 1, sizeof(*b->candidates));
	if (!grown)
		return no_memory(err);
	b->candidates = grown;
	return 0;
}

/* The strings of a table, whole; what is no sound string section has none. */
static const Elf_Data *strings_of(Elf *elf, const GElf_Shdr *table)
{
	Elf_Scn *scn = elf_getscn(elf, table->sh_link);
	const Elf_Data *data;
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_STRTAB ||
	    shdr.sh_size > SYMTAB_NAMES_MAX)
		return NULL;
	data = elf_rawdata(scn, NULL);
	return data && data->d_buf ? data : NULL;
}

/* Whether the file had such a table. */
static int add_table(struct builder *b, Elf *elf, GElf_Word type, bool *ret_had, struct err *err)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_table(elf, type, &shdr);
	const Elf_Data *strings = scn ? strings_of(elf, &shdr) : NULL;
	Elf_Data *data = NULL;
	uint32_t names;
	size_t count;

	*ret_had = false;
	/* its size counts before libelf makes room for it */
	if (strings && shdr.sh_size / sizeof(Elf32_Sym) <= 2 * (uint64_t)SYMTAB_SYMBOLS_MAX)
		data = elf_getdata(scn, NULL);
	if (!data || !data->d_buf)
		return 0;
	/* d_size is what the file really has of it */
	count = data->d_size / gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	if (make_room(b, count, err) || add_names(b, strings->d_buf, strings->d_size, &names, err))
		return -1;
	for (size_t i = 1; i < count; i++) {
		GElf_Sym sym;

		if (gelf_getsym(data, (int)i, &sym) && is_place(&sym) &&
		    sym.st_name < strings->d_size && ((char *)strings->d_buf)[sym.st_name])
			add_symbol(b, elf, &sym, names + sym.st_name);
	}
	*ret_had = true;
	return 0;
}

/* ---- Where symbols come from --------------------------------------------- */

static int from_debug_file(struct builder *b, Elf *elf, const char *path, bool *ret_had,
                           struct err *err)
{
	struct debug_query query = {
		.path = path,
		.build_id = b->header.build_id,
		.build_id_len = b->header.build_id_len,
		.debuglink = debug_file_link(elf),
	};
	AUTO_FREE char *found = NULL;
	AUTO_CLOSE int fd = -1;
	struct err ignored;
	Elf *debug;
	int ret;

	*ret_had = false;
	if (add_name(b, query.debuglink, &b->header.debuglink, err))
		return -1;
	if (debug_file_find(&query, &fd, &found, &ignored))
		return 0;
	debug = elf_begin(fd, ELF_C_READ, NULL);
	ret = debug ? add_table(b, debug, SHT_SYMTAB, ret_had, err) : 0;
	elf_end(debug);
	if (ret || !*ret_had)
		return ret;
	return add_name(b, found, &b->header.debug_path, err);
}

static Elf_Data *find_debugdata(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_PROGBITS)
			continue;
		name = elf_strptr(elf, names, shdr.sh_name);
		if (name && !strcmp(name, ".gnu_debugdata"))
			return elf_rawdata(scn, NULL);
	}
	return NULL;
}

static int from_debugdata(struct builder *b, Elf *elf, bool *ret_had, struct err *err)
{
	Elf_Data *data = find_debugdata(elf);
	AUTO_FREE char *bytes = NULL;
	Elf *inner;
	size_t len;
	int ret;

	*ret_had = false;
	if (data && data->d_buf)
		bytes = debugdata_unpack(data->d_buf, data->d_size, &len);
	if (!bytes)
		return 0;
	inner = elf_memory(bytes, len);
	ret = inner ? add_table(b, inner, SHT_SYMTAB, ret_had, err) : 0;
	elf_end(inner);
	return ret;
}

static int add_all_symbols(struct builder *b, Elf *elf, const struct symtab_origin *origin,
                           struct err *err)
{
	bool had, had_dynsym;

	if (add_table(b, elf, SHT_SYMTAB, &had, err) ||
	    add_name(b, origin->debug_path, &b->header.debug_path, err))
		return -1;
	if (had) {
		b->header.source = origin->debug_path ? SYMTAB_FROM_DEBUG_FILE : SYMTAB_FROM_SYMTAB;
		return 0;
	}
	if (origin->path && from_debug_file(b, elf, origin->path, &had, err))
		return -1;
	if (had) {
		b->header.source = SYMTAB_FROM_DEBUG_FILE;
		return 0;
	}
	if (add_table(b, elf, SHT_DYNSYM, &had_dynsym, err) || from_debugdata(b, elf, &had, err))
		return -1;
	b->header.source = had          ? SYMTAB_FROM_DEBUGDATA
	                   : had_dynsym ? SYMTAB_FROM_DYNSYM
	                                : SYMTAB_FROM_NOTHING;
	return 0;
}

/* ---- The block ----------------------------------------------------------- */

static char *append(char *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

static void append_ranges(struct builder *b, char **at)
{
	for (uint32_t i = 0; i < b->header.range_count; i++)
		*at = append(*at, &b->ranges[i].start, sizeof(b->ranges[i].start));
	for (uint32_t i = 0; i < b->header.range_count; i++)
		*at = append(*at, &b->ranges[i].owner, sizeof(b->ranges[i].owner));
}

static int put_together(struct builder *b, void **ret_block, struct err *err)
{
	struct symtab_header *h = &b->header;
	char *block, *at;

	h->magic = SYMTAB_MAGIC;
	h->version = SYMTAB_VERSION;
	h->size = symtab_size(h);
	block = malloc(h->size);
	if (!block)
		return no_memory(err);
	at = append(block, h, sizeof(*h));
	at = append(at, b->loads, h->load_count * sizeof(*b->loads));
	at = append(at, b->sections, h->section_count * sizeof(*b->sections));
	at = append(at, b->symbols, h->symbol_count * sizeof(*b->symbols));
	append_ranges(b, &at);
	append(at, b->names, h->names_size);
	symtab_seal(block);
	*ret_block = block;
	return 0;
}

static int build(struct builder *b, Elf *elf, const struct symtab_origin *origin, struct err *err)
{
	uint32_t nothing;
	size_t ranges;

	b->header.build_id_len = debug_file_build_id(elf, b->header.build_id);
	if (add_names(b, NULL, 0, &nothing, err) || add_loads(b, elf, err) ||
	    add_sections(b, elf, err) || add_all_symbols(b, elf, origin, err) ||
	    symtab_ranges(b->candidates, b->candidate_count, &b->ranges, &ranges, err))
		return -1;
	b->header.range_count = (uint32_t)ranges;
	return 0;
}

int symtab_build(Elf *elf, const struct symtab_origin *origin, void **ret_block, size_t *ret_size,
                 struct err *err)
{
	struct builder b = {0};
	int ret = build(&b, elf, origin, err) || put_together(&b, ret_block, err) ? -1 : 0;

	if (!ret)
		*ret_size = b.header.size;
	builder_deinit(&b);
	return ret;
}
