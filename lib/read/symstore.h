/*
 * symstore.h - tables of symbols that were built once, kept on disk by build-id.
 *
 * One file for each in $XDG_CACHE_HOME/tproc/symbols ($HOME/.cache without it), mode 0600 in
 * directories of mode 0700 that belong to the user; others are not used.  What is read back is
 * checked by symtab_open like anybody's.  When there is more than a bound, what was used the
 * longest time ago goes.
 */
#ifndef TPROC_READ_SYMSTORE_H
#define TPROC_READ_SYMSTORE_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct symstore;

/* Bounds on what stays. */
#define SYMSTORE_FILES_MAX 4096u
#define SYMSTORE_BYTES_MAX (UINT64_C(512) << 20)

/* Makes the directories if they are not there.  ERR_DENIED when they are not the user's own. */
int symstore_open(struct symstore **ret_store, struct err *err);

/* The same in a directory that is there; for tests, with their own bounds. */
int symstore_open_at(const char *dir, unsigned files_max, uint64_t bytes_max,
                     struct symstore **ret_store, struct err *err);

void symstore_close(struct symstore *store);

/*
 * The bytes kept for a build-id, unchecked but for their size; the caller frees *ret_block.
 * ERR_NOT_FOUND when there are none.
 */
int symstore_load(struct symstore *store, const uint8_t *build_id, uint32_t build_id_len,
                  void **ret_block, size_t *ret_size, struct err *err);

/* Keeps them.  Nobody depends on that: what goes wrong is not told. */
void symstore_save(struct symstore *store, const uint8_t *build_id, uint32_t build_id_len,
                   const void *block, size_t size);

#endif
