/*
 * elf_image.h - an ELF file as far as it is in a target's memory.
 *
 * For code whose file is not the one that was mapped any more, or that never had one (vdso).
 */
#ifndef TPROC_UNWIND_ELF_IMAGE_H
#define TPROC_UNWIND_ELF_IMAGE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"

#include <libelf.h>

struct elf_image;

/*
 * Reads the headers at addr, and the segment that holds unwind information; nothing else is there.
 * ERR_INVALID for what is no ELF file of this machine, ERR_LIMIT for one that is too large.
 */
int elf_image_read(struct mem *mem, uint64_t addr, struct elf_image **ret_image, struct err *err);
void elf_image_destroy(struct elf_image *image);

/* Borrowed; to be kept longer, elf_begin(-1, ELF_C_READ, elf). */
Elf *elf_image_elf(const struct elf_image *image);

#endif
