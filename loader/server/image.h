/*
 * image.h - what the server knows of one ELF file.
 *
 * The file is read, never mapped (one that shrinks under a mapping would kill the
 * server); libelf translates its structures; and it is validated completely, so that
 * whoever lays out memory by it need not doubt a number.  gabi chapter 5 and the x86-64
 * psABI have the rules; where the kernel is stricter or laxer than they are
 * (fs/binfmt_elf.c), the kernel's behaviour is followed, except that a file is refused
 * which ends before its own segments do and would fault later, and whose program
 * headers contradict themselves or each other.  Dynamic section, notes and section
 * headers mean nothing to the kernel: what is damaged there is left out.
 */
#ifndef TPROC_SERVER_IMAGE_H
#define TPROC_SERVER_IMAGE_H

#include "lib/base/err.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IMAGE_MAX_SEGMENTS 64
#define IMAGE_MAX_ALIGN (UINT64_C(1) << 30)

/* One PT_LOAD, as the program header has it. */
struct image_segment {
	uint64_t vaddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t offset; /* congruent to vaddr modulo the page size; without use when filesz is 0 */
	uint64_t align;	 /* a power of two, at least the page size */
	int prot;	/* PROT_ bits */
};

struct image {
	/* which file, in which version */
	char *path;
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;

	bool fixed;	   /* ET_EXEC: loads at its own vaddrs */
	uint64_t entry;	   /* vaddr */
	uint64_t phdr;	   /* vaddr of the program headers, 0 when no segment holds them */
	uint32_t phnum;
	uint64_t vaddr_lo; /* span of the segments, page-aligned */
	uint64_t vaddr_hi;
	uint64_t align; /* the largest of the segments' */
	uint64_t text_lo;
	uint64_t text_hi;
	uint32_t segment_count;
	struct image_segment segments[IMAGE_MAX_SEGMENTS]; /* ascending, disjoint by page */
	char *interp;	 /* PT_INTERP, NULL when there is none */
	bool exec_stack; /* PT_GNU_STACK asks for an executable stack */
	bool has_tls;
	uint64_t tls_size;

	/* symbol tables as the dynamic section has them (vaddrs; 0: none) */
	uint64_t dynamic;
	uint64_t dynamic_size;
	uint64_t dynsym;
	uint64_t dynstr;
	uint64_t dynstr_size;
	uint64_t gnu_hash;
	uint64_t sysv_hash;
	uint32_t dynsym_count;
	uint64_t dl_debug_state; /* vaddr of _dl_debug_state when the file defines it, else 0 */
	uint64_t r_debug;	 /* vaddr of _r_debug, likewise */
	bool has_symtab;
	bool has_debug_info;
	uint32_t build_id_len;
	uint8_t build_id[TP_BUILD_ID_SIZE];

	/* filled by the caller: where its text is patched (loader/patch); freed with the image */
	struct tp_site *sites;
	uint32_t site_count;
};

/*
 * Reads and validates the ELF file behind fd (a regular file open for reading, which
 * stays the caller's; its offset is not used).  path is for messages and is copied.
 * The error (ERR_INVALID for anything wrong with the file) begins with path and names
 * the structure: "/x/prog: program header 3 (PT_LOAD): ends past the end of the file ...".
 */
int image_create(int fd, const char *path, struct image **ret_image, struct err *err);
void image_destroy(struct image *image);

/*
 * Whether it can be run, and not only be loaded: the entry point lies in one of its segments
 * (a library may have none).  ERR_INVALID otherwise.
 */
int image_check_executable(const struct image *image, struct err *err);

#endif
