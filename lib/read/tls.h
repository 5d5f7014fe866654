/*
 * tls.h - thread-local storage: whose block of which module an address lies in.
 *
 * A thread's control block begins with its own address, which is how thread pointers are found
 * without stopping anybody: near the robust list that the kernel knows of, and in the C library's
 * lists of threads where no kernel can be asked (a core file).  Where a module's block is follows
 * from its link map, or from the thread's table of dynamic blocks (glibc, x86-64).
 */
#ifndef TPROC_READ_TLS_H
#define TPROC_READ_TLS_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stddef.h>
#include <stdint.h>

/* A thread's copy of a module's thread-local variables, or its control block. */
struct tls_block {
	uint64_t lo;
	uint64_t hi;
	pid_t tid;
	const struct reg_module *module; /* NULL: the control block */
};

struct tls {
	struct tls_block *list; /* ascending by lo */
	size_t count;
};

/* The blocks of a threadproc's threads.  Fails for lack of memory only: there may be none. */
int tls_read(const struct target *target, const struct reg_threadproc *tp, struct tls *ret_tls,
             struct err *err);
void tls_deinit(struct tls *tls);

/* The block that covers an address, NULL for none. */
const struct tls_block *tls_at(const struct tls *tls, uint64_t addr);

/*
 * The control block of the thread whose stack an address of the mapping [lo, hi) is in: the C
 * library puts it at the top of what it maps for the stack.  The main thread (main_tid) is not
 * considered.  NULL when it is nobody's.
 */
const struct tls_block *tls_above(const struct tls *tls, pid_t main_tid, uint64_t addr, uint64_t lo,
                                  uint64_t hi);

#endif
