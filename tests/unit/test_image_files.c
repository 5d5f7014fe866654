/* Files of this system, whole, cut short and with random damage. */
#include "loader/server/image.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUTATIONS 20000

static int descriptors_before;

static int setup(void **state)
{
	(void)state;
	descriptors_before = fd_count();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fd_count() == descriptors_before ? 0 : -1;
}

/* NULL when this system has no such file. */
static struct image *load(const char *path)
{
	struct image *image = NULL;
	struct err err = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		assert_int_equal(errno, ENOENT);
		return NULL;
	}
	if (image_create(fd, path, &image, &err))
		fail_msg("%s", err.text);
	image_check_sound(image, image->size);
	close(fd);
	return image;
}

/* A second opinion, from libelf by way of the section headers. */
static void compare_with_libelf(const char *path, const struct image *image)
{
	bool has_symtab = false;
	const void *build_id;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	ssize_t size;
	Elf *elf;
	int fd;

	elf_version(EV_CURRENT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	size = dwelf_elf_gnu_build_id(elf, &build_id);
	assert_int_equal(image->build_id_len, size > 0 ? size : 0);
	assert_memory_equal(image->build_id, build_id, image->build_id_len);
	while ((scn = elf_nextscn(elf, scn))) {
		assert_non_null(gelf_getshdr(scn, &shdr));
		if (shdr.sh_type == SHT_SYMTAB)
			has_symtab = true;
		if (shdr.sh_type != SHT_DYNSYM)
			continue;
		assert_int_equal(image->dynsym, shdr.sh_addr);
		assert_int_equal(image->dynsym_count, shdr.sh_size / shdr.sh_entsize);
	}
	assert_int_equal(image->has_symtab, has_symtab);
	elf_end(elf);
	close(fd);
}

static void test_dynamic_program(void **state)
{
	struct image *image = load("/bin/true");
	struct err err;

	assert_non_null(image);
	assert_false(image->fixed);
	assert_string_equal(image->interp, "/lib64/ld-linux-x86-64.so.2");
	assert_true(image->text_hi > image->text_lo);
	assert_true(image->phdr != 0);
	assert_false(image->exec_stack);
	assert_int_equal(image_check_executable(image, &err), 0);
	compare_with_libelf("/bin/true", image);
	image_destroy(image);
}

/* This very process knows where its interpreter has these two. */
static void test_glibc_interpreter(void **state)
{
	const struct r_debug *debug = dlsym(RTLD_DEFAULT, "_r_debug");
	uint64_t base = getauxval(AT_BASE);
	struct image *image = load("/lib64/ld-linux-x86-64.so.2");
	struct err err;

	assert_non_null(image);
	assert_null(image->interp);
	assert_non_null(debug);
	assert_int_equal(image->r_debug + base, (uintptr_t)debug);
	assert_int_equal(image->dl_debug_state + base, debug->r_brk);
	assert_int_equal(image_check_executable(image, &err), 0);
	compare_with_libelf("/lib64/ld-linux-x86-64.so.2", image);
	image_destroy(image);
}

static void test_libc(void **state)
{
	struct image *image;
	Dl_info info;

	assert_true(dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &info));
	image = load(info.dli_fname);
	assert_non_null(image);
	assert_true(image->has_tls);
	assert_true(image->dynsym_count > 1000);
	assert_int_equal(image->dl_debug_state, 0);
	compare_with_libelf(info.dli_fname, image);
	image_destroy(image);
}

/* A library without an entry point is loaded, but not run. */
static void test_library(void **state)
{
	struct image *image;
	struct err err;
	Dl_info info;

	assert_true(dladdr(dlsym(RTLD_DEFAULT, "elf_version"), &info));
	image = load(info.dli_fname);
	assert_non_null(image);
	assert_int_equal(image_check_executable(image, &err), -1);
	assert_non_null(strstr(err.text, "has no entry point"));
	compare_with_libelf(info.dli_fname, image);
	image_destroy(image);
}

static void test_musl_interpreter(void **state)
{
	struct image *image = load("/lib/ld-musl-x86_64.so.1");

	if (!image)
		skip();
	assert_true(image->dl_debug_state != 0);
	assert_int_equal(image->r_debug, 0);
	compare_with_libelf("/lib/ld-musl-x86_64.so.1", image);
	image_destroy(image);
}

static void test_static_program(void **state)
{
	struct image *image = load("/bin/busybox");
	struct err err;

	if (!image)
		skip();
	if (!image->interp)
		assert_int_equal(image->dynsym_count, 0);
	assert_int_equal(image_check_executable(image, &err), 0);
	compare_with_libelf("/bin/busybox", image);
	image_destroy(image);
}

/* ---- Damage ----------------------------------------------------------------------- */

struct sample {
	int fd; /* a memfd with the whole file */
	unsigned char *bytes;
	size_t size;
};

static void sample_init(struct sample *sample, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	sample->size = (size_t)st.st_size;
	sample->bytes = malloc(sample->size);
	assert_int_equal(read(fd, sample->bytes, sample->size), (ssize_t)sample->size);
	close(fd);
	sample->fd = memfd_create("sample", MFD_CLOEXEC);
	assert_int_equal(write(sample->fd, sample->bytes, sample->size), (ssize_t)sample->size);
}

