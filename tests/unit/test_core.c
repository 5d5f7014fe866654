/* Core files as targets: good ones, hostile ones, and such as lack what files have. */
#include "lib/base/cleanup.h"
#include "lib/read/core.h"
#include "tests/unit/core_builder.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE CORE_BUILDER_PAGE
#define LIB (SAMPLE_SLOT + 0x400000)

/* ---- A file that was mapped: three pages, with a build-id in the first ------------ */

struct library {
	char path[64];
	char bytes[3 * PAGE - 100];
};

static void write_library(struct library *lib)
{
	FILE *file = fopen(lib->path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(lib->bytes, sizeof(lib->bytes), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void make_library(struct library *lib, char build_id)
{
	struct {
		Elf64_Ehdr ehdr;
		Elf64_Phdr phdr;
		Elf64_Nhdr note;
		char name[4];
		char build_id[20];
	} head = {
		.ehdr.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                         EV_CURRENT},
		.ehdr.e_type = ET_DYN,
		.ehdr.e_machine = EM_X86_64,
		.ehdr.e_version = EV_CURRENT,
		.ehdr.e_phoff = sizeof(Elf64_Ehdr),
		.ehdr.e_ehsize = sizeof(Elf64_Ehdr),
		.ehdr.e_phentsize = sizeof(Elf64_Phdr),
		.ehdr.e_phnum = 1,
		/* sections that lie behind the page, as they always do */
		.ehdr.e_shoff = sizeof(lib->bytes) - sizeof(Elf64_Shdr),
		.ehdr.e_shnum = 1,
		.ehdr.e_shentsize = sizeof(Elf64_Shdr),
		.phdr.p_type = PT_NOTE,
		.phdr.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
		.phdr.p_filesz = sizeof(Elf64_Nhdr) + 4 + 20,
		.phdr.p_align = 4,
		.note = {4, 20, NT_GNU_BUILD_ID},
		.name = "GNU",
	};

	memset(head.build_id, build_id, sizeof(head.build_id));
	for (size_t i = 0; i < sizeof(lib->bytes); i++)
		lib->bytes[i] = (char)(i * 7 + i / PAGE);
	memset(lib->bytes + sizeof(lib->bytes) - sizeof(Elf64_Shdr), 0, sizeof(Elf64_Shdr));
	memcpy(lib->bytes, &head, sizeof(head));
	write_library(lib);
}

/* ---- The scene -------------------------------------------------------------------- */

struct world {
	struct registry_builder registry;
	struct core_builder core;
	struct library lib;
	char stack[2 * PAGE];
	struct user_regs_struct regs;
	struct core *opened;
	struct registry *opened_registry;
	struct snapshot *snapshot;
	struct symcache *symbols;
	struct target target;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	assert_non_null(w);
	registry_builder_sample(&w->registry, (struct registry_shape){0});
	core_builder_init(&w->core);
	snprintf(w->lib.path, sizeof(w->lib.path), "/tmp/test_core.XXXXXX");
	fd = mkstemp(w->lib.path);
	assert_true(fd >= 0);
	close(fd);
	make_library(&w->lib, 1);
	memset(w->stack, 's', sizeof(w->stack));
	w->regs = (struct user_regs_struct){.rip = LIB + PAGE, .rsp = SAMPLE_STACK_LO + 64};
	*state = w;
	return 0;
}

static void close_core(struct world *w)
{
	if (w->target.ops)
		target_close(&w->target);
	w->target = (struct target){0};
	snapshot_destroy(w->snapshot);
	symcache_destroy(w->symbols);
	registry_close(w->opened_registry);
	core_close(w->opened);
	w->snapshot = NULL;
	w->symbols = NULL;
	w->opened_registry = NULL;
	w->opened = NULL;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close_core(w);
	unlink(w->lib.path);
	core_builder_deinit(&w->core);
	registry_builder_deinit(&w->registry);
	free(w);
	return 0;
}

/* As the kernel dumps them: all of what is private, of the library's three pages one. */
static void add_sample(struct world *w)
{
	cb_load(&w->core, TP_REGISTRY_ADDR, w->registry.size, PF_R, w->registry.bytes,
	        w->registry.size);
	cb_load(&w->core, LIB, PAGE, PF_R, w->lib.bytes, PAGE);
	cb_load(&w->core, LIB + PAGE, 3 * PAGE, PF_R | PF_X, NULL, 0);
	cb_load(&w->core, SAMPLE_STACK_LO - PAGE, PAGE, 0, NULL, 0);
	cb_load(&w->core, SAMPLE_STACK_LO, sizeof(w->stack), PF_R | PF_W, w->stack,
	        sizeof(w->stack));
	cb_file(&w->core, TP_REGISTRY_ADDR, TP_REGISTRY_ADDR + w->registry.size, 0,
	        "/memfd:tproc-registry (deleted)");
	cb_file(&w->core, LIB, LIB + PAGE, 0, w->lib.path);
	cb_file(&w->core, LIB + PAGE, LIB + 4 * PAGE, 1, w->lib.path);
	cb_thread(&w->core, SAMPLE_PID(1), &w->regs);
	cb_process(&w->core, SAMPLE_PID(1));
	cb_thread(&w->core, SAMPLE_PID(1) + 7, &w->regs);
}

static void open_sample(struct world *w)
{
	struct err err;

	cb_finish(&w->core);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), 0);
	assert_int_equal(core_registry(w->opened, &w->opened_registry, &err), 0);
	assert_int_equal(registry_snapshot(w->opened_registry, &w->snapshot, &err), 0);
	assert_int_equal(symcache_create(&w->symbols, &err), 0);
	assert_int_equal(target_open_core(w->opened, w->snapshot, w->symbols, &w->target, &err), 0);
}

