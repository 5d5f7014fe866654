/*
 * elf_builder.h - small ELF files, made byte by byte for tests that spoil them.
 */
#ifndef TPROC_TESTS_ELF_BUILDER_H
#define TPROC_TESTS_ELF_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILDER_PHDRS 80
#define ELF_BUILDER_SIZE 0x4000

/* Where things are in the file that elf_builder_init makes; vaddrs are the same in its text. */
#define ELF_BUILDER_INTERP 0x200
#define ELF_BUILDER_NOTE 0x300
#define ELF_BUILDER_DYNAMIC 0x400
#define ELF_BUILDER_DYNSYM 0x500
#define ELF_BUILDER_DYNSTR 0x600
#define ELF_BUILDER_GNU_HASH 0x700
#define ELF_BUILDER_SYSV_HASH 0x780
#define ELF_BUILDER_ENTRY 0x800

/* The symbols that elf_builder_add_symbols defines, after the empty one. */
#define ELF_BUILDER_DL_DEBUG_STATE 0x810
#define ELF_BUILDER_R_DEBUG 0x2100

/*
 * ehdr, phdrs (ehdr.e_phnum of them) and size may be changed at will before
 * elf_builder_fd; they are written over bytes, first the header, then the table at its usual
 * place behind the header, whatever e_phoff says.
 */
struct elf_builder {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[ELF_BUILDER_PHDRS];
	uint64_t size;
	unsigned char bytes[ELF_BUILDER_SIZE];
};

enum elf_builder_hash { ELF_BUILDER_GNU = 1, ELF_BUILDER_SYSV = 2 };

/*
 * A sound PIE: phdrs[0] is text (offset 0, vaddr 0, 0x1000 bytes), phdrs[1] is data (offset
 * 0x1000, vaddr 0x2000, 0x200 bytes and bss up to 0x3000).
 */
void elf_builder_init(struct elf_builder *builder);

/* Appends a program header; the file's part of it has to be put there by the caller. */
Elf64_Phdr *elf_builder_add(struct elf_builder *builder, uint32_t type, uint64_t offset,
                            uint64_t size);

void elf_builder_put(struct elf_builder *builder, uint64_t offset, const void *bytes, size_t size);

/* PT_INTERP with that name. */
Elf64_Phdr *elf_builder_add_interp(struct elf_builder *builder, const char *name);

/* PT_NOTE with another note first, then a build-id of size bytes 1, 2, 3 ...; align is 4 or 8. */
Elf64_Phdr *elf_builder_add_build_id(struct elf_builder *builder, uint32_t size, uint64_t align);

/* PT_DYNAMIC that defines _dl_debug_state and _r_debug; hashes are enum elf_builder_hash bits. */
Elf64_Phdr *elf_builder_add_symbols(struct elf_builder *builder, unsigned hashes);

/* Section headers: .shstrtab, .symtab, .debug_info, at the end of the file. */
void elf_builder_add_sections(struct elf_builder *builder);

/* The file as a memfd. */
int elf_builder_fd(const struct elf_builder *builder);

#endif
