/*
 * core_builder.h - core files made in memory, for tests that read and spoil them.
 */
#ifndef TPROC_TESTS_CORE_BUILDER_H
#define TPROC_TESTS_CORE_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define CORE_BUILDER_LOADS 32
#define CORE_BUILDER_FILES 32
#define CORE_BUILDER_PAGE 4096u

struct core_builder {
	int fd; /* the core, once it is finished */
	char path[64];
	Elf64_Phdr loads[CORE_BUILDER_LOADS];
	size_t load_count;
	const void *bytes[CORE_BUILDER_LOADS];
	struct {
		uint64_t lo, hi, page;
		const char *path;
	} files[CORE_BUILDER_FILES];
	size_t file_count;
	char *notes;
	size_t notes_len;
	uint64_t size; /* of the finished file */
};

void core_builder_init(struct core_builder *b);
void core_builder_deinit(struct core_builder *b);

/* A segment of memsz bytes, of which filesz are dumped: bytes, or zeros (a hole) for NULL. */
void cb_load(struct core_builder *b, uint64_t addr, uint64_t memsz, uint32_t flags,
             const void *bytes, uint64_t filesz);
/* A line of NT_FILE; page counts the file's pages that lie before. */
void cb_file(struct core_builder *b, uint64_t lo, uint64_t hi, uint64_t page, const char *path);
void cb_note(struct core_builder *b, uint32_t type, const void *desc, size_t len);
void cb_process(struct core_builder *b, pid_t pid);
void cb_thread(struct core_builder *b, pid_t tid, const struct user_regs_struct *regs);

/* Writes the file that path leads to: header, segments, notes, and then the memory. */
void cb_finish(struct core_builder *b);

#endif
