/*
 * symbol_index.h - the symbols of one file, sorted for look-up by address.
 */
#ifndef TPROC_READ_SYMBOL_INDEX_H
#define TPROC_READ_SYMBOL_INDEX_H

#include "lib/read/symbols.h"

#include <libelf.h>

struct symbol_entry;

/* Entries ascending by value; of the same value, in the symbol table's order. */
struct symbol_list {
	struct symbol_entry *entries;
	size_t count;
};

struct symbol_index {
	struct symbol_list globals; /* and weak ones */
	struct symbol_list locals;
};

/*
 * Reads the file's .symtab, else its .dynsym; a file without either gives an empty index.
 * Names stay elf's own.  After a failure the index is to be released too.
 */
int symbol_index_init(struct symbol_index *index, Elf *elf, struct err *err);
void symbol_index_deinit(struct symbol_index *index);

/* As symbols_find; shndx is the section that vaddr lies in, SHN_UNDEF for none. */
bool symbol_index_find(const struct symbol_index *index, uint64_t vaddr, uint16_t shndx,
                       struct symbol *ret_symbol);

#endif
