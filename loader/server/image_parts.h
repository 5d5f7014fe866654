/*
 * image_parts.h - the stages of image_create, in the order in which they run.
 *
 * The first decides whether the file can be loaded.  The others gather what people and
 * tools want to know: the kernel looks at none of it, so what is damaged there is left out
 * and never an error.
 */
#ifndef TPROC_SERVER_IMAGE_PARTS_H
#define TPROC_SERVER_IMAGE_PARTS_H

#include "loader/server/image.h"
#include "loader/server/image_file.h"

/*
 * Takes the file's e_phnum program headers into image: segments, spans, interpreter, stack,
 * TLS, and where PT_DYNAMIC lies.
 */
int image_take_phdrs(struct image *image, const struct image_file *file, const Elf64_Phdr *phdrs,
                     struct err *err);

/*
 * The symbol tables that the dynamic section names, and two addresses looked up in them.
 * The segments are known by then.
 */
void image_take_dynamic(struct image *image, const struct image_file *file);

/* The build-id, from the PT_NOTE segments. */
void image_take_build_id(struct image *image, const struct image_file *file,
                         const Elf64_Phdr *phdrs);

/* Whether the file has a .symtab and .debug_info. */
void image_take_sections(struct image *image, const struct image_file *file);

/*
 * Where [vaddr, vaddr + size) lies in the file.  False when it is not, as a whole, in the
 * part of one segment that comes from the file.
 */
bool image_file_offset(const struct image *image, uint64_t vaddr, uint64_t size,
                       uint64_t *ret_offset);

#endif
