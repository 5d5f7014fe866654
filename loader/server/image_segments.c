/* Program headers: what of the file goes where in memory. */
#include "loader/server/image_parts.h"

#include "lib/base/cleanup.h"
#include "loader/server/image_arch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>

/*
 * The span of a program's segments that is believed.  A slot has 16 GiB at first, of which
 * the heap, the stack and the libraries want their share.
 */
#define MAX_SPAN (UINT64_C(8) << 30)

static uint64_t page_down(uint64_t addr)
{
	return addr & ~(ARCH_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t addr)
{
	return page_down(addr + ARCH_PAGE_SIZE - 1);
}

static uint64_t segment_end(const struct image_segment *segment)
{
	return segment->vaddr + segment->memsz;
}

/* "PATH: program header INDEX (TYPE): ..." */
static int __attribute__((format(printf, 5, 6)))
invalid_phdr(const struct image_file *file, unsigned index, const char *type, struct err *err,
             const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return image_file_invalid(file, err, "program header %u (%s): %s", index, type, text);
}

/* Everything about one PT_LOAD that can be said without knowing the others. */
static int check_load(const struct image_file *file, unsigned index, const Elf64_Phdr *phdr,
                      struct err *err)
{
	if (phdr->p_filesz > phdr->p_memsz)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "has more bytes in the file (0x%" PRIx64
		                    ") than in memory (0x%" PRIx64 ")",
		                    phdr->p_filesz, phdr->p_memsz);
	if (phdr->p_memsz > ARCH_USER_END || phdr->p_vaddr > ARCH_USER_END - phdr->p_memsz)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "0x%" PRIx64 " bytes at address 0x%" PRIx64
		                    " do not lie in user space",
		                    phdr->p_memsz, phdr->p_vaddr);
	if (phdr->p_align & (phdr->p_align - 1))
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "alignment 0x%" PRIx64 " is not a power of two", phdr->p_align);
	if (phdr->p_align > IMAGE_MAX_ALIGN)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "alignment 0x%" PRIx64 " is above 0x%" PRIx64, phdr->p_align,
		                    IMAGE_MAX_ALIGN);
	if (phdr->p_filesz == 0)
		return 0; /* nothing is mapped from the file: p_offset has no meaning */
	if (!image_file_holds(file, phdr->p_offset, phdr->p_filesz))
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "ends past the end of the file (offset 0x%" PRIx64
		                    " + 0x%" PRIx64 ", the file has 0x%" PRIx64 " bytes)",
		                    phdr->p_offset, phdr->p_filesz, file->size);
	if ((phdr->p_vaddr - phdr->p_offset) % ARCH_PAGE_SIZE)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "address 0x%" PRIx64 " and file offset 0x%" PRIx64
		                    " lie at different places in a page",
		                    phdr->p_vaddr, phdr->p_offset);
	return 0;
}

/* Segments ascend, and no two share a page: whichever was mapped last would win it. */
static int check_after(const struct image_file *file, unsigned index, const Elf64_Phdr *phdr,
                       const struct image_segment *previous, struct err *err)
{
	if (phdr->p_vaddr < previous->vaddr)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "is out of order: address 0x%" PRIx64 " comes after 0x%" PRIx64,
		                    phdr->p_vaddr, previous->vaddr);
	if (page_down(phdr->p_vaddr) < page_up(segment_end(previous)))
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "overlaps the segment before it (address 0x%" PRIx64
		                    ", that one ends at 0x%" PRIx64 ")",
		                    phdr->p_vaddr, segment_end(previous));
	return 0;
}

static int prot_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

static int take_load(struct image *image, const struct image_file *file, unsigned index,
                     const Elf64_Phdr *phdr, struct err *err)
{
	struct image_segment *segment = &image->segments[image->segment_count];

	if (check_load(file, index, phdr, err))
		return -1;
	if (phdr->p_memsz == 0)
		return 0; /* linkers leave such behind; nothing is mapped for it */
	if (image->segment_count == IMAGE_MAX_SEGMENTS)
		return invalid_phdr(file, index, "PT_LOAD", err,
		                    "is one more segment than the %d that are supported",
		                    IMAGE_MAX_SEGMENTS);
	if (image->segment_count > 0 && check_after(file, index, phdr, segment - 1, err))
		return -1;
	*segment = (struct image_segment){
		.vaddr = phdr->p_vaddr,
		.filesz = phdr->p_filesz,
		.memsz = phdr->p_memsz,
		.offset = phdr->p_filesz ? phdr->p_offset : phdr->p_vaddr % ARCH_PAGE_SIZE,
		.align = phdr->p_align > ARCH_PAGE_SIZE ? phdr->p_align : ARCH_PAGE_SIZE,
		.prot = prot_of(phdr->p_flags),
	};
	image->segment_count++;
	return 0;
}

