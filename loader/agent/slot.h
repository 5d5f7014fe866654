/*
 * slot.h - a slot's own state, and where things lie in it.
 *
 * The server writes a struct slot as part of a launch; from the clone on it belongs to
 * the in-space code that runs for this program.  It lies in private memory of the slot,
 * so that a forked child has a copy of its own.  The program can scribble on it: that
 * hurts the program itself only.
 */
#ifndef TPROC_AGENT_SLOT_H
#define TPROC_AGENT_SLOT_H

#include "tproc/abi.h"

#include <linux/prctl.h>
#include <stdint.h>

#define SLOT_PAGE UINT64_C(4096)
#define SLOT_MAGIC UINT64_C(0x746f6c735f707401)

/*
 * From the slot's start (its first granule), with the stack's size rounded up so that
 * SLOT_CORE(stack) is a multiple of 2 MiB:
 *
 *	SLOT_MARGIN		nothing: a wild access off the stack's end faults
 *	..stack_hi		the main thread's stack; its top shares a page-table page with
 *	core + ALT		the main thread's stack for signals of crashes
 *	core + STATE		struct slot
 *	core + SELF		struct tp_self, a page with MADV_WIPEONFORK: last, so that it
 *				splits the mapping once
 *	core + STUBS		stubs for the program and its interpreter
 *	core + IMAGES		the interpreter, then the program, then brk's zone
 *	mmap_lo .. end		everything else
 */
#define SLOT_MARGIN UINT64_C(0x10000)
#define SLOT_STACK_TOP UINT64_C(0x10000) /* stack_hi - core */
/* As large as those of runtimes that use the stack they find (Go). */
#define SLOT_ALT UINT64_C(0x11000)
#define SLOT_ALT_SIZE UINT64_C(0x10000)
#define SLOT_STATE UINT64_C(0x21000)
#define SLOT_STATE_SIZE UINT64_C(0x4000)
#define SLOT_SELF UINT64_C(0x25000)
#define SLOT_STUBS UINT64_C(0x27000)
#define SLOT_STUBS_SIZE UINT64_C(0x8000)
#define SLOT_IMAGES UINT64_C(0x30000)
#define SLOT_MMAP UINT64_C(0x100000000)	 /* the mmap zone begins here at the earliest */
#define SLOT_START_STACK UINT64_C(0x8000) /* below slot_launch.fds, for what runs before the program */
#define SLOT_TAIL UINT64_C(0x10000)	 /* nothing is placed in the last bytes of a run */

#define SLOT_HOLES 64u
#define SLOT_RLIMITS 16u
#define SLOT_GROUPS 64u
#define SLOT_CPU_WORDS 16u
#define SLOT_EXE_SIZE 4096u
#define SLOT_TERMINAL_SIZE 64u
/* The kernel keeps fewer. */
#define SLOT_AUX_WORDS 64u
/* Stacks for signals: one thread each, as many as there are; further threads have none. */
#define SLOT_ALTS 512u
#define SLOT_THREAD_ALT_SIZE UINT64_C(0x8000)

/* Address space that belongs to the slot; addresses from cursor on were never used, or
 * not since it last came around.  hi is written last: 0 while the entry is being filled. */
struct slot_range {
	uint64_t lo;
	uint64_t hi;
	uint64_t cursor;
};

/*
 * A range that was unmapped and may be used again, in one word so that it is taken and
 * noted in one step: first page << 29 | pages; 0: none.
 */
typedef uint64_t slot_hole;
#define SLOT_HOLE_BITS 29

struct slot_rlimit {
	uint32_t resource;
	uint32_t pad;
	uint64_t soft;
	uint64_t hard;
};

/* One descriptor of the program: the agent's number, then the program's. */
struct slot_fd {
	int32_t from;
	int32_t to;
};

/* As capset(2) and prctl(2) take them: bit N for capability N. */
struct slot_capabilities {
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
	uint64_t bounding;
	uint64_t ambient;
};

enum slot_launch_flags {
	SLOT_NO_NEW_PRIVS = 1,
	SLOT_SET_AFFINITY = 2,
	SLOT_SET_IOPRIO = 4,
	SLOT_SET_SCHED = 8,
	SLOT_SET_NICE = 16,
	SLOT_SET_PERSONALITY = 32,
	SLOT_SET_GROUPS = 64,
	SLOT_SET_CAPABILITIES = 128,
};

