/* The build-id, and which sections the file has for debuggers. */
#include "loader/server/image_parts.h"

#include <string.h>

#define MAX_NOTES 64 /* of one PT_NOTE that are looked at */

/* Rounds up to what notes are padded to: 4 bytes, or 8 in segments that ask for it. */
static uint64_t note_pad(uint64_t size, uint64_t align)
{
	return (size + align - 1) & ~(align - 1);
}

/* True when the note that begins at offset is the GNU build-id, by its type and name. */
static bool is_build_id(const struct image_file *file, uint64_t offset, const Elf64_Nhdr *note)
{
	char name[sizeof(ELF_NOTE_GNU)];
	struct err unused;

	return note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof(name) &&
	       image_file_read(file, offset + sizeof(*note), ELF_T_BYTE, sizeof(name), name,
	                       &unused) == 0 &&
	       memcmp(name, ELF_NOTE_GNU, sizeof(name)) == 0;
}

/*
 * A build-id that is longer than the registry has room for is left out: cut short, it would
 * name another file.
 */
static bool take_desc(struct image *image, const struct image_file *file, uint64_t offset,
                      uint32_t size)
{
	uint8_t desc[sizeof(image->build_id)];
	struct err unused;

	if (size == 0 || size > sizeof(desc) ||
	    image_file_read(file, offset, ELF_T_BYTE, size, desc, &unused))
		return false;
	memcpy(image->build_id, desc, size);
	image->build_id_len = size;
	return true;
}

/* Finds the build-id among the notes in [offset, end), an end that lies in the file. */
static bool take_from_notes(struct image *image, const struct image_file *file, uint64_t offset,
                            uint64_t end, uint64_t align)
{
	struct err unused;
	uint64_t desc_at;
	Elf64_Nhdr note; /* three words */

	for (unsigned i = 0; i < MAX_NOTES; i++) {
		if (offset > end || end - offset < sizeof(note) ||
		    image_file_read(file, offset, ELF_T_WORD, 3, &note, &unused))
			return false;
		desc_at = offset + note_pad(sizeof(note) + note.n_namesz, align);
		if (desc_at > end || note.n_descsz > end - desc_at)
			return false;
		if (is_build_id(file, offset, &note) &&
		    take_desc(image, file, desc_at, note.n_descsz))
			return true;
		offset = desc_at + note_pad(note.n_descsz, align);
	}
	return false;
}

void image_take_build_id(struct image *image, const struct image_file *file,
                         const Elf64_Phdr *phdrs)
{
	for (unsigned i = 0; i < file->ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &phdrs[i];

		if (phdr->p_type != PT_NOTE ||
		    !image_file_holds(file, phdr->p_offset, phdr->p_filesz))
			continue;
		if (take_from_notes(image, file, phdr->p_offset, phdr->p_offset + phdr->p_filesz,
		                    phdr->p_align == 8 ? 8 : 4))
			return;
	}
}

/* True when the name at index of the table of section names is that one. */
static bool section_is_named(const struct image_file *file, const Elf64_Shdr *names, uint32_t index,
                             const char *name)
{
	char found[16];
	size_t size = strlen(name) + 1;
	struct err unused;

	if (size > sizeof(found) || size > names->sh_size || index > names->sh_size - size ||
	    !image_file_holds(file, names->sh_offset, names->sh_size))
		return false;
	return image_file_read(file, names->sh_offset + index, ELF_T_BYTE, size, found, &unused) ==
	               0 &&
	       memcmp(found, name, size) == 0;
}

static void look_at_section(struct image *image, const struct image_file *file,
                            const Elf64_Shdr *names, const Elf64_Shdr *section)
{
	if (section->sh_type == SHT_SYMTAB)
		image->has_symtab = true;
	else if (section->sh_type == SHT_PROGBITS && !(section->sh_flags & SHF_ALLOC) &&
	         section_is_named(file, names, section->sh_name, ".debug_info"))
		image->has_debug_info = true;
}

void image_take_sections(struct image *image, const struct image_file *file)
{
	const Elf64_Ehdr *ehdr = &file->ehdr;
	Elf64_Shdr names, chunk[32];
	struct err unused;
	size_t count;

	if (ehdr->e_shentsize != sizeof(names) || ehdr->e_shstrndx >= ehdr->e_shnum ||
	    !image_file_holds(file, ehdr->e_shoff, ehdr->e_shnum * sizeof(names)))
		return;
	if (image_file_read(file, ehdr->e_shoff + ehdr->e_shstrndx * sizeof(names), ELF_T_SHDR, 1,
	                    &names, &unused))
		return;
	for (size_t at = 0; at < ehdr->e_shnum; at += count) {
		count = ehdr->e_shnum - at;
		if (count > sizeof(chunk) / sizeof(chunk[0]))
			count = sizeof(chunk) / sizeof(chunk[0]);
		if (image_file_read(file, ehdr->e_shoff + at * sizeof(names), ELF_T_SHDR, count,
		                    chunk, &unused))
			return;
		for (size_t i = 0; i < count; i++)
			look_at_section(image, file, &names, &chunk[i]);
	}
}
