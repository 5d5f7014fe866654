/*
 * modules.h - tells libdwfl of every module in a space, and opens their files for it.
 */
#ifndef TPROC_UNWIND_MODULES_H
#define TPROC_UNWIND_MODULES_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <elfutils/libdwfl.h>

struct modules;

/* A session of libdwfl's with all modules of the target, which is borrowed. */
int modules_create(const struct target *target, struct modules **ret_modules, struct err *err);
void modules_destroy(struct modules *modules);

/* Borrowed. */
Dwfl *modules_dwfl(const struct modules *modules);

/*
 * The module that an address lies in, NULL when there is none.  Where the registry has none (yet),
 * a mapped file is taken for one.
 */
Dwfl_Module *modules_at(struct modules *modules, uint64_t addr);

/* What the file of the module at addr has for it, up to the end of a segment: how many bytes. */
size_t modules_read(struct modules *modules, uint64_t addr, void *buf, size_t len);

#endif
