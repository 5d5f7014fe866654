/*
 * symcache.h - the symbols of every file looked at so far, each read once.
 *
 * Shared by all threadprocs that map the same version of a file.
 */
#ifndef TPROC_READ_SYMCACHE_H
#define TPROC_READ_SYMCACHE_H

#include "lib/base/err.h"
#include "lib/read/mem.h"
#include "lib/read/symbols.h"

struct symcache;

int symcache_create(struct symcache **ret_cache, struct err *err);
void symcache_destroy(struct symcache *cache);

/*
 * Symbols of the file at path, which has to be of that version still: by file_version_same
 * when the size or a build-id is known, else by its inode number.  ERR_NOT_FOUND when it is
 * gone or another one now; such an answer is remembered too.  *ret_symbols is the cache's.
 */
int symcache_file(struct symcache *cache, const char *path, const struct file_version *version,
                  const struct symbols **ret_symbols, struct err *err);

/* Symbols of an ELF image of len bytes at addr: the vdso. */
int symcache_memory(struct symcache *cache, struct mem *mem, uint64_t addr, uint64_t len,
                    const struct symbols **ret_symbols, struct err *err);

#endif
