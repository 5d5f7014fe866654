#include "lib/read/module_memory.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <errno.h>
#include <string.h>

static bool is_elf(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_phentsize == sizeof(Elf64_Phdr);
}

static bool take(const Elf64_Phdr *phdr, uint64_t bias, struct module_segment *segment)
{
	uint64_t end;

	if (phdr->p_type != PT_LOAD && phdr->p_type != PT_TLS)
		return false;
	*segment = (struct module_segment){
		.type = phdr->p_type,
		.flags = phdr->p_flags,
		.addr = bias + phdr->p_vaddr,
		.file_size = phdr->p_filesz,
		.size = phdr->p_memsz,
		.align = phdr->p_align,
	};
	return segment->file_size <= segment->size &&
	       !__builtin_add_overflow(segment->addr, segment->size, &end);
}

int module_memory_read(const struct target *target, const struct reg_module *module,
                       struct module_memory *ret_memory, struct err *err)
{
	const struct reg_image *image = snapshot_image(target->snapshot, module->abi.image);
	struct module_memory memory = {.count = 0};
	AUTO_FREE Elf64_Phdr *phdrs = NULL;
	Elf64_Ehdr header;
	uint64_t base;

	if (!image || !target->mem)
		return err_set(err, ERR_NOT_FOUND, "the module's file is not known");
	base = module->abi.bias + image->abi.vaddr_lo;
	if (mem_read(target->mem, base, &header, sizeof(header), err))
		return -1;
	if (!is_elf(&header))
		return err_set(err, ERR_INVALID, "no ELF header in memory");
	phdrs = calloc(header.e_phnum ? header.e_phnum : 1, sizeof(*phdrs));
	if (!phdrs)
		return err_os(err, ENOMEM, "program headers");
	if (mem_read(target->mem, base + header.e_phoff, phdrs, header.e_phnum * sizeof(*phdrs),
	             err))
		return -1;
	for (size_t i = 0; i < header.e_phnum && memory.count < MODULE_SEGMENTS; i++)
		memory.count += take(&phdrs[i], module->abi.bias, &memory.list[memory.count]);
	*ret_memory = memory;
	return 0;
}

const struct module_segment *module_memory_tls(const struct module_memory *memory)
{
	for (size_t i = 0; i < memory->count; i++) {
		if (memory->list[i].type == PT_TLS)
			return &memory->list[i];
	}
	return NULL;
}

bool module_is_libc(const struct reg_module *module)
{
	static const char *const beginnings[] = {"libc.so", "libc-", "libc.musl", "ld-musl"};
	const char *name = text_base_name(module->path);

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	}
	return false;
}
