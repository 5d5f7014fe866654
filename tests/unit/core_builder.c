#include "tests/unit/core_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

void core_builder_init(struct core_builder *b)
{
	memset(b, 0, sizeof(*b));
	b->fd = memfd_create("core", MFD_CLOEXEC);
	assert_true(b->fd >= 0);
	snprintf(b->path, sizeof(b->path), "/proc/self/fd/%d", b->fd);
}

void core_builder_deinit(struct core_builder *b)
{
	close(b->fd);
	free(b->notes);
}

void cb_load(struct core_builder *b, uint64_t addr, uint64_t memsz, uint32_t flags,
             const void *bytes, uint64_t filesz)
{
	assert_true(b->load_count < CORE_BUILDER_LOADS);
	b->bytes[b->load_count] = bytes;
	b->loads[b->load_count++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_vaddr = addr,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = CORE_BUILDER_PAGE,
	};
}

void cb_file(struct core_builder *b, uint64_t lo, uint64_t hi, uint64_t page, const char *path)
{
	size_t i = b->file_count++;

	assert_true(i < CORE_BUILDER_FILES);
	b->files[i].lo = lo;
	b->files[i].hi = hi;
	b->files[i].page = page;
	b->files[i].path = path;
}

static size_t pad(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

void cb_note(struct core_builder *b, uint32_t type, const void *desc, size_t len)
{
	Elf64_Nhdr note = {sizeof("CORE"), (Elf64_Word)len, type};
	size_t more = sizeof(note) + pad(sizeof("CORE")) + pad(len);
	char *at;

	b->notes = realloc(b->notes, b->notes_len + more);
	assert_non_null(b->notes);
	at = b->notes + b->notes_len;
	memset(at, 0, more);
	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), "CORE", sizeof("CORE"));
	if (len)
		memcpy(at + sizeof(note) + pad(sizeof("CORE")), desc, len);
	b->notes_len += more;
}

void cb_process(struct core_builder *b, pid_t pid)
{
	struct elf_prpsinfo info = {.pr_pid = pid};

	cb_note(b, NT_PRPSINFO, &info, sizeof(info));
}

void cb_thread(struct core_builder *b, pid_t tid, const struct user_regs_struct *regs)
{
	struct elf_prstatus status = {.pr_pid = tid};

	memcpy(&status.pr_reg, regs, sizeof(*regs));
	cb_note(b, NT_PRSTATUS, &status, sizeof(status));
}

static void add_files(struct core_builder *b)
{
	char desc[16384] = {0};
	uint64_t head[2] = {b->file_count, CORE_BUILDER_PAGE};
	size_t at = sizeof(head);

	memcpy(desc, head, sizeof(head));
	for (size_t i = 0; i < b->file_count; i++) {
		uint64_t entry[3] = {b->files[i].lo, b->files[i].hi, b->files[i].page};

		memcpy(desc + at, entry, sizeof(entry));
		at += sizeof(entry);
	}
	for (size_t i = 0; i < b->file_count; i++) {
		size_t len = strlen(b->files[i].path) + 1;

		assert_true(at + len <= sizeof(desc));
		memcpy(desc + at, b->files[i].path, len);
		at += len;
	}
	cb_note(b, NT_FILE, desc, at);
}

static void put(const struct core_builder *b, const void *bytes, size_t len, uint64_t offset)
{
	assert_int_equal(pwrite(b->fd, bytes, len, (off_t)offset), len);
}

void cb_finish(struct core_builder *b)
{
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(b->load_count + 1),
	};
	uint64_t at = sizeof(ehdr) + (b->load_count + 1) * sizeof(Elf64_Phdr);
	Elf64_Phdr notes = {.p_type = PT_NOTE, .p_offset = at, .p_align = 4};

	if (b->file_count)
		add_files(b);
	notes.p_filesz = b->notes_len;
	put(b, &ehdr, sizeof(ehdr), 0);
	put(b, &notes, sizeof(notes), sizeof(ehdr));
	if (b->notes_len)
		put(b, b->notes, b->notes_len, at);
	at += b->notes_len;
	for (size_t i = 0; i < b->load_count; i++) {
		Elf64_Phdr *load = &b->loads[i];

		at = (at + CORE_BUILDER_PAGE - 1) & ~(uint64_t)(CORE_BUILDER_PAGE - 1);
		load->p_offset = at;
		put(b, load, sizeof(*load), sizeof(ehdr) + (i + 1) * sizeof(*load));
		if (b->bytes[i])
			put(b, b->bytes[i], load->p_filesz, at);
		at += load->p_filesz;
	}
	assert_int_equal(ftruncate(b->fd, (off_t)at), 0);
	b->size = at;
}
