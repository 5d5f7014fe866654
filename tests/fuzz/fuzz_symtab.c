/*
 * Tables of symbols as they are kept on disk.  An input is one, but that its magic, size and
 * checksum are made right: all else is the input's.
 */
#include "lib/read/symtab.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_address(const struct symtab *table, uint64_t addr)
{
	const struct symtab_symbol *symbol = symtab_find(table, addr);
	const struct symtab_section *section = symtab_section_at(table, addr);

	if (symbol) {
		PROMISE(symbol >= table->symbols);
		PROMISE(symbol < table->symbols + table->header->symbol_count);
		PROMISE(symbol->value <= addr);
		PROMISE(symbol->name < table->header->names_size);
		PROMISE(memchr(table->names + symbol->name, '\0',
		               table->header->names_size - symbol->name));
	}
	if (section)
		PROMISE(section->addr <= addr && addr - section->addr < section->size);
}

static void check(const struct symtab *table)
{
	for (unsigned bit = 0; bit < 64; bit++)
		check_address(table, UINT64_C(1) << bit);
	for (uint32_t i = 0; i < table->header->range_count; i++) {
		check_address(table, table->starts[i]);
		check_address(table, table->starts[i] - 1);
		PROMISE(i + 1 == table->header->range_count ||
		        symtab_range(table, table->starts[i]) == i);
	}
	PROMISE(table->header->debug_path < table->header->names_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symtab_header *header;
	struct symtab table;
	struct err err;
	void *block;

	if (size < sizeof(*header))
		return 0;
	block = malloc(size);
	PROMISE(block);
	memcpy(block, data, size);
	header = block;
	header->magic = SYMTAB_MAGIC;
	header->version = SYMTAB_VERSION;
	header->size = size;
	symtab_seal(block);
	if (symtab_open(block, size, &table, &err)) {
		free(block);
		return 0;
	}
	check(&table);
	symtab_close(&table);
	return 0;
}
