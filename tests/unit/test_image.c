/* ELF files made byte by byte: what is taken from a sound one, and each way to spoil it. */
#include "loader/server/image.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int descriptors_before;
static struct elf_builder elf;

static int setup(void **state)
{
	(void)state;
	descriptors_before = fd_count();
	elf_builder_init(&elf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fd_count() == descriptors_before ? 0 : -1;
}

static struct image *expect_image(void)
{
	return image_check_accepts(&elf);
}

static void expect_refusal(const char *words)
{
	image_check_refuses(&elf, words);
}

/* ---- Sound files --------------------------------------------------------------- */

static void test_segments(void **state)
{
	struct image *image = expect_image();

	assert_string_equal(image->path, "/x/prog");
	assert_false(image->fixed);
	assert_int_equal(image->entry, ELF_BUILDER_ENTRY);
	assert_int_equal(image->phdr, sizeof(Elf64_Ehdr));
	assert_int_equal(image->phnum, 2);
	assert_int_equal(image->vaddr_lo, 0);
	assert_int_equal(image->vaddr_hi, 0x5000);
	assert_int_equal(image->text_lo, 0);
	assert_int_equal(image->text_hi, 0x1000);
	assert_int_equal(image->align, 0x1000);
	assert_int_equal(image->size, 0x1200);
	assert_int_equal(image->segment_count, 2);
	assert_int_equal(image->segments[0].prot, PROT_READ | PROT_EXEC);
	assert_int_equal(image->segments[1].prot, PROT_READ | PROT_WRITE);
	assert_int_equal(image->segments[1].vaddr, 0x2000);
	assert_int_equal(image->segments[1].offset, 0x1000);
	assert_int_equal(image->segments[1].filesz, 0x200);
	assert_int_equal(image->segments[1].memsz, 0x3000);
	assert_null(image->interp);
	assert_false(image->exec_stack || image->has_tls || image->has_symtab ||
	             image->has_debug_info);
	assert_int_equal(image->dynamic, 0);
	assert_int_equal(image->build_id_len, 0);
	image_destroy(image);
}

static void test_position_dependent(void **state)
{
	struct image *image;

	elf.ehdr.e_type = ET_EXEC;
	elf.ehdr.e_entry += 0x400000;
	elf.phdrs[0].p_vaddr += 0x400000;
	elf.phdrs[1].p_vaddr += 0x400000;
	image = expect_image();
	assert_true(image->fixed);
	assert_int_equal(image->vaddr_lo, 0x400000);
	assert_int_equal(image->phdr, 0x400040);
	image_destroy(image);
}

static void test_other_headers(void **state)
{
	struct image *image;

	elf_builder_add_interp(&elf, "/lib/ld.so");
	elf_builder_add(&elf, PT_GNU_STACK, 0, 0)->p_flags = PF_R | PF_W | PF_X;
	elf_builder_add(&elf, PT_TLS, 0x1000, 0x10)->p_memsz = 0x40;
	image = expect_image();
	assert_string_equal(image->interp, "/lib/ld.so");
	assert_true(image->exec_stack);
	assert_true(image->has_tls);
	assert_int_equal(image->tls_size, 0x40);
	image_destroy(image);
}

static void test_alignments(void **state)
{
	static const uint64_t good[] = {0, 1, 8, 0x1000, 0x200000, IMAGE_MAX_ALIGN};
	struct image *image;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		elf.phdrs[1].p_align = good[i];
		image = expect_image();
		assert_int_equal(image->align, good[i] < 0x1000 ? 0x1000 : good[i]);
		image_destroy(image);
	}
}

static void test_bss_only_segment_needs_no_file(void **state)
{
	struct image *image;

	elf.phdrs[1].p_filesz = 0;
	elf.phdrs[1].p_offset = UINT64_MAX - 5;
	image = expect_image();
	assert_int_equal(image->segments[1].filesz, 0);
	assert_int_equal(image->segments[1].memsz, 0x3000);
	image_destroy(image);
}

static void test_empty_segment_is_skipped(void **state)
{
	struct image *image;

	elf_builder_add(&elf, PT_LOAD, 0, 0);
	image = expect_image();
	assert_int_equal(image->segment_count, 2);
	assert_int_equal(image->phnum, 3);
	image_destroy(image);
}

