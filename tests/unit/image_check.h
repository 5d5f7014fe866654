/* image_check.h - what has to hold of every image that is accepted, and every refusal. */
#ifndef TPROC_TESTS_IMAGE_CHECK_H
#define TPROC_TESTS_IMAGE_CHECK_H

#include "loader/server/image.h"
#include "tests/unit/elf_builder.h"

/* Fails the test when the image promises what a file of file_size bytes cannot keep. */
void image_check_sound(const struct image *image, uint64_t file_size);

/* The file that was built, as an image; fails the test when it is refused. */
struct image *image_check_accepts(const struct elf_builder *builder);

/*
 * Fails the test unless the file is refused with ERR_INVALID, with its path in front and these
 * words in the message, and nothing is returned.
 */
void image_check_refuses(const struct elf_builder *builder, const char *words);

#endif