static void sample_deinit(struct sample *sample)
{
	close(sample->fd);
	free(sample->bytes);
}

/* Whatever the file holds: a clear refusal, or an image that keeps its promises. */
static void try_sample(const struct sample *sample, uint64_t size)
{
	struct image *image = NULL;
	struct err err = {0};
	struct err entry_err;

	if (image_create(sample->fd, "/x/sample", &image, &err)) {
		assert_null(image);
		assert_int_equal(err.code, ERR_INVALID);
		assert_memory_equal(err.text, "/x/sample: ", 11);
		return;
	}
	image_check_sound(image, size);
	image_check_executable(image, &entry_err);
	image_destroy(image);
}

static void cut(const struct sample *sample, uint64_t size)
{
	if (size > sample->size)
		return;
	assert_int_equal(ftruncate(sample->fd, (off_t)size), 0);
	try_sample(sample, size);
	assert_int_equal(pwrite(sample->fd, sample->bytes + size, sample->size - size, (off_t)size),
	                 (ssize_t)(sample->size - size));
}

static void cut_around(const struct sample *sample, uint64_t boundary)
{
	for (uint64_t size = boundary < 2 ? 0 : boundary - 2; size <= boundary + 2; size++)
		cut(sample, size);
}

static void test_truncated(void **state)
{
	struct sample sample;
	const Elf64_Ehdr *ehdr;
	const Elf64_Phdr *phdr;
	const Elf64_Shdr *shdr;

	sample_init(&sample, "/bin/true");
	ehdr = (const void *)sample.bytes;
	phdr = (const void *)(sample.bytes + ehdr->e_phoff);
	shdr = (const void *)(sample.bytes + ehdr->e_shoff);
	for (uint64_t size = 0; size <= 4096; size++)
		cut(&sample, size);
	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		cut_around(&sample, phdr[i].p_offset);
		cut_around(&sample, phdr[i].p_offset + phdr[i].p_filesz);
	}
	for (unsigned i = 0; i < ehdr->e_shnum; i++) {
		cut_around(&sample, shdr[i].sh_offset);
		cut_around(&sample, ehdr->e_shoff + i * sizeof(*shdr));
	}
	cut_around(&sample, sample.size);
	sample_deinit(&sample);
}

/* xorshift64: the same numbers in every run. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Numbers that programs get wrong, among others. */
static uint64_t hostile_word(uint64_t *seed)
{
	static const uint64_t words[] = {
		0,
		1,
		3,
		0xfff,
		0x1000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x7ffffffff000,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT64_MAX,
		UINT64_MAX - 0xfff,
	};
	uint64_t random = next_random(seed);

	if (random & 1)
		return next_random(seed);
	return words[(random >> 8) % (sizeof(words) / sizeof(words[0]))];
}

/* Three of four hit the headers and what the dynamic section leads to. */
static uint64_t choose_offset(const struct sample *sample, const struct image *image,
                              uint64_t *seed)
{
	uint64_t random = next_random(seed);
	uint64_t dynamic_at = image->dynamic;

	for (uint32_t i = 0; i < image->segment_count; i++)
		if (image->dynamic - image->segments[i].vaddr < image->segments[i].filesz)
			dynamic_at = image->dynamic - image->segments[i].vaddr +
			             image->segments[i].offset;
	switch (random & 3) {
	case 0:
		return (random >> 8) % 0x400;
	case 1:
		return image->gnu_hash + (random >> 8) % 0x800;
	case 2:
		return dynamic_at + (random >> 8) % image->dynamic_size;
	default:
		return (random >> 8) % (sample->size - 8);
	}
}

static void mutate(const char *path)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	struct image *image = load(path);
	struct sample sample;
	uint64_t offset, word;
	size_t width;

	assert_non_null(image);
	sample_init(&sample, path);
	for (unsigned i = 0; i < MUTATIONS; i++) {
		offset = choose_offset(&sample, image, &seed);
		word = hostile_word(&seed);
		width = (size_t)1 << (next_random(&seed) & 3);
		if (offset > sample.size - width)
			continue;
		assert_int_equal(pwrite(sample.fd, &word, width, (off_t)offset), (ssize_t)width);
		try_sample(&sample, sample.size);
		assert_int_equal(pwrite(sample.fd, sample.bytes + offset, width, (off_t)offset),
		                 (ssize_t)width);
	}
	sample_deinit(&sample);
	image_destroy(image);
}

static void test_mutated_program(void **state)
{
	mutate("/bin/true");
}

static void test_mutated_interpreter(void **state)
{
	mutate("/lib64/ld-linux-x86-64.so.2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dynamic_program),
		TEST(test_glibc_interpreter),
		TEST(test_libc),
		TEST(test_library),
		TEST(test_musl_interpreter),
		TEST(test_static_program),
		TEST(test_truncated),
		TEST(test_mutated_program),
		TEST(test_mutated_interpreter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
