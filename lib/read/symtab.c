#include "lib/read/symtab.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

/* ---- Layout -------------------------------------------------------------- */

static uint64_t checksum_of(const struct symtab_header *header)
{
	const size_t from = offsetof(struct symtab_header, version);

	return lzma_crc64((const uint8_t *)header + from, header->size - from, 0);
}

void symtab_seal(void *block)
{
	struct symtab_header *header = block;

	header->checksum = checksum_of(header);
}

/* All parts but the names have a multiple of 4 bytes, those before the owners one of 8. */
uint64_t symtab_size(const struct symtab_header *h)
{
	return sizeof(*h) + (uint64_t)h->load_count * sizeof(struct symtab_load) +
	       (uint64_t)h->section_count * sizeof(struct symtab_section) +
	       (uint64_t)h->symbol_count * sizeof(struct symtab_symbol) +
	       (uint64_t)h->range_count * (sizeof(uint64_t) + sizeof(uint32_t)) + h->names_size;
}

static void find_parts(void *block, struct symtab *table)
{
	const struct symtab_header *h = block;

	table->block = block;
	table->header = h;
	table->loads = (const void *)(h + 1);
	table->sections = (const void *)(table->loads + h->load_count);
	table->symbols = (const void *)(table->sections + h->section_count);
	table->starts = (const void *)(table->symbols + h->symbol_count);
	table->owners = (const void *)(table->starts + h->range_count);
	table->names = (const char *)(table->owners + h->range_count);
}

/* ---- Checks -------------------------------------------------------------- */

static int unsound(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "table of symbols: %s", what);
}

static int check_header(const struct symtab_header *h, size_t size, struct err *err)
{
	if (size < sizeof(*h) || h->magic != SYMTAB_MAGIC || h->version != SYMTAB_VERSION)
		return unsound(err, "another format");
	if (h->source >= SYMTAB_SOURCES || h->build_id_len > TP_BUILD_ID_SIZE)
		return unsound(err, "header");
	if (h->symbol_count > SYMTAB_SYMBOLS_MAX || h->section_count > SYMTAB_SECTIONS_MAX ||
	    h->load_count > SYMTAB_SECTIONS_MAX || h->names_size > SYMTAB_NAMES_MAX ||
	    h->range_count > 4 * SYMTAB_SYMBOLS_MAX)
		return unsound(err, "too large");
	if (h->size != size || symtab_size(h) != size)
		return unsound(err, "cut");
	if (checksum_of(h) != h->checksum)
		return unsound(err, "checksum");
	return 0;
}

static int check_names(const struct symtab *t, struct err *err)
{
	const struct symtab_header *h = t->header;

	if (!h->names_size || t->names[0] || t->names[h->names_size - 1] ||
	    h->debug_path >= h->names_size || h->debuglink >= h->names_size)
		return unsound(err, "names");
	for (uint32_t i = 0; i < h->symbol_count; i++) {
		if (t->symbols[i].name >= h->names_size)
			return unsound(err, "name of a symbol");
	}
	return 0;
}

static int check_sections(const struct symtab *t, struct err *err)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < t->header->section_count; i++) {
		const struct symtab_section *section = &t->sections[i];

		if (section->name >= t->header->names_size || section->addr < before ||
		    section->addr + section->size < section->addr)
			return unsound(err, "section");
		before = section->addr;
	}
	return 0;
}

static int check_ranges(const struct symtab *t, struct err *err)
{
	const struct symtab_header *h = t->header;

	if (!h->range_count || t->owners[h->range_count - 1] != SYMTAB_NONE)
		return unsound(err, "ranges");
	for (uint32_t i = 0; i < h->range_count; i++) {
		uint32_t owner = t->owners[i];

		if (i && t->starts[i] <= t->starts[i - 1])
			return unsound(err, "order of ranges");
		if (owner != SYMTAB_NONE &&
		    (owner >= h->symbol_count || t->symbols[owner].value > t->starts[i]))
			return unsound(err, "owner of a range");
	}
	return 0;
}

/* ---- Buckets ------------------------------------------------------------- */

/* As many as ranges, within a factor of two: then most hold one or two ranges. */
static int make_buckets(struct symtab *t, struct err *err)
{
	uint32_t last = t->header->range_count - 1;
	uint64_t span = t->starts[last] - t->starts[0];
	uint32_t range = 0;
	size_t count;

	while (span >> t->shift > last)
		t->shift++;
	count = (size_t)(span >> t->shift) + 1;
	t->buckets = calloc(count + 1, sizeof(*t->buckets));
	if (!t->buckets)
		return err_os(err, ENOMEM, "table of symbols");
	for (size_t i = 0; i < count; i++) {
		uint64_t at = t->starts[0] + ((uint64_t)i << t->shift);

		while (range < last && t->starts[range + 1] <= at)
			range++;
		t->buckets[i] = range;
	}
	t->buckets[count] = last;
	return 0;
}

int symtab_open(void *block, size_t size, struct symtab *ret_table, struct err *err)
{
	struct symtab table = {0};

	if (check_header(block, size, err))
		return -1;
	find_parts(block, &table);
	if (check_names(&table, err) || check_sections(&table, err) || check_ranges(&table, err) ||
	    make_buckets(&table, err))
		return -1;
	*ret_table = table;
	return 0;
}

void symtab_close(struct symtab *table)
{
	free(table->buckets);
	free(table->block);
	*table = (struct symtab){0};
}

/* ---- Look-up ------------------------------------------------------------- */

const struct symtab_symbol *symtab_find(const struct symtab *table, uint64_t vaddr)
{
	uint32_t range = symtab_range(table, vaddr);

	if (range == SYMTAB_NONE || table->owners[range] == SYMTAB_NONE)
		return NULL;
	return &table->symbols[table->owners[range]];
}

const struct symtab_section *symtab_section_at(const struct symtab *table, uint64_t vaddr)
{
	uint32_t lo = 0, hi = table->header->section_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (table->sections[mid].addr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || vaddr - table->sections[lo - 1].addr >= table->sections[lo - 1].size)
		return NULL;
	return &table->sections[lo - 1];
}
