/*
 * mm_view.h - what /proc/PID/auxv says in the space, where everybody has the same one.
 *
 * Debuggers find a program by it (AT_PHDR, AT_ENTRY, AT_BASE).  Without AT_PAGESZ GDB takes all
 * processes that it debugs for users of one address space, which these are: so the
 * space's own vector has none, and a debugger that wants to attach to a threadproc has that one's
 * vector shown meanwhile (debug.h).
 */
#ifndef TPROC_SERVER_MM_VIEW_H
#define TPROC_SERVER_MM_VIEW_H

#include "lib/base/err.h"
#include "loader/agent/plan.h"

#include <sys/types.h>

/* What differs from one program to the other. */
struct mm_program {
	uint64_t phdr; /* 0: in no segment */
	uint64_t phnum;
	uint64_t entry;
	uint64_t base;   /* of the interpreter, 0: none */
	uint64_t execfn; /* address of the string */
};

/* The memory of process pid, as the kernel describes it now, without AT_PAGESZ. */
int mm_view_read(pid_t pid, struct plan_mm *ret_mm, struct err *err);

/* The same with another program in its vector.  Entries that it does not have are not added. */
void mm_view_set_program(struct plan_mm *mm, const struct mm_program *program);

/* The fields of a /proc/PID/stat line; ERR_INVALID when it is not one. */
int mm_view_parse_stat(const char *line, struct plan_mm *ret_mm, struct err *err);

/* Takes pairs up to AT_NULL out of count words; ERR_INVALID when there is none, or no room. */
int mm_view_take_aux(const uint64_t *words, size_t count, struct plan_mm *ret_mm, struct err *err);

#endif
