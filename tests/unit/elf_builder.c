#include "tests/unit/elf_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libelf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char symbol_names[] = "\0_dl_debug_state\0_r_debug";

void elf_builder_init(struct elf_builder *builder)
{
	memset(builder, 0, sizeof(*builder));
	builder->ehdr = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                    EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = ELF_BUILDER_ENTRY,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	builder->phdrs[0] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_filesz = 0x1000,
		.p_memsz = 0x1000,
		.p_align = 0x1000,
	};
	builder->phdrs[1] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = 0x1000,
		.p_vaddr = 0x2000,
		.p_filesz = 0x200,
		.p_memsz = 0x3000,
		.p_align = 0x1000,
	};
	builder->size = 0x1200;
}

void elf_builder_put(struct elf_builder *builder, uint64_t offset, const void *bytes, size_t size)
{
	if (offset > ELF_BUILDER_SIZE || size > ELF_BUILDER_SIZE - offset) {
		fail_msg("0x%zx bytes at 0x%jx are too many", size, (uintmax_t)offset);
		return;
	}
	memcpy(builder->bytes + offset, bytes, size);
}

Elf64_Phdr *elf_builder_add(struct elf_builder *builder, uint32_t type, uint64_t offset,
                            uint64_t size)
{
	Elf64_Phdr *phdr = &builder->phdrs[builder->ehdr.e_phnum];

	assert_true(builder->ehdr.e_phnum < ELF_BUILDER_PHDRS);
	builder->ehdr.e_phnum++;
	*phdr = (Elf64_Phdr){
		.p_type = type,
		.p_flags = PF_R,
		.p_offset = offset,
		.p_vaddr = offset,
		.p_filesz = size,
		.p_memsz = size,
		.p_align = 8,
	};
	return phdr;
}

Elf64_Phdr *elf_builder_add_interp(struct elf_builder *builder, const char *name)
{
	elf_builder_put(builder, ELF_BUILDER_INTERP, name, strlen(name) + 1);
	return elf_builder_add(builder, PT_INTERP, ELF_BUILDER_INTERP, strlen(name) + 1);
}

static uint64_t put_note(struct elf_builder *builder, uint64_t at, uint32_t type, const void *desc,
                         uint32_t size, uint64_t align)
{
	Elf64_Nhdr note = {.n_namesz = sizeof(ELF_NOTE_GNU), .n_descsz = size, .n_type = type};
	uint64_t desc_at;

	elf_builder_put(builder, at, &note, sizeof(note));
	elf_builder_put(builder, at + sizeof(note), ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU));
	desc_at = (at + sizeof(note) + sizeof(ELF_NOTE_GNU) + align - 1) & ~(align - 1);
	elf_builder_put(builder, desc_at, desc, size);
	return (desc_at + size + align - 1) & ~(align - 1);
}

Elf64_Phdr *elf_builder_add_build_id(struct elf_builder *builder, uint32_t size, uint64_t align)
{
	uint64_t at = ELF_BUILDER_NOTE;
	unsigned char id[64] = {0};
	Elf64_Phdr *phdr;

	assert_true(size <= sizeof(id));
	for (uint32_t i = 0; i < size; i++)
		id[i] = (unsigned char)(i + 1);
	at = put_note(builder, at, NT_GNU_ABI_TAG, "\1\2\3\4\5\6", 6, align);
	at = put_note(builder, at, NT_GNU_BUILD_ID, id, size, align);
	phdr = elf_builder_add(builder, PT_NOTE, ELF_BUILDER_NOTE, at - ELF_BUILDER_NOTE);
	phdr->p_align = align;
	return phdr;
}

/* One bucket: symbol 1, then symbol 2, which ends the chain. */
static void put_gnu_hash(struct elf_builder *builder)
{
	uint32_t header[4] = {1, 1, 1, 6};
	uint64_t bloom = ~UINT64_C(0);
	uint32_t table[3] = {
		1,
		(uint32_t)elf_gnu_hash("_dl_debug_state") & ~1u,
		(uint32_t)elf_gnu_hash("_r_debug") | 1,
	};

	elf_builder_put(builder, ELF_BUILDER_GNU_HASH, header, sizeof(header));
	elf_builder_put(builder, ELF_BUILDER_GNU_HASH + 16, &bloom, sizeof(bloom));
	elf_builder_put(builder, ELF_BUILDER_GNU_HASH + 24, table, sizeof(table));
}

