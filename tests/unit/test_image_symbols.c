/* Symbol tables, build-id and sections: taken when sound, left out when damaged. */
#include "loader/server/image.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

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

/* ---- Symbols --------------------------------------------------------------------- */

static void check_both_symbols(unsigned hashes)
{
	struct image *image;

	elf_builder_init(&elf);
	elf_builder_add_symbols(&elf, hashes);
	image = expect_image();
	assert_int_equal(image->dynamic, ELF_BUILDER_DYNAMIC);
	assert_int_equal(image->dynsym, ELF_BUILDER_DYNSYM);
	assert_int_equal(image->dynstr, ELF_BUILDER_DYNSTR);
	assert_int_equal(image->dynsym_count, 3);
	assert_int_equal(image->gnu_hash, hashes & ELF_BUILDER_GNU ? ELF_BUILDER_GNU_HASH : 0);
	assert_int_equal(image->sysv_hash, hashes & ELF_BUILDER_SYSV ? ELF_BUILDER_SYSV_HASH : 0);
	assert_int_equal(image->dl_debug_state, ELF_BUILDER_DL_DEBUG_STATE);
	assert_int_equal(image->r_debug, ELF_BUILDER_R_DEBUG);
	image_destroy(image);
}

static void test_symbols(void **state)
{
	check_both_symbols(ELF_BUILDER_GNU);
	check_both_symbols(ELF_BUILDER_SYSV);
	check_both_symbols(ELF_BUILDER_GNU | ELF_BUILDER_SYSV);
}

static void put_word(uint64_t offset, uint32_t word)
{
	elf_builder_put(&elf, offset, &word, sizeof(word));
}

/* The file is fine, but its symbols are not to be had. */
static void accept_without_symbols(void)
{
	struct image *image = expect_image();

	assert_int_equal(image->dynsym_count, 0);
	assert_int_equal(image->dl_debug_state, 0);
	assert_int_equal(image->r_debug, 0);
	image_destroy(image);
}

static void test_no_hash_table(void **state)
{
	elf_builder_add_symbols(&elf, 0);
	accept_without_symbols();
}

static void test_damaged_gnu_hash(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t word;
	} damages[] = {
		{0, 0},                                      /* no buckets */
		{0, UINT32_MAX},                             /* too many */
		{0, 0x300},                                  /* more than the segment holds */
		{4, UINT32_MAX},                             /* first symbol */
		{4, 2},                                      /* ... above the bucket's */
		{8, 0},                                      /* Bloom words */
		{8, 3},           {8, 0x40000000}, {12, 32}, /* Bloom shift */
		{24, UINT32_MAX},                            /* bucket */
		{24, 0x10000},    {32, 0},                   /* no end of the chain in sight */
	};

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		elf_builder_init(&elf);
		elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
		/* what follows the chain is zeros up to the end of the text */
		put_word(ELF_BUILDER_GNU_HASH + damages[i].offset, damages[i].word);
		accept_without_symbols();
	}
}

static void test_damaged_sysv_hash(void **state)
{
	elf_builder_add_symbols(&elf, ELF_BUILDER_SYSV);
	put_word(ELF_BUILDER_SYSV_HASH, 0);
	accept_without_symbols();
	put_word(ELF_BUILDER_SYSV_HASH, UINT32_MAX);
	accept_without_symbols();
	put_word(ELF_BUILDER_SYSV_HASH, 1);
	put_word(ELF_BUILDER_SYSV_HASH + 4, 0x1000);
	accept_without_symbols();
	put_word(ELF_BUILDER_SYSV_HASH + 4, UINT32_MAX);
	accept_without_symbols();
}

/* Of two tables the sound one serves, and the other is not published. */
static void test_one_hash_of_two(void **state)
{
	static const uint64_t tables[] = {ELF_BUILDER_GNU_HASH, ELF_BUILDER_SYSV_HASH};
	struct image *image;

	for (unsigned i = 0; i < 2; i++) {
		elf_builder_init(&elf);
		elf_builder_add_symbols(&elf, ELF_BUILDER_GNU | ELF_BUILDER_SYSV);
		put_word(tables[i], UINT32_MAX);
		image = expect_image();
		assert_int_equal(image->gnu_hash, i == 0 ? 0 : ELF_BUILDER_GNU_HASH);
		assert_int_equal(image->sysv_hash, i == 1 ? 0 : ELF_BUILDER_SYSV_HASH);
		assert_int_equal(image->dynsym_count, 3);
		assert_int_equal(image->dl_debug_state, ELF_BUILDER_DL_DEBUG_STATE);
		image_destroy(image);
	}
}

