#include "lib/read/symbols.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/regular_file.h"
#include "lib/read/symbol_text.h"
#include "lib/read/symtab_build.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct symbols {
	struct symtab table;
	struct file_version version;
	struct symbol_texts *texts; /* made when the first is asked for */
};

/* ---- Opening ------------------------------------------------------------- */

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	symbol_texts_destroy(symbols->texts);
	symtab_close(&symbols->table);
	free(symbols);
}

static bool is_of(const struct symtab *table, const struct file_version *version)
{
	const struct symtab_header *h = table->header;

	return h->build_id_len == version->build_id_len &&
	       !memcmp(h->build_id, version->build_id, version->build_id_len);
}

int symbols_from_block(void *block, size_t size, const struct file_version *version,
                       struct symbols **ret_symbols, struct err *err)
{
	AUTO_FREE struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return err_os(err, ENOMEM, "symbols");
	if (symtab_open(block, size, &s->table, err))
		return -1;
	s->version = *version;
	if (!is_of(&s->table, version)) {
		s->table.block = NULL;
		symtab_close(&s->table);
		return err_set(err, ERR_INVALID, "symbols of another build-id");
	}
	*ret_symbols = TAKE_PTR(s);
	return 0;
}

/* Whose build-id is what the table has. */
static int open_elf(Elf *elf, const struct symtab_origin *origin, struct file_version *version,
                    struct symbols **ret_symbols, struct err *err)
{
	AUTO_FREE void *block = NULL;
	const struct symtab_header *h;
	GElf_Ehdr ehdr;
	size_t size;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		return err_set(err, ERR_INVALID, "not an ELF file: %s", elf_errmsg(-1));
	if (symtab_build(elf, origin, &block, &size, err))
		return -1;
	h = block;
	version->build_id_len = h->build_id_len;
	memcpy(version->build_id, h->build_id, sizeof(version->build_id));
	if (symbols_from_block(block, size, version, ret_symbols, err))
		return -1;
	block = NULL;
	return 0;
}

static int check_libelf(struct err *err)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ERR_INVALID, "libelf: %s", elf_errmsg(-1));
	return 0;
}

int symbols_open(const char *path, struct symbols **ret_symbols, struct err *err)
{
	const struct symtab_origin origin = {.path = path};
	struct file_version version;
	AUTO_CLOSE int fd = -1;
	struct stat st;
	Elf *elf;
	int ret;

	if (check_libelf(err) || regular_file_open(path, &fd, &st, err))
		return -1;
	version = (struct file_version){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_sec = st.st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec,
	};
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ret = open_elf(elf, &origin, &version, ret_symbols, err);
	elf_end(elf);
	return ret;
}

int symbols_open_bytes(const void *bytes, size_t len, struct symbols **ret_symbols, struct err *err)
{
	const struct symtab_origin origin = {0};
	struct file_version version = {0};
	AUTO_FREE void *copy = NULL; /* libelf may write to it */
	Elf *elf;
	int ret;

	if (check_libelf(err))
		return -1;
	copy = malloc(len ? len : 1);
	if (!copy)
		return err_os(err, ENOMEM, "image of %zu bytes", len);
	if (len)
		memcpy(copy, bytes, len);
	elf = elf_memory(copy, len);
	ret = open_elf(elf, &origin, &version, ret_symbols, err);
	elf_end(elf);
	return ret;
}

int symbols_open_debug(const char *path, const struct file_version *version,
                       struct symbols **ret_symbols, struct err *err)
{
	const struct debug_query query = {
		.path = path,
		.build_id = version->build_id,
		.build_id_len = version->build_id_len,
	};
	struct file_version found = *version;
	struct symtab_origin origin = {0};
	AUTO_FREE char *debug_path = NULL;
	AUTO_CLOSE int fd = -1;
	Elf *elf;
	int ret;

	if (check_libelf(err) || debug_file_find(&query, &fd, &debug_path, err))
		return -1;
	origin.debug_path = debug_path;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ret = open_elf(elf, &origin, &found, ret_symbols, err);
	elf_end(elf);
	return ret;
}

/* ---- The file ------------------------------------------------------------ */

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

const struct symtab *symbols_table(const struct symbols *symbols)
{
	return &symbols->table;
}

const char *symbols_debug_path(const struct symbols *symbols)
{
	const struct symtab *table = &symbols->table;

	return table->header->debug_path ? table->names + table->header->debug_path : NULL;
}

/* ---- Look-up ------------------------------------------------------------- */

uint32_t symbols_count(const struct symbols *symbols)
{
	return symbols->table.header->symbol_count;
}

struct symbol symbols_at(const struct symbols *symbols, uint32_t index)
{
	const struct symtab_symbol *s = &symbols->table.symbols[index];

	return (struct symbol){
		.name = symbols->table.names + s->name,
		.value = s->value,
		.size = s->size,
		.index = index,
		.bind = s->bind,
		.type = s->type,
	};
}

bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol *ret_symbol)
{
	const struct symtab *table = &symbols->table;
	const struct symtab_symbol *found = symtab_find(table, vaddr);

	if (!found)
		return false;
	*ret_symbol = symbols_at(symbols, (uint32_t)(found - table->symbols));
	return true;
}

/* What is kept does not change what the symbols are. */
static struct symbol_texts *texts_of(const struct symbols *symbols)
{
	struct symbols *s = (struct symbols *)symbols;

	if (!s->texts)
		s->texts = symbol_texts_create(&s->table);
	return s->texts;
}

const char *symbols_text(const struct symbols *symbols, uint32_t index, size_t *ret_len)
{
	struct symbol_texts *texts = texts_of(symbols);

	return texts ? symbol_texts_get(texts, index, ret_len) : NULL;
}

const char *symbols_section_text(const struct symbols *symbols, uint32_t section, size_t *ret_len)
{
	struct symbol_texts *texts = texts_of(symbols);

	return texts ? symbol_texts_get_section(texts, section, ret_len) : NULL;
}

void symbols_prefetch_text(const struct symbols *symbols, uint32_t index)
{
	if (symbols->texts)
		symbol_texts_prefetch(symbols->texts, index);
}

bool symbols_section(const struct symbols *symbols, uint64_t vaddr, struct section *ret_section)
{
	const struct symtab *table = &symbols->table;
	const struct symtab_section *found = symtab_section_at(table, vaddr);

	if (!found)
		return false;
	*ret_section = (struct section){table->names + found->name, found->addr, found->size};
	return true;
}

bool symbols_vaddr_of_offset(const struct symbols *symbols, uint64_t offset, uint64_t *ret_vaddr)
{
	const struct symtab *table = &symbols->table;

	for (uint32_t i = 0; i < table->header->load_count; i++) {
		const struct symtab_load *load = &table->loads[i];

		if (offset >= load->offset && offset - load->offset < load->filesz) {
			*ret_vaddr = load->vaddr + (offset - load->offset);
			return true;
		}
	}
	return false;
}