/* Text that ends, and data that begins, in one page of the file: two pages of memory. */
static void test_shared_file_page(void **state)
{
	elf.phdrs[0].p_filesz = elf.phdrs[0].p_memsz = 0x1100;
	elf.phdrs[1].p_offset = 0x1100;
	elf.phdrs[1].p_vaddr = 0x2100;
	elf.phdrs[1].p_filesz = 0x100;
	image_destroy(expect_image());
}

static void test_phdrs_outside_segments(void **state)
{
	struct image *image;

	elf.phdrs[0].p_offset = 0x1000;
	elf.phdrs[0].p_filesz = 0x200;
	image = expect_image();
	assert_int_equal(image->phdr, 0);
	image_destroy(image);
}

static void test_most_segments(void **state)
{
	struct image *image;
	Elf64_Phdr *phdr;

	for (unsigned i = 2; i < IMAGE_MAX_SEGMENTS; i++) {
		phdr = elf_builder_add(&elf, PT_LOAD, 0, 0x10);
		phdr->p_vaddr = 0x10000 * (uint64_t)i;
	}
	image = expect_image();
	assert_int_equal(image->segment_count, IMAGE_MAX_SEGMENTS);
	image_destroy(image);
	elf_builder_add(&elf, PT_LOAD, 0, 0x10)->p_vaddr = 0x1000000;
	expect_refusal("program header 64 (PT_LOAD): is one more segment than the 64");
}

/* ---- Executable or library ------------------------------------------------------- */

static void check_entry(uint64_t entry, const char *words)
{
	struct err err = {0};
	struct image *image;

	elf.ehdr.e_entry = entry;
	image = expect_image();
	if (!words) {
		assert_int_equal(image_check_executable(image, &err), 0);
	} else {
		assert_int_equal(image_check_executable(image, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.text, words));
	}
	image_destroy(image);
}

static void test_entry(void **state)
{
	check_entry(ELF_BUILDER_ENTRY, NULL);
	check_entry(0x4fff, NULL);
	check_entry(0, "/x/prog: has no entry point");
	check_entry(0x1000, "the entry point 0x1000 lies in no segment");
	check_entry(0x5000, "the entry point 0x5000 lies in no segment");
	check_entry(UINT64_MAX, "the entry point 0xffffffffffffffff lies in no segment");
}

/* ---- The ELF header -------------------------------------------------------------- */

static void test_no_elf(void **state)
{
	elf.ehdr.e_ident[EI_MAG2] = 'l';
	expect_refusal("not an ELF file and no #! line");
	elf.size = 0;
	expect_refusal("not an ELF file and no #! line (the file is empty)");
	elf.size = 3;
	expect_refusal("not an ELF file and no #! line");
}

static void test_header_cut(void **state)
{
	for (elf.size = SELFMAG; elf.size < sizeof(Elf64_Ehdr); elf.size++)
		expect_refusal("ELF header: the file ends in it");
}

static void test_class_and_data(void **state)
{
	elf.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	expect_refusal("a 32-bit ELF file; only 64-bit programs");
	elf.ehdr.e_ident[EI_CLASS] = 7;
	expect_refusal("ELF header: class 7 is unknown");
	elf.ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	elf.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refusal("a big-endian ELF file");
	elf.ehdr.e_ident[EI_DATA] = 0;
	expect_refusal("ELF header: data encoding 0 is unknown");
}

static void test_machine(void **state)
{
	elf.ehdr.e_machine = EM_AARCH64;
	expect_refusal("a program for another machine (AArch64, e_machine 183), not x86-64");
	elf.ehdr.e_machine = 0xfedc;
	expect_refusal("a program for another machine (unknown, e_machine 65244), not x86-64");
}

static void test_type(void **state)
{
	elf.ehdr.e_type = ET_REL;
	expect_refusal("a relocatable object file (ET_REL)");
	elf.ehdr.e_type = ET_CORE;
	expect_refusal("a core file (ET_CORE)");
	elf.ehdr.e_type = ET_NONE;
	expect_refusal("ELF header: type 0 is no program");
}

