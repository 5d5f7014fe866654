/*
 * image_cache.h - every ELF file is parsed and scanned once for each version of it.
 *
 * An entry also owns the file's record in the registry's image table, so that in-space
 * code finds the patch sites and readers the symbol tables.
 */
#ifndef TPROC_SERVER_IMAGE_CACHE_H
#define TPROC_SERVER_IMAGE_CACHE_H

#include "loader/patch/patch.h"
#include "loader/server/image.h"
#include "loader/server/registry.h"

#include <uthash.h>

/* What tells one version of a file from all others; hashed as bytes, so no padding. */
struct image_key {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	uint64_t mtime_nsec;
};

/* A site with the bytes that stand there, since the stub takes some of them along. */
struct image_site {
	struct tp_site site;
	uint32_t segment; /* which of the image's */
	uint8_t text[PATCH_STUB_MAX];
};

/*
 * The sites of adjacent pages of text and everything between them: written in one go, since
 * the pages have to be copied anyway.
 */
struct image_span {
	uint32_t segment;
	uint32_t off; /* file offset */
	uint32_t len;
	uint32_t first_site;
	uint32_t site_count;
	uint8_t *text;
};

struct cached_image {
	struct image_key key;
	struct image *image;
	struct image_site *sites; /* image->site_count of them, ascending */
	struct image_span *spans;
	uint32_t span_count;
	uint8_t debug_state_text[PATCH_HOOK_BYTES]; /* at image->dl_debug_state */
	bool has_debug_state_text;
	uint32_t index; /* in the registry, 0: there was no room */
	uint32_t users;
	uint64_t last_use;
	UT_hash_handle hh;
};

struct image_cache {
	struct registry *registry;
	struct cached_image *by_key;
	uint64_t clock;
};

void image_cache_init(struct image_cache *cache, struct registry *registry);
void image_cache_deinit(struct image_cache *cache);

/*
 * The image of the file behind fd (open for reading, the caller's).  *ret_image is counted:
 * image_cache_put gives it back.  Errors are image_create's.
 */
int image_cache_get(struct image_cache *cache, int fd, const char *path,
		    struct cached_image **ret_image, struct err *err);
void image_cache_put(struct image_cache *cache, struct cached_image *image);

#endif