static int take_interp(struct image *image, const struct image_file *file, unsigned index,
                       const Elf64_Phdr *phdr, struct err *err)
{
	AUTO_FREE char *interp = NULL;

	if (image->interp)
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "is the second one: a program has one interpreter");
	if (phdr->p_filesz > PATH_MAX)
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "0x%" PRIx64 " bytes are more than a path may have (%d)",
		                    phdr->p_filesz, PATH_MAX);
	if (phdr->p_filesz < 2)
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "the interpreter's name is empty");
	if (!image_file_holds(file, phdr->p_offset, phdr->p_filesz))
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "ends past the end of the file (offset 0x%" PRIx64
		                    " + 0x%" PRIx64 ", the file has 0x%" PRIx64 " bytes)",
		                    phdr->p_offset, phdr->p_filesz, file->size);
	interp = malloc(phdr->p_filesz);
	if (!interp)
		return err_os(err, ENOMEM, "%s: PT_INTERP", file->path.text);
	if (image_file_read(file, phdr->p_offset, ELF_T_BYTE, phdr->p_filesz, interp, err))
		return -1;
	if (interp[phdr->p_filesz - 1] != '\0')
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "the interpreter's name does not end in a NUL byte");
	if (interp[0] == '\0')
		return invalid_phdr(file, index, "PT_INTERP", err,
		                    "the interpreter's name is empty");
	image->interp = TAKE_PTR(interp);
	return 0;
}

static int take_phdr(struct image *image, const struct image_file *file, unsigned index,
                     const Elf64_Phdr *phdr, struct err *err)
{
	switch (phdr->p_type) {
	case PT_LOAD:
		return take_load(image, file, index, phdr, err);
	case PT_INTERP:
		return take_interp(image, file, index, phdr, err);
	case PT_GNU_STACK:
		image->exec_stack = phdr->p_flags & PF_X;
		return 0;
	case PT_TLS:
		image->has_tls = true;
		image->tls_size = phdr->p_memsz;
		return 0;
	case PT_DYNAMIC:
		image->dynamic = phdr->p_vaddr;
		image->dynamic_size = phdr->p_filesz;
		return 0;
	default:
		return 0;
	}
}

static int compute_spans(struct image *image, const struct image_file *file, struct err *err)
{
	const struct image_segment *last = &image->segments[image->segment_count - 1];

	image->vaddr_lo = page_down(image->segments[0].vaddr);
	image->vaddr_hi = page_up(segment_end(last));
	if (image->vaddr_hi - image->vaddr_lo > MAX_SPAN)
		return image_file_invalid(file, err,
		                          "the segments span 0x%" PRIx64
		                          " bytes of address space (the limit is 0x%" PRIx64 ")",
		                          image->vaddr_hi - image->vaddr_lo, MAX_SPAN);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (segment->align > image->align)
			image->align = segment->align;
		if (!(segment->prot & PROT_EXEC))
			continue;
		if (image->text_hi == 0)
			image->text_lo = segment->vaddr;
		image->text_hi = segment_end(segment);
	}
	return 0;
}

/* Where the program headers lie in memory: what AT_PHDR will say. */
static uint64_t find_phdr_table(const struct image *image, const struct image_file *file)
{
	uint64_t offset = file->ehdr.e_phoff;
	uint64_t size = (uint64_t)file->ehdr.e_phnum * sizeof(Elf64_Phdr);

	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (offset >= segment->offset && size <= segment->filesz &&
		    offset - segment->offset <= segment->filesz - size)
			return segment->vaddr + (offset - segment->offset);
	}
	return 0;
}

int image_take_phdrs(struct image *image, const struct image_file *file, const Elf64_Phdr *phdrs,
                     struct err *err)
{
	for (unsigned i = 0; i < file->ehdr.e_phnum; i++)
		if (take_phdr(image, file, i, &phdrs[i], err))
			return -1;
	if (image->segment_count == 0)
		return image_file_invalid(
			file, err, "no program header is a PT_LOAD: there is nothing to load");
	if (compute_spans(image, file, err))
		return -1;
	image->phnum = file->ehdr.e_phnum;
	image->phdr = find_phdr_table(image, file);
	return 0;
}

bool image_file_offset(const struct image *image, uint64_t vaddr, uint64_t size,
                       uint64_t *ret_offset)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (vaddr < segment->vaddr || size > segment->filesz ||
		    vaddr - segment->vaddr > segment->filesz - size)
			continue;
		*ret_offset = segment->offset + (vaddr - segment->vaddr);
		return true;
	}
	return false;
}
