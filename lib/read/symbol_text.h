/*
 * symbol_text.h - names of symbols as people write them, each made once.
 */
#ifndef TPROC_READ_SYMBOL_TEXT_H
#define TPROC_READ_SYMBOL_TEXT_H

#include "lib/read/symtab.h"

struct symbol_texts;

/* For the symbols of a table.  NULL when memory is short. */
struct symbol_texts *symbol_texts_create(uint32_t count);
void symbol_texts_destroy(struct symbol_texts *texts);

/* In source form and escaped; lives as long as texts.  NULL when memory is short. */
const char *symbol_texts_get(struct symbol_texts *texts, const struct symtab *table, uint32_t index,
                             size_t *ret_len);

#endif
