/*
 * symtab_builder.h - small ELF files with the symbols a test wants, written by libelf.
 */
#ifndef TPROC_TESTS_SYMTAB_BUILDER_H
#define TPROC_TESTS_SYMTAB_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/* The file: .text at 0x1000 (0x1000 bytes), .data at 0x2000, .tbss at 0x2100, .bss at 0x3000. */
#define SYMTAB_TEXT 1
#define SYMTAB_DATA 2
#define SYMTAB_BSS 4

struct symtab_entry {
	const char *name;
	uint64_t value;
	uint64_t size;
	unsigned bind;
	unsigned type;
	uint16_t section; /* SYMTAB_TEXT ... or SHN_ constants */
};

/*
 * A memfd of such a file, with the entries in a table of that type (SHT_SYMTAB or SHT_DYNSYM; 0:
 * none) and, when build_id is not 0, a build-id of 20 such bytes.
 */
int symtab_builder_fd(unsigned table_type, const struct symtab_entry *entries, size_t count,
                      uint8_t build_id);

#endif