static void assert_reads(struct world *w, uint64_t addr, const void *expected, size_t len)
{
	AUTO_FREE char *bytes = malloc(len);
	struct err err;

	assert_int_equal(mem_read(w->target.mem, addr, bytes, len, &err), 0);
	assert_memory_equal(bytes, expected, len);
}

static void assert_unreadable(struct world *w, uint64_t addr)
{
	struct err err;
	char byte;

	assert_int_equal(mem_read(w->target.mem, addr, &byte, 1, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* ---- What is in the core ------------------------------------------------------------ */

static void test_memory(void **state)
{
	struct world *w = *state;

	add_sample(w);
	open_sample(w);
	assert_string_equal(w->snapshot->threadprocs[1].abi.name, "allocstr");
	assert_reads(w, SAMPLE_STACK_LO + 5, w->stack + 5, sizeof(w->stack) - 5);
	assert_unreadable(w, SAMPLE_STACK_LO + sizeof(w->stack));
	assert_unreadable(w, SAMPLE_STACK_LO - 1); /* the guard */
	assert_unreadable(w, 0);
	assert_unreadable(w, UINT64_MAX);
	assert_string_equal(core_notice(w->opened), "");
}

static void test_maps(void **state)
{
	struct world *w = *state;
	struct mapping m;
	char perms[5];
	struct err err;

	add_sample(w);
	/* as gcore has it: named, but nothing dumped */
	cb_file(&w->core, LIB + 8 * PAGE, LIB + 9 * PAGE, 2, w->lib.path);
	open_sample(w);
	assert_int_equal(maps_find(w->target.maps, LIB + 2 * PAGE, &m, &err), 0);
	assert_int_equal(m.lo, LIB + PAGE);
	assert_int_equal(m.hi, LIB + 4 * PAGE);
	assert_int_equal(m.offset, PAGE);
	assert_string_equal(m.path, w->lib.path);
	assert_string_equal(mapping_perms(&m, perms), "r-x?");
	assert_int_equal(maps_find(w->target.maps, TP_REGISTRY_ADDR, &m, &err), 0);
	assert_string_equal(mapping_perms(&m, perms), "r--s");
	assert_int_equal(maps_find(w->target.maps, LIB + 8 * PAGE, &m, &err), 0);
	assert_string_equal(mapping_perms(&m, perms), "r--?");
	assert_reads(w, LIB + 8 * PAGE, w->lib.bytes + 2 * PAGE, 100);
	assert_int_equal(maps_find(w->target.maps, LIB + 5 * PAGE, &m, &err), -1);
	assert_int_equal(maps_find(w->target.maps, SAMPLE_STACK_LO, &m, &err), 0);
	assert_string_equal(m.path, "");
}

static void test_threads(void **state)
{
	struct world *w = *state;
	const struct reg_threadproc *tps;
	struct capture capture;
	struct threads threads;
	struct err err;

	add_sample(w);
	open_sample(w);
	tps = w->snapshot->threadprocs;
	assert_int_equal(target_threads(&w->target, &tps[1], &threads, &err), 0);
	assert_int_equal(threads.count, 2);
	assert_int_equal(threads.list[0].tid, SAMPLE_PID(1));
	assert_int_equal(threads.list[1].tid, SAMPLE_PID(1) + 7);
	assert_int_equal(threads.list[1].sp, w->regs.rsp);
	threads_deinit(&threads);
	assert_int_equal(target_capture(&w->target, &tps[1], SAMPLE_PID(1) + 7, &capture, &err), 0);
	assert_int_equal(capture_pc(&capture), w->regs.rip);
	assert_int_equal(capture_sp(&capture), w->regs.rsp);
	capture_deinit(&capture);
	assert_int_equal(target_capture(&w->target, &tps[1], 1, &capture, &err), -1);

	assert_int_equal(target_threads(&w->target, &tps[2], &threads, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "only of process 1000000001"));
}

/* glibc's descriptor of a thread, with the head of an empty robust list. */
static void test_robust_head(void **state)
{
	struct world *w = *state;
	uint64_t descriptor = SAMPLE_STACK_LO + PAGE;
	uint64_t head[3] = {descriptor + 0x2e0, (uint64_t)-32, 0};
	struct threads threads;
	struct err err;

	memcpy(w->stack + PAGE + 0x2e0, head, sizeof(head));
	w->regs.fs_base = descriptor;
	add_sample(w);
	open_sample(w);
	assert_int_equal(target_threads(&w->target, &w->snapshot->threadprocs[1], &threads, &err),
	                 0);
	assert_int_equal(threads.list[0].robust_head, head[0]);
	threads_deinit(&threads);
}

struct runs {
	struct page_run list[8];
	size_t count;
};

static int note_run(void *context, const struct page_run *run, struct err *err)
{
	struct runs *runs = context;

	assert_true(runs->count < 8);
	runs->list[runs->count++] = *run;
	return 0;
}

/* A sparse core of 16 GiB costs what is in it. */
static void test_sparse(void **state)
{
	struct world *w = *state;
	const uint64_t huge = UINT64_C(16) << 30;
	struct runs runs = {0};
	struct err err;

	add_sample(w);
	cb_load(&w->core, SAMPLE_SLOT_2, huge, PF_R | PF_W, NULL, huge);
	open_sample(w);
	assert_int_equal(pwrite(w->core.fd, "here", 4, (off_t)(w->core.size - huge / 2)), 4);
	assert_reads(w, SAMPLE_SLOT_2 + huge / 2, "here", 4);
	assert_reads(w, SAMPLE_SLOT_2 + huge / 4, "\0\0\0\0", 4);
	assert_int_equal(target_pages(&w->target, SAMPLE_SLOT_2, SAMPLE_SLOT_2 + huge, note_run,
	                              &runs, &err),
	                 0);
	assert_int_equal(runs.count, 1);
	assert_int_equal(runs.list[0].lo, SAMPLE_SLOT_2 + huge / 2);
	assert_true(runs.list[0].hi - runs.list[0].lo < UINT64_C(4) << 20);
}

/* Nothing is asked page by page of a core that claims half the address space. */
static void test_claims(void **state)
{
	struct world *w = *state;
	const uint64_t lo = UINT64_C(1) << 46, half = UINT64_C(1) << 45;
	struct mem *mem;

	add_sample(w);
	cb_load(&w->core, lo, 2 * half, PF_R, NULL, 0);
	cb_file(&w->core, lo + half, lo + 2 * half, 0, "/nowhere");
	open_sample(w);
	mem = w->target.mem;
	assert_unreadable(w, lo);
	assert_int_equal(mem_next(mem, lo), lo + half);
	assert_unreadable(w, lo + half);
	assert_int_equal(mem_next(mem, lo + half), lo + 2 * half);
	assert_true(mem_next(mem, lo + 2 * half) == UINT64_MAX);
}

/* ---- What the core left to files ------------------------------------------------------ */

static void test_from_file(void **state)
{
	struct world *w = *state;
	char tail[100] = {0};

	add_sample(w);
	open_sample(w);
	assert_reads(w, LIB + 1, w->lib.bytes + 1, sizeof(w->lib.bytes) - 1);
	/* behind the end of the file, up to the end of the page */
	assert_reads(w, LIB + sizeof(w->lib.bytes), tail, sizeof(tail));
	assert_unreadable(w, LIB + 3 * PAGE);
	assert_string_equal(core_notice(w->opened), "");
}

static void test_file_changed(void **state)
{
	struct world *w = *state;
	const char *notice;

	add_sample(w);
	open_sample(w);
	make_library(&w->lib, 2);
	assert_unreadable(w, LIB + PAGE);
	notice = core_notice(w->opened);
	assert_non_null(strstr(notice, w->lib.path));
	assert_non_null(strstr(notice, "build-id"));
	assert_string_equal(core_notice(w->opened), "");
}

static void test_file_gone(void **state)
{
	struct world *w = *state;

	add_sample(w);
	open_sample(w);
	unlink(w->lib.path);
	assert_unreadable(w, LIB + PAGE);
	assert_non_null(strstr(core_notice(w->opened), "gone"));
}

/* What has no build-id must be the file that is on record. */
static void test_file_on_record(void **state)
{
	struct world *w = *state;
	struct tp_image *image = rb_image(&w->registry, 1);
	struct stat st;

	memset(w->lib.bytes, 'x', PAGE);
	write_library(&w->lib);
	assert_int_equal(stat(w->lib.path, &st), 0);
	image->dev = st.st_dev;
	image->ino = st.st_ino;
	image->size = (uint64_t)st.st_size;
	image->mtime_sec = st.st_mtim.tv_sec;
	image->mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	image->path = rb_text(&w->registry, w->lib.path);
	add_sample(w);
	open_sample(w);
	assert_reads(w, LIB + PAGE, w->lib.bytes + PAGE, PAGE);
	close_core(w);

	image->size++;
	core_builder_deinit(&w->core);
	core_builder_init(&w->core);
	add_sample(w);
	open_sample(w);
	assert_unreadable(w, LIB + PAGE);
	assert_non_null(strstr(core_notice(w->opened), "nothing tells"));
}

/* What nothing is on record of has not been touched since before the space was made. */
static void test_file_untouched(void **state)
{
	struct world *w = *state;
	struct tp_image *image = rb_image(&w->registry, 1);
	char other[] = "/tmp/test_core.XXXXXX";
	struct stat st;
	int fd = mkstemp(other);

	memset(w->lib.bytes, 'x', PAGE);
	write_library(&w->lib);
	/* another file of that file system is what it was */
	assert_int_equal(fstat(fd, &st), 0);
	image->path = rb_text(&w->registry, other);
	image->dev = st.st_dev;
	image->ino = st.st_ino;
	image->size = (uint64_t)st.st_size;
	image->mtime_sec = st.st_mtim.tv_sec;
	image->mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	rb_header(&w->registry)->created_ns = UINT64_MAX;
	add_sample(w);
	open_sample(w);
	assert_reads(w, LIB + PAGE, w->lib.bytes + PAGE, PAGE);
	close_core(w);

	/* the space is older than the file's last change */
	rb_header(&w->registry)->created_ns = 1;
	core_builder_deinit(&w->core);
	core_builder_init(&w->core);
	add_sample(w);
	open_sample(w);
	assert_unreadable(w, LIB + PAGE);
	close_core(w);

	/* it may be another machine */
	rb_header(&w->registry)->created_ns = UINT64_MAX;
	image->ino++;
	core_builder_deinit(&w->core);
	core_builder_init(&w->core);
	add_sample(w);
	open_sample(w);
	assert_unreadable(w, LIB + PAGE);
	close(fd);
	unlink(other);
}

/* Without any private memory in the dump, nobody knows what of the file was changed. */
static void test_no_private(void **state)
{
	struct world *w = *state;

	add_sample(w);
	w->core.loads[4].p_filesz = 0;
	open_sample(w);
	assert_unreadable(w, LIB + PAGE);
}

/* ---- Damaged and hostile ---------------------------------------------------------------- */

static void test_cut(void **state)
{
	struct world *w = *state;
	struct err err;

	add_sample(w);
	cb_load(&w->core, LIB + 16 * PAGE, 2 * PAGE, PF_R, w->lib.bytes, 2 * PAGE);
	cb_file(&w->core, LIB + 16 * PAGE, LIB + 18 * PAGE, 0, w->lib.path);
	open_sample(w);
	assert_int_equal(ftruncate(w->core.fd, (off_t)(w->core.size - PAGE - 8)), 0);
	close_core(w);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), 0);
	w->target.mem = core_mem(w->opened);
	assert_reads(w, LIB + 16 * PAGE, w->lib.bytes, PAGE - 8);
	/* it was dumped, and so may have differed from the file */
	assert_unreadable(w, LIB + 17 * PAGE - 8);
	assert_unreadable(w, LIB + 17 * PAGE);
	assert_non_null(strstr(core_notice(w->opened), "is cut: 1 of"));
}

static void test_overlap(void **state)
{
	struct world *w = *state;
	struct mapping m;
	struct err err;

	add_sample(w);
	cb_load(&w->core, SAMPLE_STACK_LO + PAGE, 4 * PAGE, PF_R, NULL, 0);
	cb_load(&w->core, UINT64_MAX - 16, PAGE, PF_R, NULL, PAGE);
	cb_file(&w->core, LIB + 2 * PAGE, LIB + 3 * PAGE, 0, "/overlaps");
	cb_file(&w->core, LIB + 20 * PAGE, LIB + 19 * PAGE, 0, "/reversed");
	cb_file(&w->core, LIB + 21 * PAGE, LIB + 22 * PAGE, UINT64_MAX, "/far");
	open_sample(w);
	assert_reads(w, SAMPLE_STACK_LO + PAGE, w->stack, PAGE);
	assert_int_equal(maps_find(w->target.maps, LIB + 21 * PAGE, &m, &err), -1);
	assert_int_equal(maps_find(w->target.maps, LIB + 2 * PAGE, &m, &err), 0);
	assert_int_equal(m.lo, LIB + PAGE);
	assert_int_equal(m.hi, LIB + 4 * PAGE);
	assert_non_null(strstr(core_notice(w->opened), "2 impossible segments"));
	assert_non_null(strstr(core_notice(w->opened), "notes"));
}

static void test_overlapping_files(void **state)
{
	struct world *w = *state;

	add_sample(w);
	cb_file(&w->core, LIB + 2 * PAGE, LIB + 3 * PAGE, 0, "/overlaps");
	open_sample(w);
	assert_reads(w, LIB + 2 * PAGE, w->lib.bytes + 2 * PAGE, 100);
	assert_non_null(strstr(core_notice(w->opened), "notes"));
}

/* Every way to cut the headers and notes, and every byte of them spoilt. */
static void test_spoilt(void **state)
{
	struct world *w = *state;
	char head[4096];
	struct err err;

	add_sample(w);
	cb_finish(&w->core);
	assert_int_equal(pread(w->core.fd, head, sizeof(head), 0), sizeof(head));
	for (size_t i = 0; i < sizeof(head); i++) {
		unsigned char spoilt = (unsigned char)(head[i] ^ (i % 3 ? 0xff : 0x01));
		struct core *core = NULL;
		char byte;

		assert_int_equal(pwrite(w->core.fd, &spoilt, 1, (off_t)i), 1);
		if (!core_open(w->core.path, &core, &err)) {
			mem_read(core_mem(core), LIB + PAGE, &byte, 1, &err);
			mem_read(core_mem(core), SAMPLE_STACK_LO, &byte, 1, &err);
			core_close(core);
		}
		assert_int_equal(pwrite(w->core.fd, &head[i], 1, (off_t)i), 1);
	}
	for (size_t size = sizeof(head); size; size--) {
		struct core *core = NULL;

		assert_int_equal(ftruncate(w->core.fd, (off_t)size), 0);
		if (!core_open(w->core.path, &core, &err))
			core_close(core);
	}
}

/* Segments in numbers that only a section header can tell. */
static void test_many_segments(void **state)
{
	struct world *w = *state;
	const Elf64_Half extended = PN_XNUM;
	Elf64_Shdr section = {0};
	Elf64_Off shoff;
	Elf64_Half one = 1, size = sizeof(section);
	struct err err;

	add_sample(w);
	cb_finish(&w->core);
	shoff = w->core.size;
	section.sh_info = (Elf64_Word)(w->core.load_count + 1);
	pwrite(w->core.fd, &section, sizeof(section), (off_t)shoff);
	pwrite(w->core.fd, &extended, 2, offsetof(Elf64_Ehdr, e_phnum));
	pwrite(w->core.fd, &shoff, sizeof(shoff), offsetof(Elf64_Ehdr, e_shoff));
	pwrite(w->core.fd, &one, 2, offsetof(Elf64_Ehdr, e_shnum));
	pwrite(w->core.fd, &size, 2, offsetof(Elf64_Ehdr, e_shentsize));
	assert_int_equal(core_open(w->core.path, &w->opened, &err), 0);
	w->target.mem = core_mem(w->opened);
	assert_reads(w, SAMPLE_STACK_LO, w->stack, sizeof(w->stack));
	w->target.mem = NULL;
	close_core(w);

	/* more than there can be, though the file is that long */
	section.sh_info = 0xfffffff0;
	pwrite(w->core.fd, &section, sizeof(section), (off_t)shoff);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(ftruncate(w->core.fd, INT64_C(1) << 40), 0);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

static void test_no_core(void **state)
{
	struct world *w = *state;
	struct registry *registry;
	struct err err;

	assert_int_equal(core_open("/nonexistent", &w->opened, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(core_open(w->lib.path, &w->opened, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(core_open("/dev/null", &w->opened, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);

	/* a core, but of no space */
	cb_load(&w->core, SAMPLE_STACK_LO, sizeof(w->stack), PF_R | PF_W, w->stack,
	        sizeof(w->stack));
	cb_finish(&w->core);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), 0);
	assert_int_equal(core_registry(w->opened, &registry, &err), -1);
	assert_int_equal(err.code, ERR_NO_SPACE);
	close_core(w);

	/* the registry was left out */
	cb_load(&w->core, TP_REGISTRY_ADDR, w->registry.size, PF_R, NULL, 0);
	cb_finish(&w->core);
	assert_int_equal(core_open(w->core.path, &w->opened, &err), 0);
	assert_int_equal(core_registry(w->opened, &registry, &err), -1);
	assert_int_equal(err.code, ERR_REGISTRY);
}

/* -------------------------------------------------------------------------------------------- */

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_memory),
		TEST(test_maps),
		TEST(test_threads),
		TEST(test_robust_head),
		TEST(test_sparse),
		TEST(test_claims),
		TEST(test_from_file),
		TEST(test_file_changed),
		TEST(test_file_gone),
		TEST(test_file_on_record),
		TEST(test_file_untouched),
		TEST(test_no_private),
		TEST(test_cut),
		TEST(test_overlap),
		TEST(test_overlapping_files),
		TEST(test_spoilt),
		TEST(test_many_segments),
		TEST(test_no_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