static void test_phdr_table(void **state)
{
	elf.ehdr.e_phnum = 0;
	expect_refusal("ELF header: no program headers");
	elf.ehdr.e_phnum = PN_XNUM;
	expect_refusal("extended program header numbering (PN_XNUM)");
	elf.ehdr.e_phnum = 1171;
	expect_refusal("ELF header: 1171 program headers (the limit is 1170)");
	elf.ehdr.e_phnum = 1170;
	expect_refusal("1170 program headers at offset 0x40 end past the end of the file");
	elf.ehdr.e_phnum = 2;
	elf.ehdr.e_phentsize = 32;
	expect_refusal("ELF header: program headers of 32 bytes each (must be 56)");
	elf.ehdr.e_phentsize = sizeof(Elf64_Phdr);
	elf.ehdr.e_phoff = elf.size - 2 * sizeof(Elf64_Phdr) + 1;
	expect_refusal("end past the end of the file");
	elf.ehdr.e_phoff = UINT64_MAX - 8;
	expect_refusal(
		"2 program headers at offset 0xfffffffffffffff7 end past the end of the file");
}

/* ---- Segments -------------------------------------------------------------------- */

static void test_no_load(void **state)
{
	elf.phdrs[0].p_type = elf.phdrs[1].p_type = PT_NULL;
	expect_refusal("no program header is a PT_LOAD");
}

static void test_filesz_above_memsz(void **state)
{
	elf.phdrs[1].p_memsz = 0x1ff;
	expect_refusal(
		"program header 1 (PT_LOAD): has more bytes in the file (0x200) than in memory");
	elf.phdrs[1].p_memsz = 0;
	expect_refusal(
		"program header 1 (PT_LOAD): has more bytes in the file (0x200) than in memory");
}

static void test_user_space(void **state)
{
	elf.phdrs[1].p_memsz = UINT64_MAX;
	expect_refusal(
		"program header 1 (PT_LOAD): 0xffffffffffffffff bytes at address 0x2000 do not "
		"lie in user space");
	elf.phdrs[1].p_memsz = 0x3000;
	elf.phdrs[1].p_vaddr = UINT64_C(0x7fffffffd000);
	expect_refusal("do not lie in user space");
	elf.phdrs[1].p_vaddr = UINT64_C(0xfffffffffffff000);
	expect_refusal("do not lie in user space");
	elf.phdrs[1].p_vaddr = UINT64_C(0xffffffff80000000);
	expect_refusal("do not lie in user space");
}

static void test_span(void **state)
{
	elf.phdrs[1].p_vaddr = UINT64_C(0x200000000) - 0x3000;
	image_destroy(expect_image());
	elf.phdrs[1].p_vaddr += 0x1000;
	expect_refusal("the segments span 0x200001000 bytes of address space");
	elf.phdrs[1].p_vaddr = UINT64_C(0x7fffffffc000);
	expect_refusal("the segments span");
	elf.phdrs[1].p_vaddr = 0x2000;
	elf.phdrs[1].p_memsz = UINT64_C(1) << 40;
	expect_refusal("the segments span");
}

static void test_past_the_end(void **state)
{
	elf.phdrs[1].p_filesz = 0x201;
	expect_refusal(
		"program header 1 (PT_LOAD): ends past the end of the file (offset 0x1000 + 0x201, "
		"the file has 0x1200 bytes)");
	elf.phdrs[1].p_filesz = 0x200;
	elf.phdrs[1].p_offset = UINT64_C(0xfffffffffffff000);
	expect_refusal("ends past the end of the file");
	elf.phdrs[1].p_offset = 0x2000;
	expect_refusal("ends past the end of the file");
}

static void test_congruence(void **state)
{
	elf.phdrs[1].p_vaddr = 0x2010;
	expect_refusal("program header 1 (PT_LOAD): address 0x2010 and file offset 0x1000 lie at "
	               "different "
	               "places in a page");
}

static void test_bad_alignment(void **state)
{
	elf.phdrs[1].p_align = 3;
	expect_refusal("program header 1 (PT_LOAD): alignment 0x3 is not a power of two");
	elf.phdrs[1].p_align = 0x3000;
	expect_refusal("alignment 0x3000 is not a power of two");
	elf.phdrs[1].p_align = UINT64_MAX;
	expect_refusal("is not a power of two");
	elf.phdrs[1].p_align = IMAGE_MAX_ALIGN * 2;
	expect_refusal("alignment 0x80000000 is above 0x40000000");
}

static void test_order(void **state)
{
	elf.phdrs[0].p_vaddr = 0x10000;
	expect_refusal(
		"program header 1 (PT_LOAD): is out of order: address 0x2000 comes after 0x10000");
}

