/*
 * symbol_text.h - names of symbols as people write them, each made once.
 */
#ifndef TPROC_READ_SYMBOL_TEXT_H
#define TPROC_READ_SYMBOL_TEXT_H

#include "lib/read/symtab.h"

struct symbol_texts;

/* For the symbols and sections of a table, which it borrows.  NULL when memory is short. */
struct symbol_texts *symbol_texts_create(const struct symtab *table);
void symbol_texts_destroy(struct symbol_texts *texts);

/*
 * A symbol's in source form and escaped, a section's escaped; each lives as long as texts.  NULL
 * when memory is short.
 */
const char *symbol_texts_get(struct symbol_texts *texts, uint32_t symbol, size_t *ret_len);
const char *symbol_texts_get_section(struct symbol_texts *texts, uint32_t section, size_t *ret_len);

/* Has the memory fetched that symbol_texts_get will need. */
void symbol_texts_prefetch(const struct symbol_texts *texts, uint32_t symbol);

#endif
