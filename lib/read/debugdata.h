/*
 * debugdata.h - .gnu_debugdata: a small ELF file with local symbols, compressed by xz.
 */
#ifndef TPROC_READ_DEBUGDATA_H
#define TPROC_READ_DEBUGDATA_H

#include <stddef.h>

/*
 * Decompresses len bytes; the caller frees what is returned, of *ret_size bytes.  NULL when they
 * are not sound, unpack to more than 64 MiB, or memory is short.
 */
void *debugdata_unpack(const void *bytes, size_t len, size_t *ret_size);

#endif
