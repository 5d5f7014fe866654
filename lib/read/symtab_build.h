/*
 * symtab_build.h - from ELF files to the block that symtab.h describes.
 */
#ifndef TPROC_READ_SYMTAB_BUILD_H
#define TPROC_READ_SYMTAB_BUILD_H

#include "lib/base/err.h"
#include "lib/read/symtab.h"

#include <libelf.h>
#include <stddef.h>

/* What the ELF file is; both NULL: an image in memory. */
struct symtab_origin {
	const char *path;       /* of the file, which helps to find its debug file */
	const char *debug_path; /* it is a debug file itself, and this is where it lies */
};

/*
 * Builds the block for an ELF file: sections and segments are its own, symbols the best there
 * are: its .symtab, else its debug file's (debug_file.h), else its .dynsym together with what
 * .gnu_debugdata has.  A file without any gives a table of none.
 *
 * The caller frees *ret_block, which symtab_open accepts.  ERR_LIMIT when it would be too large.
 */
int symtab_build(Elf *elf, const struct symtab_origin *origin, void **ret_block, size_t *ret_size,
                 struct err *err);

#endif
