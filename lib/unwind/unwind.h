/*
 * unwind.h - backtraces through the code of every component of a space.
 *
 * The unwinder is elfutils' own (libdwfl), told of all modules of the space at once: a thread
 * may be in another component's code.  What libdwfl cannot know is added here: the toolkit's
 * stubs, through which patched system calls go, and calls to where no code is.
 */
#ifndef TPROC_UNWIND_H
#define TPROC_UNWIND_H

#include "lib/base/err.h"
#include "lib/read/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNWIND_FRAMES_MAX 65536u

struct frame {
	uint64_t pc;
	uint64_t sp; /* as it was at pc; 0: not known */
	/* pc is where it is, or was interrupted by a signal; else the place it will return to. */
	bool exact;
	bool trampoline; /* the C library's return from a signal handler */
	bool stub;       /* the call goes through a stub of the toolkit, which is not shown */
	bool guessed;    /* found by a frame pointer: nothing describes the code above it */
};

struct backtrace {
	struct frame *frames; /* innermost first */
	size_t count;
	bool cut;          /* there are more */
	bool moved;        /* memory was needed that may be of a later moment than the registers */
	char problem[160]; /* why it ends early, else empty */
};

struct unwinder;

/*
 * For threads of the target, which is borrowed, like its snapshot.  Files are opened when they
 * are needed, and only if they are those that were mapped; others are read from memory.
 */
int unwinder_create(const struct target *target, struct unwinder **ret_unwinder, struct err *err);
void unwinder_destroy(struct unwinder *unwinder);

/*
 * The frames of a captured thread, limit (up to UNWIND_FRAMES_MAX) at most; there is at least
 * one.  To be released.
 */
int unwind(struct unwinder *unwinder, const struct capture *capture, size_t limit,
           struct backtrace *ret_backtrace, struct err *err);
void backtrace_deinit(struct backtrace *backtrace);

/*
 * Up to len bytes from addr on of a module's code as its file has it, which need not be in memory any
 * more.  Returns how many.
 */
size_t unwinder_code(struct unwinder *unwinder, uint64_t addr, void *buf, size_t len);

/* The address to look up for a frame: that of the call, not of what follows it. */
static inline uint64_t frame_lookup_address(const struct frame *frame)
{
	return frame->exact || !frame->pc ? frame->pc : frame->pc - 1;
}

#endif
