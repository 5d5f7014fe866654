/*
 * The dynamic section and the symbol tables it leads to.
 *
 * Addresses are found in the file by way of the segments, as in memory, and not by the
 * section headers, which the loader ignores.
 */
#include "loader/server/image_parts.h"

#include <string.h>

/* Sanity limits: real files stay far below, and hostile ones cost little time. */
#define MAX_SYMBOLS (1u << 22)
#define MAX_BUCKETS (1u << 22)
#define MAX_DYNAMIC 4096   /* entries */
#define MAX_CHAIN 4096     /* symbols that one hash value leads to */
#define MAX_SYMBOL_NAME 64 /* of those that are looked up */

struct dynamic {
	struct image *image;
	const struct image_file *file;
	uint64_t syment;
};

/* Translated structures at a vaddr; false when they are not in the file. */
static bool read_at(const struct dynamic *dynamic, uint64_t vaddr, Elf_Type type, size_t count,
                    void *ret)
{
	size_t size = elf64_fsize(type, count, EV_CURRENT);
	struct err unused;
	uint64_t offset;

	return image_file_offset(dynamic->image, vaddr, size, &offset) &&
	       image_file_read(dynamic->file, offset, type, count, ret, &unused) == 0;
}

static bool is_in_file(const struct dynamic *dynamic, uint64_t vaddr, uint64_t size)
{
	uint64_t offset;

	return image_file_offset(dynamic->image, vaddr, size, &offset);
}

static void take_entry(struct dynamic *dynamic, const Elf64_Dyn *dyn)
{
	struct image *image = dynamic->image;

	switch (dyn->d_tag) {
	case DT_SYMTAB:
		image->dynsym = dyn->d_un.d_ptr;
		break;
	case DT_SYMENT:
		dynamic->syment = dyn->d_un.d_val;
		break;
	case DT_STRTAB:
		image->dynstr = dyn->d_un.d_ptr;
		break;
	case DT_STRSZ:
		image->dynstr_size = dyn->d_un.d_val;
		break;
	case DT_GNU_HASH:
		image->gnu_hash = dyn->d_un.d_ptr;
		break;
	case DT_HASH:
		image->sysv_hash = dyn->d_un.d_ptr;
		break;
	default:
		break;
	}
}

static void read_entries(struct dynamic *dynamic)
{
	struct image *image = dynamic->image;
	size_t total = image->dynamic_size / sizeof(Elf64_Dyn);
	Elf64_Dyn chunk[32];
	size_t count;

	if (total > MAX_DYNAMIC)
		total = MAX_DYNAMIC;
	for (size_t at = 0; at < total; at += count) {
		count = total - at;
		if (count > sizeof(chunk) / sizeof(chunk[0]))
			count = sizeof(chunk) / sizeof(chunk[0]);
		if (!read_at(dynamic, image->dynamic + at * sizeof(Elf64_Dyn), ELF_T_DYN, count,
		             chunk))
			return;
		for (size_t i = 0; i < count; i++) {
			if (chunk[i].d_tag == DT_NULL)
				return;
			take_entry(dynamic, &chunk[i]);
		}
	}
}

/* ---- The GNU hash table: header, Bloom filter, buckets, chains ------------- */

struct gnu_hash {
	uint32_t buckets;
	uint32_t first_symbol; /* those below are not hashed */
	uint32_t bloom_words;
	uint32_t bloom_shift;
	uint64_t bloom_at; /* vaddrs */
	uint64_t buckets_at;
	uint64_t chains_at;
};

static bool gnu_hash_open(const struct dynamic *dynamic, struct gnu_hash *hash)
{
	uint64_t at = dynamic->image->gnu_hash;
	uint32_t header[4];

	if (!at || !read_at(dynamic, at, ELF_T_WORD, 4, header))
		return false;
	*hash = (struct gnu_hash){
		.buckets = header[0],
		.first_symbol = header[1],
		.bloom_words = header[2],
		.bloom_shift = header[3],
		.bloom_at = at + sizeof(header),
	};
	hash->buckets_at = hash->bloom_at + (uint64_t)hash->bloom_words * sizeof(uint64_t);
	hash->chains_at = hash->buckets_at + (uint64_t)hash->buckets * sizeof(uint32_t);
	if (hash->buckets == 0 || hash->buckets > MAX_BUCKETS || hash->bloom_words == 0 ||
	    hash->bloom_words & (hash->bloom_words - 1) || hash->bloom_shift >= 32 ||
	    hash->first_symbol > MAX_SYMBOLS)
		return false;
	return is_in_file(dynamic, at, hash->chains_at - at);
}

