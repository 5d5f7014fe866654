/*
 * The files that were mapped: whether they are still what they were, and what is in them.
 */
#include "lib/read/core_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/regular_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Files kept open; more are opened again when they are needed. */
#define OPEN_MAX_FILES 64u
#define PAGE UINT64_C(4096)

/* ---- Which version was mapped ---------------------------------------------- */

/* Where the beginning of the file is mapped and dumped; NULL when that is nowhere. */
static const struct core_range *first_page(const struct core *core, size_t path)
{
	for (size_t i = 0; i < core->range_count; i++) {
		if (core->ranges[i].path == path && !core->ranges[i].offset)
			return &core->ranges[i];
	}
	return NULL;
}

uint32_t core_build_id(struct core *core, size_t path, uint8_t build_id[TP_BUILD_ID_SIZE])
{
	/* The kernel dumps one page, in which linkers put the notes. */
	union {
		char bytes[PAGE];
		Elf64_Ehdr ehdr;
	} page;
	const struct core_range *range = first_page(core, path);
	uint32_t len = 0;
	Elf *elf;

	if (!range || core_read_dumped(core, range->lo, &page, sizeof(page)) != sizeof(page) ||
	    memcmp(page.ehdr.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	/* Sections lie behind the page. */
	page.ehdr.e_shoff = 0;
	page.ehdr.e_shnum = 0;
	page.ehdr.e_shstrndx = SHN_UNDEF;
	elf = elf_memory(page.bytes, sizeof(page));
	if (elf)
		len = debug_file_build_id(elf, build_id);
	elf_end(elf);
	return len;
}

static bool file_has_build_id(int fd, const uint8_t *build_id, uint32_t len)
{
	uint8_t has[TP_BUILD_ID_SIZE];
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool same = elf && debug_file_build_id(elf, has) == len && !memcmp(has, build_id, len);

	elf_end(elf);
	return same;
}

/* Whether some image on record has that path and is this very file. */
static bool is_on_record(const struct core *core, const char *name, const struct stat *st)
{
	const struct snapshot *s = core->snapshot;

	for (size_t i = 1; s && i < s->image_count; i++) {
		const struct reg_image *image = &s->images[i];

		if (image->path && !strcmp(image->path, name) && image->abi.dev == st->st_dev &&
		    image->abi.ino == st->st_ino && image->abi.size == (uint64_t)st->st_size &&
		    image->abi.mtime_sec == st->st_mtim.tv_sec &&
		    image->abi.mtime_nsec == (uint32_t)st->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

/* Whether the file system that st is of is the one that images on record were mapped from. */
static bool is_same_device(struct core *core, const struct stat *st)
{
	const struct snapshot *s = core->snapshot;

	if (core->device_asked && core->device == st->st_dev)
		return core->device_same;
	core->device_asked = true;
	core->device = st->st_dev;
	core->device_same = false;
	for (size_t i = 1; s && i < s->image_count; i++) {
		const struct reg_image *image = &s->images[i];
		struct stat now;

		if (!image->path || image->abi.dev != st->st_dev || stat(image->path, &now) ||
		    !is_on_record(core, image->path, &now))
			continue;
		core->device_same = true;
		break;
	}
	return core->device_same;
}

/*
 * What nothing tells of, like the tables of a locale: nobody has touched it since before the
 * space was made, and there is proof that it is the machine on which that was.
 */
static bool is_untouched(struct core *core, const struct stat *st)
{
	const uint64_t second = UINT64_C(1000000000);
	uint64_t changed = (uint64_t)st->st_ctim.tv_sec * second + (uint64_t)st->st_ctim.tv_nsec;

	return core->snapshot && st->st_ctim.tv_sec > 0 &&
	       changed < core->snapshot->header.created_ns && is_same_device(core, st);
}

/* Leaves the reason in path->why when it is another one, or nobody can tell. */
static bool is_version(struct core *core, size_t index, int fd, const struct stat *st)
{
	struct core_path *path = &core->paths[index];
	uint8_t build_id[TP_BUILD_ID_SIZE];
	uint32_t len = core_build_id(core, index, build_id);

	if (len && !file_has_build_id(fd, build_id, len)) {
		snprintf(path->why, sizeof(path->why), "another file than was mapped (build-id)");
		return false;
	}
	if (len || is_on_record(core, path->name, st) || is_untouched(core, st))
		return true;
	snprintf(path->why, sizeof(path->why), "nothing tells whether it is what was mapped");
	return false;
}

/* ---- Open files ------------------------------------------------------------- */

static void close_path(struct core *core, struct core_path *path)
{
	close(path->fd);
	path->fd = -1;
	core->open_files--;
}

static void make_room(struct core *core)
{
	struct core_path *oldest = NULL;

	if (core->open_files < OPEN_MAX_FILES)
		return;
	for (size_t i = 0; i < core->path_count; i++) {
		struct core_path *path = &core->paths[i];

		if (path->fd >= 0 && (!oldest || path->used < oldest->used))
			oldest = path;
	}
	if (oldest)
		close_path(core, oldest);
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_len = strlen(text), end_len = strlen(end);

	return text_len >= end_len && !strcmp(text + text_len - end_len, end);
}

/* Opens the file and looks whether it is the version that was mapped. */
static void open_path(struct core *core, size_t index)
{
	struct core_path *path = &core->paths[index];
	AUTO_CLOSE int fd = -1;
	struct stat st;
	struct err err;

	path->state = CORE_PATH_REFUSED;
	if (path->name[0] != '/' || ends_with(path->name, " (deleted)")) {
		snprintf(path->why, sizeof(path->why), "the file was gone already");
		return;
	}
	if (regular_file_open(path->name, &fd, &st, &err)) {
		snprintf(path->why, sizeof(path->why), "%.100s", err.text);
		return;
	}
	if (!is_version(core, index, fd, &st))
		return;
	make_room(core);
	path->state = CORE_PATH_SOUND;
	path->size = (uint64_t)st.st_size;
	path->fd = TAKE_FD(fd);
	core->open_files++;
}

void core_close_paths(struct core *core)
{
	for (size_t i = 0; i < core->path_count; i++) {
		if (core->paths[i].fd >= 0)
			close_path(core, &core->paths[i]);
	}
}

/* Memory behind the end of a file is zero up to the page's end; there is none behind. */
static size_t zero_tail(const struct core_path *path, uint64_t offset, char *buf, size_t len)
{
	uint64_t end = (path->size + PAGE - 1) & ~(PAGE - 1);

	if (offset < path->size || offset >= end)
		return 0;
	if (end - offset < len)
		len = (size_t)(end - offset);
	memset(buf, 0, len);
	return len;
}

ssize_t core_read_path(struct core *core, const struct core_range *range, uint64_t offset,
                       void *buf, size_t len)
{
	struct core_path *path = &core->paths[range->path];
	ssize_t got;

	if (path->state == CORE_PATH_REFUSED)
		return 0;
	if (path->fd < 0)
		open_path(core, range->path);
	if (path->fd < 0)
		return 0;
	path->used = ++core->clock;
	do {
		got = pread(path->fd, buf, len, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return got ? got : (ssize_t)zero_tail(path, offset, buf, len);
}
