/*
 * dynsym_memory.h - what a program or library exports, read from its memory.
 *
 * For when its file is gone, or a core file was taken elsewhere: the registry says where the
 * dynamic linker's own symbol table lies.
 */
#ifndef TPROC_READ_DYNSYM_MEMORY_H
#define TPROC_READ_DYNSYM_MEMORY_H

#include "lib/base/err.h"
#include "lib/read/mem.h"
#include "lib/read/registry.h"

/*
 * An ELF image of that table and its strings, and of nothing else, for symbols_open_bytes; the
 * caller frees *ret_bytes.  ERR_NOT_FOUND when the registry knows of none or it cannot be read.
 */
int dynsym_memory_read(struct mem *mem, const struct reg_image *image, uint64_t bias,
                       void **ret_bytes, size_t *ret_size, struct err *err);

#endif
