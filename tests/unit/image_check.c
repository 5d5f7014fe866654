#include "tests/unit/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <string.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define USER_END UINT64_C(0x7ffffffff000)

static void check_segment(const struct image *image, const struct image_segment *segment,
                          uint64_t file_size)
{
	assert_true(segment->memsz > 0 && segment->filesz <= segment->memsz);
	assert_true(segment->vaddr <= USER_END && segment->memsz <= USER_END - segment->vaddr);
	assert_true(segment->vaddr >= image->vaddr_lo &&
	            segment->vaddr + segment->memsz <= image->vaddr_hi);
	assert_int_equal((segment->vaddr - segment->offset) % PAGE, 0);
	assert_true(segment->align >= PAGE && segment->align <= IMAGE_MAX_ALIGN);
	assert_int_equal(segment->align & (segment->align - 1), 0);
	assert_true(segment->align <= image->align);
	assert_int_equal(segment->prot & ~7, 0);
	if (segment->filesz == 0)
		return;
	assert_true(segment->offset <= file_size && segment->filesz <= file_size - segment->offset);
}

static void check_in_segments(const struct image *image, uint64_t vaddr, uint64_t size)
{
	assert_true(vaddr >= image->vaddr_lo && vaddr <= image->vaddr_hi);
	assert_true(size <= image->vaddr_hi - vaddr);
}

static void check_symbols(const struct image *image)
{
	if (image->dynamic)
		check_in_segments(image, image->dynamic, image->dynamic_size);
	if (image->dl_debug_state)
		check_in_segments(image, image->dl_debug_state, 1);
	if (image->r_debug)
		check_in_segments(image, image->r_debug, 1);
	if (image->dynsym_count == 0) {
		assert_false(image->dynsym || image->dynstr || image->dynstr_size ||
		             image->gnu_hash || image->sysv_hash);
		return;
	}
	check_in_segments(image, image->dynsym, (uint64_t)image->dynsym_count * sizeof(Elf64_Sym));
	check_in_segments(image, image->dynstr, image->dynstr_size);
	if (image->gnu_hash)
		check_in_segments(image, image->gnu_hash, 16);
	if (image->sysv_hash)
		check_in_segments(image, image->sysv_hash, 8);
}

void image_check_sound(const struct image *image, uint64_t file_size)
{
	uint64_t end = 0;

	assert_true(image->segment_count > 0 && image->segment_count <= IMAGE_MAX_SEGMENTS);
	assert_int_equal(image->vaddr_lo % PAGE, 0);
	assert_int_equal(image->vaddr_hi % PAGE, 0);
	assert_true(image->vaddr_lo < image->vaddr_hi);
	assert_true(image->vaddr_hi - image->vaddr_lo <= UINT64_C(8) << 30);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		check_segment(image, segment, file_size);
		assert_true(i == 0 || segment->vaddr / PAGE >= (end + PAGE - 1) / PAGE);
		end = segment->vaddr + segment->memsz;
	}
	assert_true(image->phnum > 0);
	if (image->phdr)
		check_in_segments(image, image->phdr, image->phnum * sizeof(Elf64_Phdr));
	if (image->text_hi)
		check_in_segments(image, image->text_lo, image->text_hi - image->text_lo);
	assert_true(!image->interp || image->interp[0]);
	assert_true(image->build_id_len <= TP_BUILD_ID_SIZE);
	check_symbols(image);
}

struct image *image_check_accepts(const struct elf_builder *builder)
{
	int fd = elf_builder_fd(builder);
	struct image *image = NULL;
	struct err err = {0};

	if (image_create(fd, "/x/prog", &image, &err))
		fail_msg("refused: %s", err.text);
	image_check_sound(image, builder->size);
	close(fd);
	return image;
}

void image_check_refuses(const struct elf_builder *builder, const char *words)
{
	int fd = elf_builder_fd(builder);
	struct image *image = NULL;
	struct err err = {0};

	assert_int_equal(image_create(fd, "/x/prog", &image, &err), -1);
	assert_null(image);
	assert_int_equal(err.code, ERR_INVALID);
	if (strncmp(err.text, "/x/prog: ", 9) != 0 || !strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	close(fd);
}
