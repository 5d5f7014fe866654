/*
 * module_memory.h - the segments of a module, as its program headers in memory have them.
 */
#ifndef TPROC_READ_MODULE_MEMORY_H
#define TPROC_READ_MODULE_MEMORY_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define MODULE_SEGMENTS 32u

/* A PT_LOAD or PT_TLS; addresses in the space (of PT_TLS: where its image lies). */
struct module_segment {
	uint32_t type;
	uint32_t flags; /* PF_ bits */
	uint64_t addr;
	uint64_t file_size;
	uint64_t size;
	uint64_t align;
};

struct module_memory {
	struct module_segment list[MODULE_SEGMENTS];
	size_t count;
};

/*
 * Reads the program headers behind the module's ELF header.  ERR_NOT_FOUND when they cannot be
 * read, ERR_INVALID when they are none.  Segments past the 32nd, and those that wrap, are left
 * out.
 */
int module_memory_read(const struct target *target, const struct reg_module *module,
                       struct module_memory *ret_memory, struct err *err);

/* The module's PT_TLS; NULL when it has none. */
const struct module_segment *module_memory_tls(const struct module_memory *memory);

/* Whether the module is a C library, by its name: libc.so.6, libc-2.31.so, ld-musl-x86_64.so.1. */
bool module_is_libc(const struct reg_module *module);

#endif
