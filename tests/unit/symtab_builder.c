#include "tests/unit/symtab_builder.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the sections hold has to live until elf_update. */
struct build {
	Elf *elf;
	char names[512];
	size_t names_used;
	char strings[4096];
	size_t strings_used;
	char text[0x1000];
	Elf64_Sym syms[128];
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint8_t id[20];
	} note;
};

static void *or_die(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint32_t add_string(char *strings, size_t size, size_t *used, const char *string)
{
	size_t at = *used, len = strlen(string) + 1;

	if (len > size - at)
		abort();
	memcpy(strings + at, string, len);
	*used += len;
	return (uint32_t)at;
}

static Elf_Scn *add_section(struct build *b, const char *name, const GElf_Shdr *like, void *bytes,
                            size_t size, Elf_Type type)
{
	Elf_Scn *scn = or_die(elf_newscn(b->elf));
	Elf_Data *data = or_die(elf_newdata(scn));
	GElf_Shdr shdr;

	data->d_buf = bytes;
	data->d_size = size;
	data->d_type = type;
	data->d_align = 8;
	data->d_off = 0;
	data->d_version = EV_CURRENT;
	or_die(gelf_getshdr(scn, &shdr));
	shdr.sh_name = add_string(b->names, sizeof(b->names), &b->names_used, name);
	shdr.sh_type = like->sh_type;
	shdr.sh_flags = like->sh_flags;
	shdr.sh_addr = like->sh_addr;
	shdr.sh_offset = like->sh_offset;
	shdr.sh_size = size;
	shdr.sh_link = like->sh_link;
	shdr.sh_info = like->sh_info;
	shdr.sh_entsize = like->sh_entsize;
	shdr.sh_addralign = 8;
	if (!gelf_update_shdr(scn, &shdr))
		abort();
	return scn;
}

static void add_program_sections(struct build *b)
{
	const GElf_Shdr text = {.sh_type = SHT_PROGBITS,
	                        .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
	                        .sh_addr = 0x1000,
	                        .sh_offset = 0x1000};
	const GElf_Shdr data = {.sh_type = SHT_PROGBITS,
	                        .sh_flags = SHF_ALLOC | SHF_WRITE,
	                        .sh_addr = 0x2000,
	                        .sh_offset = 0x2000};
	const GElf_Shdr tbss = {.sh_type = SHT_NOBITS,
	                        .sh_flags = SHF_ALLOC | SHF_WRITE | SHF_TLS,
	                        .sh_addr = 0x2000,
	                        .sh_offset = 0x2100};
	const GElf_Shdr bss = {.sh_type = SHT_NOBITS,
	                       .sh_flags = SHF_ALLOC | SHF_WRITE,
	                       .sh_addr = 0x3000,
	                       .sh_offset = 0x2100};

	add_section(b, ".text", &text, b->text, 0x1000, ELF_T_BYTE);
	add_section(b, ".data", &data, b->text, 0x100, ELF_T_BYTE);
	add_section(b, ".tbss", &tbss, NULL, 0x1000, ELF_T_BYTE);
	add_section(b, ".bss", &bss, NULL, 0x200, ELF_T_BYTE);
}

static void add_symbols(struct build *b, unsigned table_type, const struct symtab_entry *entries,
                        size_t count)
{
	GElf_Shdr table = {.sh_type = table_type,
	                   .sh_offset = 0x3000,
	                   .sh_link = 6,
	                   .sh_entsize = sizeof(Elf64_Sym)};
	const GElf_Shdr strings = {.sh_type = SHT_STRTAB, .sh_offset = 0x4000};

	if (count >= sizeof(b->syms) / sizeof(b->syms[0]))
		abort();
	for (size_t i = 0; i < count; i++)
		b->syms[i + 1] = (Elf64_Sym){
			.st_name = add_string(b->strings, sizeof(b->strings), &b->strings_used,
		                              entries[i].name),
			.st_info = (unsigned char)ELF64_ST_INFO(entries[i].bind, entries[i].type),
			.st_shndx = entries[i].section,
			.st_value = entries[i].value,
			.st_size = entries[i].size,
		};
	if (!table_type)
		return;
	add_section(b, ".symbols", &table, b->syms, (count + 1) * sizeof(Elf64_Sym), ELF_T_SYM);
	add_section(b, ".strings", &strings, b->strings, b->strings_used, ELF_T_BYTE);
}

/* Two PT_LOADs, and the note's own header, which the build-id is found by. */
static void add_segments(struct build *b, uint8_t build_id)
{
	const GElf_Shdr like = {.sh_type = SHT_NOTE, .sh_offset = 0x800};
	GElf_Phdr text = {.p_type = PT_LOAD,
	                  .p_offset = 0x1000,
	                  .p_vaddr = 0x1000,
	                  .p_filesz = 0x1000,
	                  .p_memsz = 0x1000};
	GElf_Phdr data = {.p_type = PT_LOAD,
	                  .p_offset = 0x2000,
	                  .p_vaddr = 0x2000,
	                  .p_filesz = 0x100,
	                  .p_memsz = 0x1200};
	GElf_Phdr note = {.p_type = PT_NOTE, .p_offset = 0x800, .p_align = 4};

	if (build_id) {
		b->note.header = (Elf64_Nhdr){4, 20, NT_GNU_BUILD_ID};
		memcpy(b->note.name, "GNU", 4);
		memset(b->note.id, build_id, 20);
		add_section(b, ".note", &like, &b->note, sizeof(b->note), ELF_T_BYTE);
		note.p_filesz = sizeof(b->note);
	}
	or_die(gelf_newphdr(b->elf, 3));
	if (!gelf_update_phdr(b->elf, 0, &text) || !gelf_update_phdr(b->elf, 1, &data) ||
	    !gelf_update_phdr(b->elf, 2, &note))
		abort();
}

static void finish(struct build *b)
{
	const GElf_Shdr names = {.sh_type = SHT_STRTAB, .sh_offset = 0x900};
	GElf_Ehdr ehdr;
	Elf_Scn *scn;

	scn = add_section(b, ".names", &names, b->names, sizeof(b->names), ELF_T_BYTE);
	or_die(gelf_getehdr(b->elf, &ehdr));
	ehdr.e_type = ET_DYN;
	ehdr.e_machine = EM_X86_64;
	ehdr.e_version = EV_CURRENT;
	ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr.e_phoff = 64;
	ehdr.e_shoff = 0x5000;
	ehdr.e_shstrndx = (uint16_t)elf_ndxscn(scn);
	if (!gelf_update_ehdr(b->elf, &ehdr) || elf_update(b->elf, ELF_C_WRITE) < 0)
		abort();
}

int symtab_builder_fd(unsigned table_type, const struct symtab_entry *entries, size_t count,
                      uint8_t build_id)
{
	int fd = memfd_create("symbols", 0);
	struct build *b = or_die(calloc(1, sizeof(*b)));

	elf_version(EV_CURRENT);
	b->names_used = b->strings_used = 1;
	b->elf = or_die(elf_begin(fd, ELF_C_WRITE, NULL));
	elf_flagelf(b->elf, ELF_C_SET, ELF_F_LAYOUT);
	or_die(gelf_newehdr(b->elf, ELFCLASS64));
	add_program_sections(b);
	add_symbols(b, table_type, entries, count);
	add_segments(b, build_id);
	finish(b);
	elf_end(b->elf);
	free(b);
	return fd;
}
