/*
 * symcache.h - the symbols of every file looked at so far, each read once.
 *
 * Shared by all threadprocs that map the same version of a file.
 */
#ifndef TPROC_READ_SYMCACHE_H
#define TPROC_READ_SYMCACHE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"
#include "lib/read/registry.h"
#include "lib/read/symbols.h"
#include "lib/read/symstore.h"

struct symcache;

/* The version of the file that an image was mapped from. */
struct file_version file_version_of_image(const struct reg_image *image);

int symcache_create(struct symcache **ret_cache, struct err *err);
void symcache_destroy(struct symcache *cache);

/* Keeps tables on disk from now on, in the store, which it takes over.  NULL: no more. */
void symcache_use_store(struct symcache *cache, struct symstore *store);

/* What became of a file since it was mapped. */
enum file_state {
	FILE_UNKNOWN, /* it cannot be read */
	FILE_SAME,
	FILE_CHANGED, /* another version lies there now */
	FILE_GONE,
};

/*
 * Symbols of that version of the file at path, by file_version_same when the size or a build-id
 * is known, else by its inode number.  When the file is gone or another one now, they are known
 * still if they were kept by build-id or a debug file has them; else ERR_NOT_FOUND.  Such an
 * answer is remembered too.  *ret_symbols is the cache's.
 */
int symcache_file(struct symcache *cache, const char *path, const struct file_version *version,
                  const struct symbols **ret_symbols, struct err *err);

/* The same question about the file itself. */
enum file_state symcache_state(struct symcache *cache, const char *path,
                               const struct file_version *version);

/* Both for an image of the registry. */
int symcache_image(struct symcache *cache, const struct reg_image *image,
                   const struct symbols **ret_symbols, struct err *err);
enum file_state symcache_image_state(struct symcache *cache, const struct reg_image *image);

/*
 * As symcache_image; when the file has none, what the module that was mapped from it with that
 * bias exports, from its memory (mem may be NULL).
 */
int symcache_module(struct symcache *cache, struct mem *mem, const struct reg_image *image,
                    uint64_t bias, const struct symbols **ret_symbols, struct err *err);

/* Symbols of an ELF image of len bytes at addr: the vdso. */
int symcache_memory(struct symcache *cache, struct mem *mem, uint64_t addr, uint64_t len,
                    const struct symbols **ret_symbols, struct err *err);

#endif