/* The hash value of a symbol that is hashed, its lowest bit set at the end of a chain. */
static bool gnu_hash_chain(const struct dynamic *dynamic, const struct gnu_hash *hash,
                           uint32_t symbol, uint32_t *ret)
{
	uint64_t slot = symbol - hash->first_symbol;

	if (symbol < hash->first_symbol || symbol >= MAX_SYMBOLS)
		return false;
	return read_at(dynamic, hash->chains_at + slot * sizeof(uint32_t), ELF_T_WORD, 1, ret);
}

/* The chain that begins last is also the one that ends last, with the last symbol. */
static bool gnu_hash_last_chain(const struct dynamic *dynamic, const struct gnu_hash *hash,
                                uint32_t *ret)
{
	uint32_t chunk[1024];
	uint32_t last = 0;
	uint32_t count;

	for (uint32_t at = 0; at < hash->buckets; at += count) {
		count = hash->buckets - at;
		if (count > sizeof(chunk) / sizeof(chunk[0]))
			count = sizeof(chunk) / sizeof(chunk[0]);
		if (!read_at(dynamic, hash->buckets_at + (uint64_t)at * sizeof(uint32_t),
		             ELF_T_WORD, count, chunk))
			return false;
		for (uint32_t i = 0; i < count; i++)
			if (chunk[i] > last)
				last = chunk[i];
	}
	*ret = last;
	return true;
}

static uint32_t gnu_hash_symbol_count(const struct dynamic *dynamic)
{
	struct gnu_hash hash;
	uint32_t symbol, value;

	if (!gnu_hash_open(dynamic, &hash) || !gnu_hash_last_chain(dynamic, &hash, &symbol))
		return 0;
	if (symbol == 0)
		return hash.first_symbol; /* nothing is hashed */
	for (unsigned steps = 0; steps < MAX_CHAIN; steps++, symbol++) {
		if (!gnu_hash_chain(dynamic, &hash, symbol, &value))
			return 0;
		if (value & 1)
			return symbol + 1;
	}
	return 0;
}

/* ---- The System V hash table: counts, buckets, chains ---------------------- */

static bool sysv_hash_counts(const struct dynamic *dynamic, uint32_t counts[2])
{
	uint64_t at = dynamic->image->sysv_hash;
	uint64_t words;

	if (!at || !read_at(dynamic, at, ELF_T_WORD, 2, counts))
		return false;
	if (counts[0] == 0 || counts[0] > MAX_BUCKETS || counts[1] > MAX_SYMBOLS)
		return false;
	words = UINT64_C(2) + counts[0] + counts[1];
	return is_in_file(dynamic, at, words * sizeof(uint32_t));
}

/* ---- Looking up a symbol ---------------------------------------------------- */

/* True when symbol INDEX has that name and is defined in this file, inside its segments. */
static bool symbol_matches(const struct dynamic *dynamic, uint32_t index, const char *name,
                           uint64_t *ret_value)
{
	const struct image *image = dynamic->image;
	size_t size = strlen(name) + 1;
	char found[MAX_SYMBOL_NAME];
	Elf64_Sym sym;

	if (index >= image->dynsym_count || size > sizeof(found))
		return false;
	if (!read_at(dynamic, image->dynsym + (uint64_t)index * sizeof(sym), ELF_T_SYM, 1, &sym))
		return false;
	if (size > image->dynstr_size || sym.st_name > image->dynstr_size - size)
		return false;
	if (!read_at(dynamic, image->dynstr + sym.st_name, ELF_T_BYTE, size, found))
		return false;
	if (memcmp(found, name, size) != 0 || sym.st_shndx == SHN_UNDEF)
		return false;
	if (sym.st_value < image->vaddr_lo || sym.st_value >= image->vaddr_hi)
		return false;
	*ret_value = sym.st_value;
	return true;
}

