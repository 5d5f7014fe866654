/*
 * space.h - inside libtproc: the space as this program sees it.
 *
 * This code runs inside programs that know nothing of it.  It does not print, exit,
 * allocate or change errno, and but for the mailbox it only reads.  What it reads was
 * written by the server (the registry, which nobody else can write) or can be
 * written by every program in the space (struct tp_self, the mailbox): the latter is
 * checked before use, the former is bounded by its own table sizes, which are checked once.
 *
 * Internal names begin with tproci_: they are hidden in the shared library, but not
 * from whoever links the static one.
 */
#ifndef TPROC_LIB_SPACE_H
#define TPROC_LIB_SPACE_H

#include "tproc/abi.h"
#include "tproc/tproc.h"

struct tproci_space {
	int result; /* TPROC_OK, or why there is no space: then nothing else is set */
	const struct tp_self *self;
	const struct tp_registry *registry;
	const struct tp_granule *granules;
	const struct tp_fixed *fixed;
	const struct tp_threadproc *threadprocs;
	const struct tp_name *names;
	struct tp_mailbox_header *mailbox_header;
	struct tp_mailbox *mailbox;
	uint32_t index; /* own record */
	uint32_t generation;
	uint32_t id;
};

/*
 * The space, filled in before main and never written after.  Its result is positive
 * as long as it was not: a constructor that ran even earlier has called.
 */
extern struct tproci_space tproci_space;

/*
 * Looks for the space and checks everything that is relied on later: addresses,
 * magic numbers, versions, table bounds.  Sets tproci_space and returns its result.
 */
int tproci_attach(void);

/* What every public function begins with: TPROC_OK, or what to return. */
static inline int tproci_enter(void)
{
	int result = tproci_space.result;

	if (__builtin_expect(result > 0, 0))
		result = tproci_attach();
	if (result != TPROC_OK)
		return result;
	/* A forked child reads zero here: the page is wiped. */
	if (__atomic_load_n(&tproci_space.self->magic, __ATOMIC_RELAXED) != TP_SELF_MAGIC)
		return TPROC_NOT_IN_SPACE;
	return TPROC_OK;
}

#endif
