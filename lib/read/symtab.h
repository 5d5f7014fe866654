/*
 * symtab.h - the symbols of one file in one flat block, made for look-up by address.
 *
 * The block is what the cache on disk holds, so one may come from anybody: symtab_open checks
 * all of it once, and look-up then needs no checks.  Symbols overlap; the ranges do not: they
 * say of each address which symbol it belongs to, decided when the block was built.
 *
 *	header, loads, sections, symbols, starts of ranges, owners of ranges, names
 */
#ifndef TPROC_READ_SYMTAB_H
#define TPROC_READ_SYMTAB_H

#include "lib/base/err.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMTAB_MAGIC UINT64_C(0x0a626174736d7974)
#define SYMTAB_VERSION 1u

/* Larger tables are refused, whoever made them. */
#define SYMTAB_SYMBOLS_MAX (UINT32_C(1) << 21)
#define SYMTAB_SECTIONS_MAX (UINT32_C(1) << 17)
#define SYMTAB_NAMES_MAX (UINT32_C(1) << 29)

/* The owner of a range between symbols. */
#define SYMTAB_NONE UINT32_MAX

/* Where symbols come from, the better the later. */
enum symtab_source {
	SYMTAB_FROM_NOTHING = 0,
	SYMTAB_FROM_DYNSYM,    /* only what is exported */
	SYMTAB_FROM_DEBUGDATA, /* .gnu_debugdata, and what is exported */
	SYMTAB_FROM_DEBUG_FILE,
	SYMTAB_FROM_SYMTAB,
	SYMTAB_SOURCES,
};

/* Names are offsets into the names, which begin and end with a NUL. */
struct symtab_header {
	uint64_t magic;
	uint64_t size;     /* of the whole, bytes */
	uint64_t checksum; /* of all that follows */
	uint32_t version;  /* of this layout: no other is read */
	uint32_t source;   /* enum symtab_source */
	uint32_t build_id_len;
	uint8_t build_id[TP_BUILD_ID_SIZE];
	uint32_t debug_path; /* the debug file's; 0: none */
	uint32_t debuglink;  /* its name, as the file has it; 0: none */
	uint32_t load_count;
	uint32_t section_count;
	uint32_t symbol_count;
	uint32_t range_count;
	uint32_t names_size;
};

/* A PT_LOAD segment. */
struct symtab_load {
	uint64_t offset;
	uint64_t vaddr;
	uint64_t filesz;
};

/* A section that is loaded; ascending by address. */
struct symtab_section {
	uint64_t addr;
	uint64_t size; /* addr + size does not wrap */
	uint32_t name;
	uint32_t reserved;
};

/* In the symbol tables' order. */
struct symtab_symbol {
	uint64_t value; /* STT_TLS: offset in the block of thread-local storage */
	uint64_t size;
	uint32_t name;
	uint8_t bind; /* STB_ and STT_ constants */
	uint8_t type;
	uint16_t reserved;
};

/* The parts of a block. */
struct symtab {
	void *block;
	const struct symtab_header *header;
	const struct symtab_load *loads;
	const struct symtab_section *sections;
	const struct symtab_symbol *symbols;
	const uint64_t *starts; /* ascending; a range ends where the next one starts */
	const uint32_t *owners; /* a symbol's index, or SYMTAB_NONE; the last is that */
	const char *names;
	/* Made by symtab_open: the range that each stretch of 1 << shift addresses begins in. */
	uint32_t *buckets;
	unsigned shift;
};

/*
 * Takes a block (from malloc) over: symtab_close frees it; after a failure it is still the
 * caller's.  ERR_INVALID when anything in it is not as it should be.
 */
int symtab_open(void *block, size_t size, struct symtab *ret_table, struct err *err);
void symtab_close(struct symtab *table);

/* The size of a block with such counts. */
uint64_t symtab_size(const struct symtab_header *header);

/* Sets header->checksum of a block that was just made. */
void symtab_seal(void *block);

/* The symbol that an address of the file belongs to; NULL for none. */
const struct symtab_symbol *symtab_find(const struct symtab *table, uint64_t vaddr);

/*
 * The range that an address lies in: starts[i] <= vaddr < starts[i + 1]; SYMTAB_NONE when it is
 * outside of all.
 */
static inline uint32_t symtab_range(const struct symtab *table, uint64_t vaddr)
{
	uint32_t last = table->header->range_count - 1;
	uint32_t lo, hi;
	uint64_t stretch;

	if (vaddr < table->starts[0] || vaddr >= table->starts[last])
		return SYMTAB_NONE;
	stretch = (vaddr - table->starts[0]) >> table->shift;
	lo = table->buckets[stretch];
	hi = table->buckets[stretch + 1];
	while (lo < hi) {
		uint32_t mid = hi - (hi - lo) / 2;

		if (table->starts[mid] <= vaddr)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Has memory fetched that symtab_range will need: first the one, a while later the other. */
static inline void symtab_prefetch(const struct symtab *table, uint64_t vaddr)
{
	uint64_t offset = vaddr - table->starts[0];

	if (offset < table->starts[table->header->range_count - 1] - table->starts[0])
		__builtin_prefetch(&table->buckets[offset >> table->shift]);
}

static inline void symtab_prefetch_range(const struct symtab *table, uint64_t vaddr)
{
	uint64_t offset = vaddr - table->starts[0];
	uint32_t range;

	if (offset >= table->starts[table->header->range_count - 1] - table->starts[0])
		return;
	range = table->buckets[offset >> table->shift];
	__builtin_prefetch(&table->starts[range]);
	__builtin_prefetch(&table->owners[range]);
}

/* The section that is loaded at an address; NULL for none. */
const struct symtab_section *symtab_section_at(const struct symtab *table, uint64_t vaddr);

#endif
