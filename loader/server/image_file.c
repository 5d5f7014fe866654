#include "loader/server/image_file.h"

#include "lib/base/cleanup.h"
#include "loader/server/image_arch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* load_elf_phdrs() of the kernel reads no table above 64 KiB. */
#define MAX_PHDRS (65536 / sizeof(Elf64_Phdr))

int image_file_invalid(const struct image_file *file, struct err *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(err, ERR_INVALID, "%s: %s", file->path.text, text);
}

bool image_file_holds(const struct image_file *file, uint64_t offset, uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

/* Reads until size bytes are there or the file ends; how many, or -1 with errno. */
static ssize_t read_up_to(int fd, uint64_t offset, void *ret, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while (done < size) {
		got = pread(fd, (char *)ret + done, size - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* In place: the structures of ELFCLASS64 have one size, in the file as in memory. */
static int translate(const struct image_file *file, Elf_Type type, size_t size, void *bytes,
                     struct err *err)
{
	Elf_Data data = {.d_buf = bytes, .d_type = type, .d_size = size, .d_version = EV_CURRENT};

	if (!elf64_xlatetom(&data, &data, file->ehdr.e_ident[EI_DATA]))
		return image_file_invalid(file, err, "cannot be translated: %s", elf_errmsg(-1));
	return 0;
}

int image_file_read(const struct image_file *file, uint64_t offset, Elf_Type type, size_t count,
                    void *ret, struct err *err)
{
	size_t size = elf64_fsize(type, count, EV_CURRENT);
	ssize_t got;

	if (!image_file_holds(file, offset, size))
		return image_file_invalid(file, err, "ends before offset 0x%jx + 0x%zx",
		                          (uintmax_t)offset, size);
	got = read_up_to(file->fd, offset, ret, size);
	if (got < 0)
		return err_os(err, errno, "%s: cannot read", file->path.text);
	if ((size_t)got < size)
		return image_file_invalid(file, err, "became shorter while it was read");
	return translate(file, type, size, ret, err);
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{EM_386, "Intel 80386"}, {EM_X86_64, "x86-64"},  {EM_AARCH64, "AArch64"},
		{EM_ARM, "ARM"},         {EM_RISCV, "RISC-V"},   {EM_PPC64, "64-bit PowerPC"},
		{EM_PPC, "PowerPC"},     {EM_S390, "IBM S/390"}, {EM_MIPS, "MIPS"},
		{EM_SPARCV9, "SPARC"},   {EM_BPF, "BPF"},        {EM_LOONGARCH, "LoongArch"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "unknown";
}

/*
 * What the first bytes say: is this an ELF file whose header can be read at all?  Only the
 * first `there` bytes of ident are of the file.
 */
static int check_ident(const struct image_file *file, size_t there, struct err *err)
{
	const unsigned char *ident = file->ehdr.e_ident;

	if (there == 0)
		return image_file_invalid(file, err,
		                          "not an ELF file and no #! line (the file is empty)");
	if (there < SELFMAG || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return image_file_invalid(file, err, "not an ELF file and no #! line");
	if (there < EI_NIDENT)
		return image_file_invalid(file, err, "ELF header: the file ends in it");
	if (ident[EI_CLASS] == ELFCLASS32)
		return image_file_invalid(file, err,
		                          "a 32-bit ELF file; only 64-bit programs for " ARCH_NAME
		                          " can be run");
	if (ident[EI_CLASS] != ARCH_ELF_CLASS)
		return image_file_invalid(file, err, "ELF header: class %u is unknown",
		                          ident[EI_CLASS]);
	if (ident[EI_DATA] == ELFDATA2MSB)
		return image_file_invalid(file, err,
		                          "a big-endian ELF file; only little-endian programs "
		                          "for " ARCH_NAME " can be run");
	if (ident[EI_DATA] != ARCH_ELF_DATA)
		return image_file_invalid(file, err, "ELF header: data encoding %u is unknown",
		                          ident[EI_DATA]);
	return 0;
}

static int check_type(const struct image_file *file, struct err *err)
{
	switch (file->ehdr.e_type) {
	case ET_EXEC:
	case ET_DYN:
		return 0;
	case ET_REL:
		return image_file_invalid(
			file, err,
			"a relocatable object file (ET_REL), which must be linked first");
	case ET_CORE:
		return image_file_invalid(file, err, "a core file (ET_CORE), not a program");
	default:
		return image_file_invalid(file, err, "ELF header: type %u is no program",
		                          file->ehdr.e_type);
	}
}

static int check_phdr_table(const struct image_file *file, struct err *err)
{
	const Elf64_Ehdr *ehdr = &file->ehdr;
	uint64_t size = (uint64_t)ehdr->e_phnum * sizeof(Elf64_Phdr);

	if (ehdr->e_phnum == 0)
		return image_file_invalid(file, err, "ELF header: no program headers");
	if (ehdr->e_phnum == PN_XNUM)
		return image_file_invalid(file, err,
		                          "ELF header: extended program header numbering "
		                          "(PN_XNUM), which no kernel loads");
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return image_file_invalid(
			file, err, "ELF header: program headers of %u bytes each (must be %zu)",
			ehdr->e_phentsize, sizeof(Elf64_Phdr));
	if (ehdr->e_phnum > MAX_PHDRS)
		return image_file_invalid(file, err,
		                          "ELF header: %u program headers (the limit is %zu)",
		                          ehdr->e_phnum, MAX_PHDRS);
	if (!image_file_holds(file, ehdr->e_phoff, size))
		return image_file_invalid(
			file, err,
			"ELF header: %u program headers at offset 0x%jx end past the end of "
			"the file (0x%jx bytes)",
			ehdr->e_phnum, (uintmax_t)ehdr->e_phoff, (uintmax_t)file->size);
	return 0;
}

static int read_header(struct image_file *file, struct err *err)
{
	ssize_t got = read_up_to(file->fd, 0, &file->ehdr, sizeof(file->ehdr));

	if (got < 0)
		return err_os(err, errno, "%s: cannot read", file->path.text);
	if (check_ident(file, (size_t)got, err))
		return -1;
	if ((size_t)got < sizeof(file->ehdr))
		return image_file_invalid(file, err, "ELF header: the file ends in it");
	return translate(file, ELF_T_EHDR, sizeof(file->ehdr), &file->ehdr, err);
}

int image_file_init(int fd, const char *path, struct image_file *file, struct err *err)
{
	*file = (struct image_file){.fd = fd, .path = clip_path(path)};
	if (fstat(fd, &file->st))
		return err_os(err, errno, "%s: cannot stat", file->path.text);
	if (!S_ISREG(file->st.st_mode))
		return image_file_invalid(file, err, "is not a regular file");
	file->size = (uint64_t)file->st.st_size;
	if (read_header(file, err))
		return -1;
	if (file->ehdr.e_machine != ARCH_ELF_MACHINE)
		return image_file_invalid(file, err,
		                          "a program for another machine (%s, e_machine %u), "
		                          "not " ARCH_NAME,
		                          machine_name(file->ehdr.e_machine), file->ehdr.e_machine);
	if (check_type(file, err))
		return -1;
	return check_phdr_table(file, err);
}

int image_file_phdrs(const struct image_file *file, Elf64_Phdr **ret_phdrs, struct err *err)
{
	AUTO_FREE Elf64_Phdr *phdrs = calloc(file->ehdr.e_phnum, sizeof(*phdrs));

	if (!phdrs)
		return err_os(err, ENOMEM, "%s: program headers", file->path.text);
	if (image_file_read(file, file->ehdr.e_phoff, ELF_T_PHDR, file->ehdr.e_phnum, phdrs, err))
		return -1;
	*ret_phdrs = TAKE_PTR(phdrs);
	return 0;
}
