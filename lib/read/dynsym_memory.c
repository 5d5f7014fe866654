#include "lib/read/dynsym_memory.h"

#include "lib/base/cleanup.h"
#include "lib/read/symtab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Offsets of the parts: header, section headers, symbols, strings. */
enum { SECTIONS = 3, SHDRS_AT = sizeof(Elf64_Ehdr) };
#define SYMBOLS_AT (SHDRS_AT + SECTIONS * sizeof(Elf64_Shdr))

static void write_headers(char *bytes, size_t symbols_size, size_t strings_size)
{
	const Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                    EV_CURRENT},
		.e_type = ET_DYN,
		.e_version = EV_CURRENT,
		.e_shoff = SHDRS_AT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
	};
	const Elf64_Shdr shdrs[SECTIONS] = {
		[1] = {.sh_type = SHT_DYNSYM,
	               .sh_offset = SYMBOLS_AT,
	               .sh_size = symbols_size,
	               .sh_link = 2,
	               .sh_entsize = sizeof(Elf64_Sym)},
		[2] = {.sh_type = SHT_STRTAB,
	               .sh_offset = SYMBOLS_AT + symbols_size,
	               .sh_size = strings_size},
	};

	memcpy(bytes, &ehdr, sizeof(ehdr));
	memcpy(bytes + SHDRS_AT, shdrs, sizeof(shdrs));
}

int dynsym_memory_read(struct mem *mem, const struct reg_image *image, uint64_t bias,
                       void **ret_bytes, size_t *ret_size, struct err *err)
{
	const struct tp_image *abi = &image->abi;
	size_t symbols_size = (size_t)abi->dynsym_count * sizeof(Elf64_Sym);
	AUTO_FREE char *bytes = NULL;
	size_t size;

	if (!abi->dynsym || !abi->dynstr || !abi->dynsym_count || !abi->dynstr_size)
		return err_set(err, ERR_NOT_FOUND, "no symbols in memory");
	if (abi->dynsym_count > SYMTAB_SYMBOLS_MAX || abi->dynstr_size > SYMTAB_NAMES_MAX)
		return err_set(err, ERR_LIMIT, "too many symbols in memory");
	size = SYMBOLS_AT + symbols_size + abi->dynstr_size;
	bytes = malloc(size);
	if (!bytes)
		return err_os(err, ENOMEM, "symbols in memory");
	write_headers(bytes, symbols_size, abi->dynstr_size);
	if (mem_read(mem, bias + abi->dynsym, bytes + SYMBOLS_AT, symbols_size, err) ||
	    mem_read(mem, bias + abi->dynstr, bytes + SYMBOLS_AT + symbols_size, abi->dynstr_size,
	             err))
		return -1;
	*ret_bytes = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}
