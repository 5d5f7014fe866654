/*
 * symbols.h - symbols and sections of one ELF file, by its own (unrelocated) addresses.
 *
 * The file is whatever a program mapped, so it is read (never mapped here: it may shrink)
 * and nothing in it is believed.
 */
#ifndef TPROC_READ_SYMBOLS_H
#define TPROC_READ_SYMBOLS_H

#include "lib/base/err.h"
#include "lib/read/symtab.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/* Which version of a file. */
struct file_version {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t build_id_len; /* 0: none */
	uint8_t build_id[TP_BUILD_ID_SIZE];
};

struct symbol {
	const char *name; /* as in the file: mangled, raw; lives as long as the symbols */
	uint64_t value;
	uint64_t size;  /* 0: not said */
	uint32_t index; /* among the symbols of the file */
	uint8_t bind;   /* STB_ and STT_ constants */
	uint8_t type;
};

struct section {
	const char *name; /* raw; lives as long as the symbols */
	uint64_t addr;
	uint64_t size;
};

/* ---- Opening ------------------------------------------------------------- */

/* Opens a regular file; ERR_NOT_FOUND when it is not there, ERR_INVALID when it is no ELF. */
int symbols_open(const char *path, struct symbols **ret_symbols, struct err *err);

/* The same for an ELF image in memory (the vdso). */
int symbols_open_bytes(const void *bytes, size_t len, struct symbols **ret_symbols,
                       struct err *err);

/* From the debug file of a build-id alone, when the file itself is not there any more. */
int symbols_open_debug(const char *path, const struct file_version *version,
                       struct symbols **ret_symbols, struct err *err);

/*
 * From a block (symtab.h), which it takes over; after a failure it is still the caller's.
 * ERR_INVALID when the block is not sound or of another build-id than version's.
 */
int symbols_from_block(void *block, size_t size, const struct file_version *version,
                       struct symbols **ret_symbols, struct err *err);

void symbols_close(struct symbols *symbols);

/* ---- The file ------------------------------------------------------------ */

/* Zeros, but for the build-id, when it is no file. */
const struct file_version *symbols_version(const struct symbols *symbols);

/*
 * Whether both are the same version of a file: by build-id when both have one, else by
 * size and time of modification.
 */
bool file_version_same(const struct file_version *a, const struct file_version *b);

/* The table itself, with where its symbols come from. */
const struct symtab *symbols_table(const struct symbols *symbols);

/* The path of the debug file they come from; NULL for none. */
const char *symbols_debug_path(const struct symbols *symbols);

/* ---- Look-up ------------------------------------------------------------- */

/*
 * The symbol that an address belongs to, chosen as elfutils' dwfl_module_addrsym does: of
 * the sized ones that cover it the closest, global before weak before local; else the
 * closest one without size, if it is of the same section and nothing ends above it.
 */
bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol *ret_symbol);

/* All of them, index from 0 to symbols_count - 1; among them thread-local ones (STT_TLS). */
uint32_t symbols_count(const struct symbols *symbols);
struct symbol symbols_at(const struct symbols *symbols, uint32_t index);

/*
 * The name as people write it, escaped: made when it is first asked for, then kept.  Lives as
 * long as the symbols; ret_len may be NULL.  NULL when memory is short.
 */
const char *symbols_text(const struct symbols *symbols, uint32_t index, size_t *ret_len);

/* Has memory fetched that symbols_text will need. */
void symbols_prefetch_text(const struct symbols *symbols, uint32_t index);

/* The name of a section of the table, escaped; likewise. */
const char *symbols_section_text(const struct symbols *symbols, uint32_t section, size_t *ret_len);

/* The section that is loaded at an address. */
bool symbols_section(const struct symbols *symbols, uint64_t vaddr, struct section *ret_section);

/* The address that a place of the file is loaded at (by its PT_LOAD headers). */
bool symbols_vaddr_of_offset(const struct symbols *symbols, uint64_t offset, uint64_t *ret_vaddr);

/* ---- Names --------------------------------------------------------------- */

/* A name in source form is cut to fit so many bytes. */
#define SYMBOL_NAME_SIZE 1024

/*
 * The name in source form when it is a mangled C++ or Rust one, else the name itself, without
 * the version that the C library's own symbol table has behind it ("@@GLIBC_2.34");
 * NUL-terminated, ending in "..." when it does not fit.  Still raw: escape it.  Returns
 * whether it was mangled.
 */
bool symbol_demangle(const char *name, char *dst, size_t size);

#endif
