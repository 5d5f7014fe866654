#include "lib/unwind/elf_image.h"

#include "lib/base/cleanup.h"
#include "lib/unwind/arch.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define IMAGE_MAX (UINT64_C(256) << 20)
#define PHNUM_MAX 64

struct elf_image {
	void *bytes; /* mapped: what is not read costs nothing */
	size_t size;
	Elf *elf;
};

struct headers {
	Elf64_Ehdr header;
	Elf64_Phdr segments[PHNUM_MAX];
};

static int invalid(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_INVALID, "no ELF file in memory at 0x%" PRIx64, addr);
}

static bool is_header(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_machine == arch_machine && header->e_phentsize == sizeof(Elf64_Phdr) &&
	       header->e_phnum && header->e_phnum <= PHNUM_MAX && header->e_phoff < IMAGE_MAX;
}

static int read_headers(struct mem *mem, uint64_t addr, struct headers *h, struct err *err)
{
	if (mem_read(mem, addr, &h->header, sizeof(h->header), err))
		return -1;
	if (!is_header(&h->header))
		return invalid(addr, err);
	return mem_read(mem, addr + h->header.e_phoff, h->segments,
	                h->header.e_phnum * sizeof(Elf64_Phdr), err);
}

static bool holds(const Elf64_Phdr *segment, uint64_t offset)
{
	return offset >= segment->p_offset && offset - segment->p_offset < segment->p_filesz;
}

/* Unwind information lies in one segment with its index, and is never written. */
static bool is_wanted(const struct headers *h, const Elf64_Phdr *segment)
{
	if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) ||
	    segment->p_offset > IMAGE_MAX || segment->p_filesz > IMAGE_MAX)
		return false;
	for (unsigned i = 0; i < h->header.e_phnum; i++) {
		if (h->segments[i].p_type == PT_GNU_EH_FRAME &&
		    holds(segment, h->segments[i].p_offset))
			return true;
	}
	return false;
}

static uint64_t size_of(const struct headers *h)
{
	uint64_t size = h->header.e_phoff + h->header.e_phnum * sizeof(Elf64_Phdr);

	for (unsigned i = 0; i < h->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &h->segments[i];

		if (is_wanted(h, segment) && segment->p_offset + segment->p_filesz > size)
			size = segment->p_offset + segment->p_filesz;
	}
	return size;
}

/* The address that vaddr 0 has, given that the segment with the headers is at addr. */
static uint64_t bias_of(const struct headers *h, uint64_t addr)
{
	for (unsigned i = 0; i < h->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &h->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_offset == 0)
			return addr - segment->p_vaddr;
	}
	return addr;
}

static void read_segments(struct mem *mem, uint64_t bias, const struct headers *h, char *bytes)
{
	for (unsigned i = 0; i < h->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &h->segments[i];
		struct err err;
		size_t got;

		/* what cannot be read stays 0 */
		if (is_wanted(h, segment))
			mem_read_some(mem, bias + segment->p_vaddr, bytes + segment->p_offset,
			              segment->p_filesz, &got, &err);
	}
}

int elf_image_read(struct mem *mem, uint64_t addr, struct elf_image **ret_image, struct err *err)
{
	AUTO_FREE struct elf_image *image = NULL;
	struct headers h;
	uint64_t size;

	if (read_headers(mem, addr, &h, err))
		return -1;
	size = size_of(&h);
	if (size > IMAGE_MAX)
		return err_set(err, ERR_LIMIT, "ELF file of %" PRIu64 " bytes in memory", size);
	image = calloc(1, sizeof(*image));
	if (!image)
		return err_os(err, ENOMEM, "image of an ELF file");
	image->size = size;
	image->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image->bytes == MAP_FAILED)
		return err_os(err, errno, "image of an ELF file");
	read_segments(mem, bias_of(&h, addr), &h, image->bytes);
	/* Section headers are not in memory, whatever the header says. */
	h.header.e_shoff = 0;
	h.header.e_shnum = 0;
	h.header.e_shstrndx = 0;
	memcpy(image->bytes, &h.header, sizeof(h.header));
	memcpy((char *)image->bytes + h.header.e_phoff, h.segments,
	       h.header.e_phnum * sizeof(Elf64_Phdr));
	image->elf = elf_memory(image->bytes, size);
	if (!image->elf) {
		munmap(image->bytes, size);
		return invalid(addr, err);
	}
	*ret_image = TAKE_PTR(image);
	return 0;
}

void elf_image_destroy(struct elf_image *image)
{
	if (!image)
		return;
	elf_end(image->elf);
	munmap(image->bytes, image->size);
	free(image);
}

Elf *elf_image_elf(const struct elf_image *image)
{
	return image->elf;
}