/* Imports only: the table says where hashed symbols would begin. */
static void test_nothing_hashed(void **state)
{
	struct image *image;

	elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
	put_word(ELF_BUILDER_GNU_HASH + 4, 3);
	put_word(ELF_BUILDER_GNU_HASH + 24, 0);
	image = expect_image();
	assert_int_equal(image->dynsym_count, 3);
	assert_int_equal(image->dl_debug_state, 0);
	image_destroy(image);
}

/* A chain that leads back to itself is left, not followed for ever. */
static void test_cycle_in_sysv_chain(void **state)
{
	struct image *image;

	elf_builder_add_symbols(&elf, ELF_BUILDER_SYSV);
	put_word(ELF_BUILDER_SYSV_HASH + 16, 1); /* chain[1] */
	image = expect_image();
	assert_int_equal(image->dl_debug_state, ELF_BUILDER_DL_DEBUG_STATE);
	assert_int_equal(image->r_debug, 0);
	image_destroy(image);
}

static void test_dynamic_outside(void **state)
{
	Elf64_Phdr *dynamic = elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
	struct image *image;

	for (unsigned i = 0; i < 3; i++) {
		dynamic->p_vaddr = (uint64_t[]){0x1008, 0x1800, UINT64_MAX - 7}[i];
		image = expect_image();
		assert_int_equal(image->dynamic, 0);
		assert_int_equal(image->dynamic_size, 0);
		image_destroy(image);
	}
	dynamic->p_vaddr = ELF_BUILDER_DYNAMIC;
	dynamic->p_filesz = UINT64_MAX - 15;
	accept_without_symbols();
}

static void set_dynamic(unsigned index, uint64_t value)
{
	elf_builder_put(&elf, ELF_BUILDER_DYNAMIC + index * sizeof(Elf64_Dyn) + 8, &value,
	                sizeof(value));
}

static void test_long_dynamic_section(void **state)
{
	Elf64_Phdr *dynamic = elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
	Elf64_Dyn entries[100];
	struct image *image;

	for (unsigned i = 0; i < 100; i++)
		entries[i] = (Elf64_Dyn){DT_NEEDED, {1}};
	memcpy(&entries[92], elf.bytes + ELF_BUILDER_DYNAMIC, 8 * sizeof(entries[0]));
	elf_builder_put(&elf, 0x900, entries, sizeof(entries));
	dynamic->p_vaddr = dynamic->p_offset = 0x900;
	dynamic->p_filesz = sizeof(entries);
	image = expect_image();
	assert_int_equal(image->dynsym_count, 3);
	assert_int_equal(image->r_debug, ELF_BUILDER_R_DEBUG);
	image_destroy(image);
}

/* The last name loses its NUL byte. */
static void test_name_at_the_end(void **state)
{
	struct image *image;

	elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
	set_dynamic(3, 17 + strlen("_r_debug"));
	image = expect_image();
	assert_int_equal(image->dl_debug_state, ELF_BUILDER_DL_DEBUG_STATE);
	assert_int_equal(image->r_debug, 0);
	image_destroy(image);
}

static void test_tables_outside(void **state)
{
	for (unsigned index = 0; index < 5; index++) {
		elf_builder_init(&elf);
		elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
		set_dynamic(index, UINT64_MAX - 7);
		accept_without_symbols();
	}
}

static void test_symbols_that_do_not_count(void **state)
{
	Elf64_Sym symbols[3] = {
		{0},
		{.st_name = 1, .st_shndx = SHN_UNDEF, .st_value = ELF_BUILDER_DL_DEBUG_STATE},
		{.st_name = 17, .st_shndx = 2, .st_value = 0x5000}, /* behind the last segment */
	};
	struct image *image;

	elf_builder_add_symbols(&elf, ELF_BUILDER_GNU);
	elf_builder_put(&elf, ELF_BUILDER_DYNSYM, symbols, sizeof(symbols));
	image = expect_image();
	assert_int_equal(image->dynsym_count, 3);
	assert_int_equal(image->dl_debug_state, 0);
	assert_int_equal(image->r_debug, 0);
	image_destroy(image);
	symbols[1] = (Elf64_Sym){.st_name = 18, .st_shndx = 1, .st_value = 0x10}; /* another name */
	symbols[2] = (Elf64_Sym){.st_name = UINT32_MAX, .st_shndx = 1, .st_value = 0x10};
	elf_builder_put(&elf, ELF_BUILDER_DYNSYM, symbols, sizeof(symbols));
	image = expect_image();
	assert_int_equal(image->dl_debug_state, 0);
	assert_int_equal(image->r_debug, 0);
	image_destroy(image);
}

