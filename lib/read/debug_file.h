/*
 * debug_file.h - the separate file that holds what was stripped from a program or library.
 *
 * Looked for where elfutils and GDB look: by build-id under /usr/lib/debug, by the name in
 * .gnu_debuglink beside the file and there, and, when DEBUGINFOD_URLS is set, at those servers
 * (by elfutils' own client, which keeps what it fetched).
 */
#ifndef TPROC_READ_DEBUG_FILE_H
#define TPROC_READ_DEBUG_FILE_H

#include "lib/base/err.h"
#include "tproc/abi.h"

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct debug_query {
	const char *path;        /* of the stripped file; NULL: not known */
	const uint8_t *build_id; /* build_id_len bytes */
	uint32_t build_id_len;   /* 0: none, and nothing is found */
	const char *debuglink;   /* debug_file_link's; NULL: none */
};

/* Who is told of servers that are waited for. */
struct debug_download {
	/*
	 * Called every now and then with the bytes that are there and those to come (0: not known).
	 * False gives up.
	 */
	bool (*step)(void *context, uint64_t done, uint64_t total);
	void (*end)(void *context); /* that one has come, or will not */
	void *context;
};

/*
 * For every download of the process from now on, since any look-up of a symbol may be what needs
 * one.  Borrowed; NULL: waits as long as it takes.
 */
void debug_file_watch(const struct debug_download *download);

/*
 * Opens the debug file of that very build-id, a regular file.  The caller closes *ret_fd and
 * frees *ret_path.  ERR_NOT_FOUND when there is none.
 */
int debug_file_find(const struct debug_query *query, int *ret_fd, char **ret_path, struct err *err);

/*
 * The build-id in an ELF file's notes, from its segments, else from its sections (a debug file's
 * segments lead nowhere).  Returns its length, at most TP_BUILD_ID_SIZE; 0 for none.
 */
uint32_t debug_file_build_id(Elf *elf, uint8_t build_id[TP_BUILD_ID_SIZE]);

/*
 * The name in .gnu_debuglink of an ELF file, which lives as long as elf; NULL when it has none
 * that is a plain file name.  (Its checksum is not needed: the build-id tells more.)
 */
const char *debug_file_link(Elf *elf);

#endif