static uint64_t gnu_hash_find(const struct dynamic *dynamic, const struct gnu_hash *hash,
                              const char *name)
{
	uint32_t wanted = (uint32_t)elf_gnu_hash(name);
	uint64_t word_at = (wanted / 64) & (hash->bloom_words - 1);
	uint32_t symbol, value;
	uint64_t word, address;

	if (!read_at(dynamic, hash->bloom_at + word_at * sizeof(word), ELF_T_XWORD, 1, &word))
		return 0;
	if (!(word >> (wanted % 64) & word >> ((wanted >> hash->bloom_shift) % 64) & 1))
		return 0;
	if (!read_at(dynamic, hash->buckets_at + wanted % hash->buckets * sizeof(uint32_t),
	             ELF_T_WORD, 1, &symbol))
		return 0;
	for (unsigned steps = 0; symbol != 0 && steps < MAX_CHAIN; steps++, symbol++) {
		if (!gnu_hash_chain(dynamic, hash, symbol, &value))
			return 0;
		if ((value | 1) == (wanted | 1) && symbol_matches(dynamic, symbol, name, &address))
			return address;
		if (value & 1)
			return 0;
	}
	return 0;
}

static uint64_t sysv_hash_find(const struct dynamic *dynamic, const char *name)
{
	uint64_t at = dynamic->image->sysv_hash;
	uint64_t chains_at, address;
	uint32_t counts[2];
	uint32_t symbol;

	if (!sysv_hash_counts(dynamic, counts))
		return 0;
	at += sizeof(counts);
	chains_at = at + (uint64_t)counts[0] * sizeof(uint32_t);
	if (!read_at(dynamic, at + elf_hash(name) % counts[0] * sizeof(uint32_t), ELF_T_WORD, 1,
	             &symbol))
		return 0;
	for (unsigned steps = 0; symbol != 0 && steps < MAX_CHAIN; steps++) {
		if (symbol_matches(dynamic, symbol, name, &address))
			return address;
		if (symbol >= counts[1] ||
		    !read_at(dynamic, chains_at + (uint64_t)symbol * sizeof(uint32_t), ELF_T_WORD,
		             1, &symbol))
			return 0;
	}
	return 0;
}

static uint64_t find_symbol(const struct dynamic *dynamic, const char *name)
{
	struct gnu_hash hash;

	if (gnu_hash_open(dynamic, &hash))
		return gnu_hash_find(dynamic, &hash, name);
	return sysv_hash_find(dynamic, name);
}

/* The number of symbols is nowhere but in the hash tables. */
static uint32_t symbol_count(const struct dynamic *dynamic)
{
	uint32_t counts[2];

	if (sysv_hash_counts(dynamic, counts))
		return counts[1];
	return gnu_hash_symbol_count(dynamic);
}

/* Symbols without names, or names without symbols, are of no use to anybody. */
static void drop_symbols(struct image *image)
{
	image->dynsym = 0;
	image->dynstr = 0;
	image->dynstr_size = 0;
	image->gnu_hash = 0;
	image->sysv_hash = 0;
	image->dynsym_count = 0;
}

void image_take_dynamic(struct image *image, const struct image_file *file)
{
	struct dynamic dynamic = {.image = image, .file = file, .syment = sizeof(Elf64_Sym)};
	struct gnu_hash hash;
	uint32_t counts[2];

	if (!image->dynamic)
		return;
	if (!image->dynamic_size || !is_in_file(&dynamic, image->dynamic, image->dynamic_size)) {
		image->dynamic = 0;
		image->dynamic_size = 0;
		return;
	}
	read_entries(&dynamic);
	image->dynsym_count = symbol_count(&dynamic);
	if (image->dynsym_count == 0 || dynamic.syment != sizeof(Elf64_Sym) ||
	    !is_in_file(&dynamic, image->dynsym,
	                (uint64_t)image->dynsym_count * sizeof(Elf64_Sym)) ||
	    !is_in_file(&dynamic, image->dynstr, image->dynstr_size)) {
		drop_symbols(image);
		return;
	}
	if (!gnu_hash_open(&dynamic, &hash))
		image->gnu_hash = 0;
	if (!sysv_hash_counts(&dynamic, counts))
		image->sysv_hash = 0;
	image->dl_debug_state = find_symbol(&dynamic, "_dl_debug_state");
	image->r_debug = find_symbol(&dynamic, "_r_debug");
}