/* ---- Build-id and sections ------------------------------------------------------- */

static void check_build_id(uint32_t size, uint64_t align, uint32_t expected)
{
	struct image *image;

	elf_builder_init(&elf);
	elf_builder_add_build_id(&elf, size, align);
	image = expect_image();
	assert_int_equal(image->build_id_len, expected);
	for (uint32_t i = 0; i < expected; i++)
		assert_int_equal(image->build_id[i], i + 1);
	image_destroy(image);
}

static void test_build_id(void **state)
{
	for (uint64_t align = 4; align <= 8; align += 4) {
		check_build_id(8, align, 8);
		check_build_id(20, align, 20);
		check_build_id(32, align, 32);
		check_build_id(33, align, 0);
		check_build_id(0, align, 0);
		check_build_id(1, align, 1);
	}
}

static void test_damaged_notes(void **state)
{
	static const uint32_t sizes[] = {0, 5, 100, 0x7fffffff, 0xfffffff0, UINT32_MAX};
	struct image *image;
	Elf64_Phdr *note;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		elf_builder_init(&elf);
		elf_builder_add_build_id(&elf, 20, 4);
		put_word(ELF_BUILDER_NOTE, sizes[i]); /* n_namesz */
		image_destroy(expect_image());
		put_word(ELF_BUILDER_NOTE, 4);
		put_word(ELF_BUILDER_NOTE + 4, sizes[i]); /* n_descsz */
		image_destroy(expect_image());
	}
	elf_builder_init(&elf);
	note = elf_builder_add_build_id(&elf, 20, 4);
	note->p_filesz -= 1;
	image = expect_image();
	assert_int_equal(image->build_id_len, 0);
	image_destroy(image);
	note->p_filesz = UINT64_MAX;
	image_destroy(expect_image());
	note->p_offset = UINT64_MAX - 1;
	image_destroy(expect_image());
}

static void test_sections(void **state)
{
	struct image *image;

	elf_builder_add_sections(&elf);
	image = expect_image();
	assert_true(image->has_symtab);
	assert_true(image->has_debug_info);
	image_destroy(image);
}

/* The kernel does not look at section headers: a file with damaged ones is as good as any. */
static void test_damaged_sections(void **state)
{
	static const uint64_t offsets[] = {0, 1, 0x1180, 0x11ff, 0x1200, UINT64_MAX - 3};
	struct image *image;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		elf_builder_init(&elf);
		elf_builder_add_sections(&elf);
		elf.ehdr.e_shoff = offsets[i];
		image_destroy(expect_image());
		elf.ehdr.e_shnum = 0;
		image_destroy(expect_image());
		elf.ehdr.e_shnum = UINT16_MAX;
		image_destroy(expect_image());
	}
	elf_builder_init(&elf);
	elf_builder_add_sections(&elf);
	elf.ehdr.e_shstrndx = SHN_XINDEX;
	image_destroy(expect_image());
	elf.ehdr.e_shstrndx = 0; /* a table of names without names */
	image = expect_image();
	assert_false(image->has_debug_info);
	image_destroy(image);
	elf.ehdr.e_shentsize = 1;
	image_destroy(expect_image());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_symbols),
		TEST(test_no_hash_table),
		TEST(test_damaged_gnu_hash),
		TEST(test_damaged_sysv_hash),
		TEST(test_one_hash_of_two),
		TEST(test_nothing_hashed),
		TEST(test_cycle_in_sysv_chain),
		TEST(test_dynamic_outside),
		TEST(test_long_dynamic_section),
		TEST(test_name_at_the_end),
		TEST(test_tables_outside),
		TEST(test_symbols_that_do_not_count),
		TEST(test_build_id),
		TEST(test_damaged_notes),
		TEST(test_sections),
		TEST(test_damaged_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
