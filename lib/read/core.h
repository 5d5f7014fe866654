/*
 * core.h - a core file of a space as a target.
 *
 * A core of any threadproc, by the kernel or by gcore, has the memory of the whole space and
 * the registry in it.  Nothing in the file is believed, and it is never read as a whole: the
 * table of segments and the notes are, memory is read where it is asked for.
 *
 * What the dump left out because a file has it (program text) is read from that file, if it is
 * still the very version that was mapped: by its build-id, which the core has with the file's
 * first page, else by what the registry has on record; or untouched since before the space was
 * made, on the very machine.  Otherwise such memory cannot be read.
 */
#ifndef TPROC_READ_CORE_H
#define TPROC_READ_CORE_H

#include "lib/base/err.h"
#include "lib/read/registry.h"
#include "lib/read/target.h"

struct core;

/*
 * Opens a regular file.  ERR_NOT_FOUND when it is not there, ERR_INVALID when it is no core
 * file of this machine's kind.  One that is damaged in part is read as far as it goes.
 */
int core_open(const char *path, struct core **ret_core, struct err *err);
void core_close(struct core *core);

/* The memory, which is the core's: not to be closed, and not to be used after core_close. */
struct mem *core_mem(struct core *core);

/*
 * The registry within.  ERR_NO_SPACE when the core is of no space, ERR_REGISTRY when the
 * registry was left out of the dump or is not valid.  The caller closes it.
 */
int core_registry(struct core *core, struct registry **ret_registry, struct err *err);

/*
 * The target, for a snapshot of that registry; core outlives it.  Threads and registers are
 * those of the processes whose threads were dumped: usually the one that crashed.
 */
int target_open_core(struct core *core, const struct snapshot *snapshot, struct symcache *symbols,
                     struct target *ret_target, struct err *err);

/*
 * What users should know: that the file is cut, that a mapped file is another one now.  Each is
 * returned once, "" when there is nothing more; valid until the next call.
 */
const char *core_notice(struct core *core);

#endif
