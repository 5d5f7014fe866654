/*
 * image_file.h - the bytes of an ELF file, read within bounds.
 *
 * Of libelf this uses what keeps no state: the translation of a structure from the
 * file's representation (elf64_xlatetom) and the hash functions.  An Elf handle
 * (elf_begin) is not used, not even with ELF_C_READ: it sizes its table of sections by
 * a number in the file, so that a sparse file of a few written bytes makes it
 * allocate gigabytes, and section headers must not decide whether a program runs.
 */
#ifndef TPROC_SERVER_IMAGE_FILE_H
#define TPROC_SERVER_IMAGE_FILE_H

#include "lib/base/err.h"
#include "loader/server/clip.h"

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct image_file {
	int fd; /* borrowed */
	uint64_t size;
	struct stat st;
	struct clip path; /* for messages */
	Elf64_Ehdr ehdr;
};

/*
 * Reads and checks the ELF header of fd, which stays the caller's.  ERR_INVALID when the
 * file is none that this machine runs.
 */
int image_file_init(int fd, const char *path, struct image_file *file, struct err *err);

/*
 * Reads count structures of type (one of fixed size) at offset and translates them into ret.
 * ERR_INVALID when the file ends before, which a caller that has checked the bounds sees only if
 * the file is being shortened.
 */
int image_file_read(const struct image_file *file, uint64_t offset, Elf_Type type, size_t count,
                    void *ret, struct err *err);

/*
 * The program headers, e_phnum of them (at least one); the caller frees them.
 */
int image_file_phdrs(const struct image_file *file, Elf64_Phdr **ret_phdrs, struct err *err);

/* True when [offset, offset + size) lies in the file. */
bool image_file_holds(const struct image_file *file, uint64_t offset, uint64_t size);

/* err_set(ERR_INVALID) with the file's path in front; returns -1. */
int image_file_invalid(const struct image_file *file, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
