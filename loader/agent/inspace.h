/*
 * inspace.h - the code that runs inside the programs of the space.
 *
 * Rules, for every function below:
 *  - It may run on any thread of any program, on a signal handler's stack, or in a forked
 *    or vforked child; it is reentrant and keeps nothing in static data.
 *  - There is no libc, no thread-local storage and no allocation.  System calls are the
 *    kernel's own (sys.h); vector registers are not touched.
 *  - State is in the program's struct slot, passed to every call.  Several threads use it
 *    at once: atomics, or a lock that is held with all signals blocked.
 *  - Memory that others can write (mailboxes, other slots) is never believed.
 *  - Little stack: less than 4 KiB in all.
 */
#ifndef TPROC_AGENT_INSPACE_H
#define TPROC_AGENT_INSPACE_H

#include "loader/agent/slot.h"
#include "sys.h"

#include <stdbool.h>

/* ---- call.c: what stubs lead to ---------------------------------------------- */

/* Handles one system call; the result is what the kernel would have returned. */
long call_dispatch(struct slot *slot, struct arch_call *call);

/* ---- place.c: where mappings go ------------------------------------------------ */

/* True when addr..addr+len lies in one run of the slot. */
bool place_owns(const struct slot *slot, uint64_t addr, uint64_t len);

/*
 * mmap at an address of the slot's own choosing; hint is tried first when it lies in the
 * slot, flags has no MAP_FIXED.  Returns the address or -errno.
 */
long place_map(struct slot *slot, uint64_t hint, uint64_t len, long prot, unsigned long flags,
	       long fd, long off);

/* The program's own mmap call, placed unless it names its address, with protection prot. */
long place_call(struct slot *slot, const struct arch_call *call, long prot);

/* As place_map, for a placeholder that something else is put upon; aligned to align. */
long place_reserve(struct slot *slot, uint64_t len, uint64_t align);

/* Notes that addr..addr+len was unmapped. */
void place_release(struct slot *slot, uint64_t addr, uint64_t len);

/* ---- brk.c ---------------------------------------------------------------------- */

/* brk(2) for this program.  Returns the break, changed or not. */
uint64_t brk_set(struct slot *slot, uint64_t wanted);

/* In a forked child: nobody else is there to hold the lock. */
void brk_reset(struct slot *slot);

/* ---- fork.c --------------------------------------------------------------------- */

/* fork(2), or clone(2) without CLONE_VM, without the other programs' memory. */
long fork_own(struct slot *slot, const struct arch_call *call);

/* seccomp(2), and prctl(2) with PR_SET_SECCOMP: forks are to be made without other calls then. */
long fork_filter(struct slot *slot, const struct arch_call *call);

/*
 * Nobody who forks describes the memory of all from here to fork_let().  False when somebody takes
 * too long.
 */
bool fork_hold(void);
void fork_let(void);

/* ---- describe.c ----------------------------------------------------------------- */

/* In a forked child, whose memory is its own: has the kernel know what it holds. */
void describe_child(const struct slot *slot);

/*
 * Before a fork, in the memory of all: the same but for AT_PAGESZ, without which debuggers know that
 * it is everybody's.
 */
void describe_for_fork(const struct slot *slot);

/* prctl(2) with PR_SET_MM: what the program says of its memory holds for its children. */
long describe_set(struct slot *slot, const struct arch_call *call);

/* ---- sigaction.c ------------------------------------------------------------------ */

/* The kernel's own structure. */
struct kernel_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

/* rt_sigaction(2), noted for whoever wants to know the program's handlers. */
long sigaction_set(struct slot *slot, const struct arch_call *call);

/* ---- text.c --------------------------------------------------------------------- */

/* mmap of a file's text; its system-call sites are patched before anybody sees it. */
long text_map(struct slot *slot, const struct arch_call *call);

/* ---- proc.c: what /proc says of the process itself --------------------------------- */

/* open and openat; readlink and readlinkat; stat, access and the like. */
long proc_open(struct slot *slot, struct arch_call *call);
long proc_readlink(struct slot *slot, struct arch_call *call);
long proc_look(struct slot *slot, struct arch_call *call);

/* The path of an execve or execveat that names the process's own executable becomes its path. */
void proc_name_exe(const struct slot *slot, struct arch_call *call);

/* ---- maps.c ----------------------------------------------------------------------- */

/* Writes the program's own part of the kernel's maps or smaps, at that path, to a descriptor. */
void maps_copy(const struct slot *slot, const char *path, int to);

/* ---- parent.c --------------------------------------------------------------------- */

/* getppid(2), and prctl(2) about the signal at the parent's death. */
long parent_pid(struct slot *slot, struct arch_call *call);
long parent_prctl(struct slot *slot, struct arch_call *call);

/* ---- report.c: mailbox ---------------------------------------------------------- */

/* False in a forked child, which has a memory of its own and is no threadproc. */
bool report_is_live(const struct slot *slot);

/* Stands in for _dl_debug_state: the link map is about to change, or has changed. */
void modules_changed(struct slot *slot);

/* A file had to be scanned: the server should get to know it. */
void report_scan(struct slot *slot);

/* Around execve: tells the server that this process may leave the space. */
void report_exec(struct slot *slot, bool trying);

/* Has the server put the file behind a descriptor on record; false when it cannot. */
bool report_file(struct slot *slot, int fd);

/* Tells the server which signal the program wants at its parent's death. */
void report_death_signal(struct slot *slot);

/* A run of at least `granules` more address space.  Returns its address, or 0. */
uint64_t report_claim(struct slot *slot, uint32_t granules, uint32_t *ret_granules);

/* The record of that index in the registry, or 0. */
const struct tp_threadproc *report_record(uint32_t index);

/* Tells the server that there is something in the mailbox of that index. */
void report_ring(uint32_t index);

/*
 * Asks what to do about the breakpoint at `at`: an enum tp_trap_verdict, and from bit 8 on the byte
 * that belongs there.  flags are of enum tp_trap_flags.
 */
uint64_t report_trap(struct slot *slot, uint64_t at, uint64_t flags);

/* ---- trap.c --------------------------------------------------------------------- */

/*
 * SIGTRAP with siginfo `info`: true when it was about a breakpoint that a debugger has put there which is
 * not attached to this process, and the program goes on.  False when it is the program's own.
 */
bool trap_survive(struct slot *slot, const void *info, void *context);

/* ---- crash.c -------------------------------------------------------------------- */

/* Handlers for the signals of crashes, but for those in `ignored`, and a stack for them. */
void crash_install(const struct slot *slot, uint64_t ignored);

/*
 * After an rt_sigaction(2) that succeeded, and sigaltstack(2): as if there were no such handlers.
 */
void crash_hide(const struct slot *slot, const struct arch_call *call);
long crash_sigaltstack(const struct slot *slot, const struct arch_call *call);

/* set_robust_list(2), which every new thread of glibc's calls: it gets a stack for signals. */
long crash_thread(struct slot *slot, const struct arch_call *call);

/* Where the slot's stub leads to: the signal's handler, with what the stub adds. */
void crash_signal(int sig, const void *info, void *context, const struct slot *slot,
		  uint32_t index);

/* ---- lock.c --------------------------------------------------------------------- */

/* All signals blocked, so that a handler can neither reenter nor jump out. */
uint64_t signals_block(void);
void signals_restore(uint64_t before);

/* FUTEX_WAIT for at most ms milliseconds while *word is value; FUTEX_WAKE of all. */
/* 0 or -errno; -EAGAIN at once when the word is another. */
long futex_wait(const uint32_t *word, uint32_t value, unsigned ms);
void futex_wake(uint32_t *word);

#endif