static void test_overlap(void **state)
{
	elf.phdrs[0].p_memsz = 0x2001;
	expect_refusal(
		"program header 1 (PT_LOAD): overlaps the segment before it (address 0x2000, that "
		"one ends at 0x2001)");
	elf.phdrs[0].p_memsz = 0x2000;
	image_destroy(expect_image());
	elf.phdrs[1].p_vaddr = 0;
	expect_refusal("overlaps the segment before it");
	/* no byte in common, but a page */
	elf.phdrs[0].p_filesz = elf.phdrs[0].p_memsz = 0x1100;
	elf.phdrs[1].p_offset = elf.phdrs[1].p_vaddr = 0x1100;
	elf.phdrs[1].p_filesz = 0x100;
	expect_refusal("overlaps the segment before it");
}

/* ---- The interpreter ------------------------------------------------------------- */

static void test_two_interps(void **state)
{
	elf_builder_add_interp(&elf, "/lib/ld.so");
	elf_builder_add_interp(&elf, "/lib/ld.so");
	expect_refusal("program header 3 (PT_INTERP): is the second one");
}

static void test_bad_interp(void **state)
{
	Elf64_Phdr *interp = elf_builder_add_interp(&elf, "/lib/ld.so");

	interp->p_filesz--;
	expect_refusal(
		"program header 2 (PT_INTERP): the interpreter's name does not end in a NUL byte");
	interp->p_filesz = 0;
	expect_refusal("program header 2 (PT_INTERP): the interpreter's name is empty");
	interp->p_filesz = 1;
	expect_refusal("the interpreter's name is empty");
	interp->p_filesz = PATH_MAX + 1;
	expect_refusal("0x1001 bytes are more than a path may have");
	interp->p_filesz = UINT64_MAX;
	expect_refusal("more than a path may have");
	interp->p_filesz = 11;
	interp->p_offset = elf.size - 10;
	expect_refusal("program header 2 (PT_INTERP): ends past the end of the file");
	interp->p_offset = UINT64_MAX - 3;
	expect_refusal("program header 2 (PT_INTERP): ends past the end of the file");
	interp->p_offset = 0x1100; /* zeros */
	expect_refusal("the interpreter's name is empty");
}

/* The kernel takes the name up to its first NUL. */
static void test_interp_with_padding(void **state)
{
	struct image *image;

	elf_builder_add_interp(&elf, "/lib/ld.so")->p_filesz = 32;
	image = expect_image();
	assert_string_equal(image->interp, "/lib/ld.so");
	image_destroy(image);
}

/* ---- Messages -------------------------------------------------------------------- */

static void test_long_path(void **state)
{
	char path[PATH_MAX];
	struct image *image;
	struct err err;
	int fd;

	memset(path, 'd', sizeof(path));
	strcpy(path + sizeof(path) - 6, "/last");
	elf.phdrs[1].p_align = 3;
	fd = elf_builder_fd(&elf);
	assert_int_equal(image_create(fd, path, &image, &err), -1);
	assert_non_null(strstr(err.text, "dd/last: program header 1 (PT_LOAD): alignment 0x3"));
	close(fd);
}

static void test_not_a_regular_file(void **state)
{
	struct image *image;
	struct err err;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(image_create(ends[0], "/x/prog", &image, &err), -1);
	assert_string_equal(err.text, "/x/prog: is not a regular file");
	close(ends[0]);
	close(ends[1]);
}

static void test_bad_descriptor(void **state)
{
	struct image *image;
	struct err err;

	assert_int_equal(image_create(-1, "/x/prog", &image, &err), -1);
	assert_int_equal(err.code, ERR_OS);
	image_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_segments),
		TEST(test_position_dependent),
		TEST(test_other_headers),
		TEST(test_alignments),
		TEST(test_bss_only_segment_needs_no_file),
		TEST(test_empty_segment_is_skipped),
		TEST(test_shared_file_page),
		TEST(test_phdrs_outside_segments),
		TEST(test_most_segments),
		TEST(test_entry),
		TEST(test_no_elf),
		TEST(test_header_cut),
		TEST(test_class_and_data),
		TEST(test_machine),
		TEST(test_type),
		TEST(test_phdr_table),
		TEST(test_no_load),
		TEST(test_filesz_above_memsz),
		TEST(test_user_space),
		TEST(test_span),
		TEST(test_past_the_end),
		TEST(test_congruence),
		TEST(test_bad_alignment),
		TEST(test_order),
		TEST(test_overlap),
		TEST(test_two_interps),
		TEST(test_bad_interp),
		TEST(test_interp_with_padding),
		TEST(test_long_path),
		TEST(test_not_a_regular_file),
		TEST(test_bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