/* One bucket, three symbols: 1 leads to 2, 2 to the end. */
static void put_sysv_hash(struct elf_builder *builder)
{
	uint32_t table[] = {1, 3, 1, 0, 2, 0};

	elf_builder_put(builder, ELF_BUILDER_SYSV_HASH, table, sizeof(table));
}

Elf64_Phdr *elf_builder_add_symbols(struct elf_builder *builder, unsigned hashes)
{
	Elf64_Sym symbols[3] = {
		{0},
		{.st_name = 1, .st_shndx = 1, .st_value = ELF_BUILDER_DL_DEBUG_STATE},
		{.st_name = 17, .st_shndx = 2, .st_value = ELF_BUILDER_R_DEBUG},
	};
	Elf64_Dyn dynamic[] = {
		{DT_SYMTAB, {ELF_BUILDER_DYNSYM}},
		{DT_SYMENT, {sizeof(Elf64_Sym)}},
		{DT_STRTAB, {ELF_BUILDER_DYNSTR}},
		{DT_STRSZ, {sizeof(symbol_names)}},
		{hashes & ELF_BUILDER_GNU ? DT_GNU_HASH : DT_DEBUG, {ELF_BUILDER_GNU_HASH}},
		{hashes & ELF_BUILDER_SYSV ? DT_HASH : DT_DEBUG, {ELF_BUILDER_SYSV_HASH}},
		{DT_NULL, {0}},
		{DT_SYMTAB, {0x666}}, /* behind the end: not to be seen */
	};

	if (hashes & ELF_BUILDER_GNU)
		put_gnu_hash(builder);
	if (hashes & ELF_BUILDER_SYSV)
		put_sysv_hash(builder);
	elf_builder_put(builder, ELF_BUILDER_DYNSYM, symbols, sizeof(symbols));
	elf_builder_put(builder, ELF_BUILDER_DYNSTR, symbol_names, sizeof(symbol_names));
	elf_builder_put(builder, ELF_BUILDER_DYNAMIC, dynamic, sizeof(dynamic));
	return elf_builder_add(builder, PT_DYNAMIC, ELF_BUILDER_DYNAMIC, sizeof(dynamic));
}

void elf_builder_add_sections(struct elf_builder *builder)
{
	static const char names[] = "\0.shstrtab\0.symtab\0.debug_info";
	uint64_t at = builder->size;
	Elf64_Shdr sections[] = {
		{0},
		{.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = sizeof(names)},
		{.sh_name = 11, .sh_type = SHT_SYMTAB},
		{.sh_name = 19, .sh_type = SHT_PROGBITS},
	};

	elf_builder_put(builder, at, names, sizeof(names));
	at += (sizeof(names) + 7) & ~(size_t)7;
	elf_builder_put(builder, at, sections, sizeof(sections));
	builder->ehdr.e_shoff = at;
	builder->ehdr.e_shnum = 4;
	builder->ehdr.e_shstrndx = 1;
	builder->size = at + sizeof(sections);
}

int elf_builder_fd(const struct elf_builder *builder)
{
	size_t table = sizeof(builder->phdrs[0]) * (builder->ehdr.e_phnum < ELF_BUILDER_PHDRS
	                                                    ? builder->ehdr.e_phnum
	                                                    : ELF_BUILDER_PHDRS);
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, builder->bytes, sizeof(builder->bytes), 0),
	                 (ssize_t)sizeof(builder->bytes));
	assert_int_equal(pwrite(fd, &builder->ehdr, sizeof(builder->ehdr), 0),
	                 (ssize_t)sizeof(builder->ehdr));
	assert_int_equal(pwrite(fd, builder->phdrs, table, sizeof(builder->ehdr)), (ssize_t)table);
	assert_int_equal(ftruncate(fd, (off_t)builder->size), 0);
	return fd;
}
