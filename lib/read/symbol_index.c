#include "lib/read/symbol_index.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>

struct symbol_entry {
	uint64_t value;
	uint64_t size;
	uint64_t reach; /* the furthest end of this and all entries before it */
	const char *name;
	uint32_t order; /* place in the symbol table */
	uint16_t shndx;
	uint8_t bind;
};

/* ---- Building ------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	const struct symbol_entry *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return 0;
}

static void sort_list(struct symbol_list *list)
{
	uint64_t reach = 0;

	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), by_value);
	for (size_t i = 0; i < list->count; i++) {
		struct symbol_entry *entry = &list->entries[i];
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

static void add_entry(struct symbol_index *index, const GElf_Sym *sym, const char *name,
                      uint32_t order)
{
	unsigned bind = GELF_ST_BIND(sym->st_info);
	struct symbol_list *list = bind == STB_LOCAL ? &index->locals : &index->globals;

	list->entries[list->count++] = (struct symbol_entry){
		.value = sym->st_value,
		.size = sym->st_size,
		.name = name,
		.order = order,
		.shndx = sym->st_shndx,
		.bind = (uint8_t)bind,
	};
}

int symbol_index_init(struct symbol_index *index, Elf *elf, struct err *err)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_table(elf, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t count;

	if (!data || !data->d_buf || !shdr.sh_entsize)
		return 0;
	/* d_size is what the file really has of it */
	count = data->d_size / gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	if (count > INT32_MAX)
		return err_set(err, ERR_INVALID, "%zu symbols", count);
	index->globals.entries = calloc(count + 1, sizeof(struct symbol_entry));
	index->locals.entries = calloc(count + 1, sizeof(struct symbol_entry));
	if (!index->globals.entries || !index->locals.entries)
		return err_os(err, ENOMEM, "%zu symbols", count);
	for (size_t i = 1; i < count; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) || !is_place(&sym))
			continue;
		name = elf_strptr(elf, shdr.sh_link, sym.st_name);
		if (name && *name)
			add_entry(index, &sym, name, (uint32_t)i);
	}
	sort_list(&index->globals);
	sort_list(&index->locals);
	return 0;
}

void symbol_index_deinit(struct symbol_index *index)
{
	free(index->globals.entries);
	free(index->locals.entries);
}

/* ---- Look-up ------------------------------------------------------------- */

static unsigned bind_rank(const struct symbol_entry *entry)
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

/* Of two that begin at the same address and cover it: by binding, then the tighter one. */
static bool is_better(const struct symbol_entry *entry, const struct symbol_entry *best)
{
	if (bind_rank(entry) != bind_rank(best))
		return bind_rank(entry) > bind_rank(best);
	return entry->size < best->size;
}

/* Index of the first entry whose value is above vaddr. */
static size_t upper(const struct symbol_list *list, uint64_t vaddr)
{
	size_t lo = 0, hi = list->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list->entries[mid].value <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct symbol_entry *find_sized(const struct symbol_list *list, uint64_t vaddr)
{
	const struct symbol_entry *best = NULL;
	size_t i = upper(list, vaddr);

	/* Backwards, while any entry so far reaches past vaddr. */
	while (i > 0 && list->entries[i - 1].reach > vaddr) {
		const struct symbol_entry *entry = &list->entries[--i];

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
static const struct symbol_entry *find_sizeless(const struct symbol_list *list, uint64_t vaddr,
                                                uint64_t floor, uint16_t shndx)
{
	const struct symbol_entry *best = NULL;

	for (size_t i = upper(list, vaddr); i > 0;) {
		const struct symbol_entry *entry = &list->entries[--i];

		if (entry->value < floor || (best && entry->value < best->value))
			break;
		if (!entry->size && entry->shndx == shndx &&
		    (!best || bind_rank(entry) >= bind_rank(best)))
			best = entry;
	}
	return best;
}

/* The furthest end of the symbols that begin at or below vaddr. */
static uint64_t reach_at(const struct symbol_list *list, uint64_t vaddr)
{
	size_t i = upper(list, vaddr);

	return i ? list->entries[i - 1].reach : 0;
}

bool symbol_index_find(const struct symbol_index *index, uint64_t vaddr, uint16_t shndx,
                       struct symbol *ret_symbol)
{
	const struct symbol_entry *found = find_sized(&index->globals, vaddr);

	if (!found)
		found = find_sized(&index->locals, vaddr);
	if (!found && shndx != SHN_UNDEF) {
		uint64_t floor = reach_at(&index->globals, vaddr);
		uint64_t floor_locals = reach_at(&index->locals, vaddr);

		if (floor_locals > floor)
			floor = floor_locals;
		found = find_sizeless(&index->globals, vaddr, floor, shndx);
		if (!found)
			found = find_sizeless(&index->locals, vaddr, floor, shndx);
	}
	if (!found)
		return false;
	*ret_symbol = (struct symbol){found->name, found->value, found->size};
	return true;
}
