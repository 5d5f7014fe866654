#include "loader/server/image.h"

#include "lib/base/cleanup.h"
#include "loader/server/clip.h"
#include "loader/server/image_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void cleanup_image(struct image **image)
{
	image_destroy(*image);
}

static int fill(struct image *image, const struct image_file *file, struct err *err)
{
	AUTO_FREE Elf64_Phdr *phdrs = NULL;

	if (image_file_phdrs(file, &phdrs, err))
		return -1;
	if (image_take_phdrs(image, file, phdrs, err))
		return -1;
	image->fixed = file->ehdr.e_type == ET_EXEC;
	image->entry = file->ehdr.e_entry;
	image_take_dynamic(image, file);
	image_take_build_id(image, file, phdrs);
	image_take_sections(image, file);
	return 0;
}

int image_create(int fd, const char *path, struct image **ret_image, struct err *err)
{
	__attribute__((cleanup(cleanup_image))) struct image *image = NULL;
	struct image_file file;

	if (image_file_init(fd, path, &file, err))
		return -1;
	image = calloc(1, sizeof(*image));
	if (!image)
		return err_os(err, ENOMEM, "%s: description of the file", file.path.text);
	image->path = strdup(path);
	if (!image->path)
		return err_os(err, ENOMEM, "%s: description of the file", file.path.text);
	image->dev = file.st.st_dev;
	image->ino = file.st.st_ino;
	image->size = file.size;
	image->mtime_sec = file.st.st_mtim.tv_sec;
	image->mtime_nsec = (uint32_t)file.st.st_mtim.tv_nsec;
	if (fill(image, &file, err))
		return -1;
	*ret_image = TAKE_PTR(image);
	return 0;
}

int image_check_executable(const struct image *image, struct err *err)
{
	struct clip path = clip_path(image->path);

	if (image->entry == 0)
		return err_set(err, ERR_INVALID, "%s: has no entry point: a library, not a program",
		               path.text);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (image->entry >= segment->vaddr &&
		    image->entry - segment->vaddr < segment->memsz)
			return 0;
	}
	return err_set(err, ERR_INVALID,
	               "%s: ELF header: the entry point 0x%" PRIx64 " lies in no segment",
	               path.text, image->entry);
}

void image_destroy(struct image *image)
{
	if (!image)
		return;
	free(image->path);
	free(image->interp);
	free(image->sites);
	free(image);
}
