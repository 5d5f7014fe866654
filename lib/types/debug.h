/*
 * debug.h - the debugging information (DWARF) of one file.
 *
 * It is in the file itself or in a separate one.  Nothing in it is believed.  Whatever is
 * handed out (entries, types, text) lives as long as the struct debug.
 */
#ifndef TPROC_TYPES_DEBUG_H
#define TPROC_TYPES_DEBUG_H

#include "lib/base/err.h"
#include "lib/read/symbols.h"

#include <elfutils/libdw.h>
#include <stddef.h>

struct debug;
struct debug_index;
struct debug_units;
struct type_store;

/*
 * Debugging information of the file at path, which has to be of that version still (as for
 * symcache_file).  ERR_NOT_FOUND when there is none, with the reason.
 */
int debug_open(const char *path, const struct file_version *version, struct debug **ret_debug,
               struct err *err);

/* The same from an ELF image in memory, which is copied. */
int debug_open_bytes(const void *bytes, size_t len, struct debug **ret_debug, struct err *err);

void debug_close(struct debug *debug);

Dwarf *debug_dwarf(const struct debug *debug);

/* Path of the file that it is in; "" for bytes. */
const char *debug_path(const struct debug *debug);

/* What the file's information is indexed by, and its types; made when first asked for. */
int debug_get_units(struct debug *debug, struct debug_units **ret_units, struct err *err);
int debug_get_index(struct debug *debug, struct debug_index **ret_index, struct err *err);
int debug_get_types(struct debug *debug, struct type_store **ret_types, struct err *err);

/* How many bytes there are from text to the end of the section of entries that it lies in. */
size_t debug_bytes_from(struct debug *debug, Dwarf *dwarf, const char *text);

/*
 * Called now and then while a file is indexed, with how much of it is done.  What is not 0
 * gives up: ERR_LIMIT "interrupted".
 */
typedef int debug_progress(void *context, size_t done, size_t total);

/* The debugging information of every file looked at so far, each opened once. */
struct debug_cache;

int debug_cache_create(struct debug_cache **ret_cache, struct err *err);
void debug_cache_destroy(struct debug_cache *cache);
void debug_cache_set_progress(struct debug_cache *cache, debug_progress *progress, void *context);

/* As debug_open; *ret_debug is the cache's.  Failures are remembered too. */
int debug_cache_file(struct debug_cache *cache, const char *path,
                     const struct file_version *version, struct debug **ret_debug, struct err *err);

#endif
