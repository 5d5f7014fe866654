/*
 * tls_parts.h - what the parts of the reader of thread-local storage share.
 */
#ifndef TPROC_READ_TLS_PARTS_H
#define TPROC_READ_TLS_PARTS_H

#include "lib/read/tls.h"

#define TLS_THREADS_MAX 65536u

struct tls_thread {
	pid_t tid;
	uint64_t pointer; /* the control block's address */
};

struct tls_threads {
	struct tls_thread *list;
	size_t count;
};

/* Where a module's blocks are. */
struct tls_module {
	const struct reg_module *module;
	uint64_t size;
	uint64_t offset; /* below the thread pointer; 0: in no fixed place */
	uint64_t id;     /* in the table of dynamic blocks, from 1 */
};

/* tls_threads.c */
int tls_find_threads(const struct target *target, const struct reg_threadproc *tp,
                     struct tls_threads *ret_threads, struct err *err);

/* tls_modules.c: the caller frees the list. */
int tls_find_modules(const struct target *target, const struct reg_threadproc *tp,
                     struct tls_module **ret_list, size_t *ret_count, struct err *err);

#endif