/* What the new process does before the program's entry; not used after it. */
struct slot_launch {
	uint64_t entry;
	uint64_t sp;
	uint64_t fds; /* address of fd_count struct slot_fd, ascending by `to`; free stack below */
	uint32_t fd_count;
	int32_t cwd_from; /* the agent's number of the working directory */
	int32_t server_pid;
	int32_t pgid; /* process group to join, 0: a new one of its own */
	uint32_t flags; /* enum slot_launch_flags */
	uint32_t umask_bits;
	int32_t nice;
	int32_t sched_policy;
	int32_t sched_priority;
	uint32_t ioprio;
	uint32_t personality;
	uint32_t rlimit_count;
	uint64_t timer_slack_ns; /* 0: leave it */
	uint64_t sig_blocked;
	uint64_t sig_ignored;
	struct slot_rlimit rlimits[SLOT_RLIMITS];
	uint64_t affinity[SLOT_CPU_WORDS];
	char comm[16];
	uint32_t gid;
	uint32_t group_count;
	uint32_t groups[SLOT_GROUPS];
	struct slot_capabilities capabilities;
};

struct slot {
	uint64_t magic;
	uint32_t index; /* of its record, and of its mailbox */
	uint32_t generation;
	uint32_t pid; /* set by the process itself; a forked child keeps its parent's */
	uint32_t range_count;
	uint64_t self;	  /* struct tp_self */
	uint64_t mailbox; /* struct tp_mailbox */
	uint64_t mailbox_header;
	uint64_t registry;
	uint64_t agent_stack; /* an address in it */
	uint32_t launcher;     /* pid of tprun, 0: not known */
	uint32_t death_signal; /* that the program gets when tprun's parent dies, 0: none */
	uint64_t r_debug; /* 0: found through the program's DT_DEBUG */
	uint64_t dynamic; /* the program's PT_DYNAMIC, 0: none */
	uint64_t lo; /* the first run, for what is outside of every range */
	uint64_t hi;
	/* brk: [brk_lo, brk_hi) may be used, [brk_lo, brk_mapped) is */
	uint64_t brk_lo;
	uint64_t brk_hi;
	uint64_t brk_now;
	uint64_t brk_mapped;
	uint32_t brk_lock; /* futex; tid of the holder */
	uint32_t describes; /* whether the kernel lets a process describe its memory */
	uint32_t filtered;  /* a filter of its own decides on its calls: it makes no others */
	uint32_t pad;
	/* stubs for what is mapped at run time */
	uint64_t entry; /* struct patch_stub_head */
	uint64_t filter;
	uint64_t module_hook;
	uint64_t cpuid;
	uint64_t crash_stub; /* the handler of signals of crashes */
	uint64_t alt_stack;  /* the main thread's, for it */
	uint64_t alt_stacks; /* the other threads', 0 until there is one */
	uint64_t escapes;   /* mappings the kernel placed because the slot had no room */
	uint32_t next_hole; /* where the next one is noted */
	uint32_t exe_length;
	struct slot_range ranges[TP_RUNS];
	slot_hole holes[SLOT_HOLES];
	/*
	 * What the kernel would say of the program's memory if that were its own: image, stack,
	 * arguments and environment (one behind the other), auxiliary vector (aux).  The break is the
	 * kernel's.
	 */
	struct prctl_mm_map memory;
	uint64_t aux[SLOT_AUX_WORDS];
	struct slot_launch launch;
	char terminal[SLOT_TERMINAL_SIZE]; /* what /dev/tty is; empty: the kernel knows */
	/*
	 * NUL-terminated.  A launch writes what is up to its end, a page in all; what is behind begins
	 * as zeros, and most programs never touch it.
	 */
	char exe[SLOT_EXE_SIZE];
	uint32_t alt_users[SLOT_ALTS]; /* tids, 0: never used */
	uint32_t next_alt;
	uint32_t pad2;
};

_Static_assert(sizeof(struct slot) <= SLOT_STATE_SIZE, "struct slot fits its pages");

#endif
