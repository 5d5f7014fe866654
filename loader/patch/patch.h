/*
 * patch.h - finding and rewriting system-call sites in mapped text.
 *
 * The kernel would place mappings wherever it likes.  To keep them in the slot of the
 * program that asks, the instructions that ask (in libc, in ld.so, in a static
 * program) are replaced by a jump to a stub near by, which calls the in-space code and
 * jumps back with the raw result (-errno), so that libc's own error path runs.
 *
 * Shared by the server, which scans files and lays out stubs for what it loads, and by
 * the in-space code, which does the same for libraries that a running program maps:
 * freestanding, no allocation, no system call.  What depends on the machine is in
 * loader/patch/ARCH/.
 */
#ifndef TPROC_PATCH_H
#define TPROC_PATCH_H

#include "tproc/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum patch_kind {
	/* The number is known and always handled: straight to the in-space code. */
	PATCH_DIRECT = 1,
	/* The number is known at run time only, or not every call is handled: asks the
	 * in-space filter first and else makes the system call where the program would. */
	PATCH_FILTERED = 2,
	/* Asks what the processor can do, which the registry knows already (x86). */
	PATCH_CPUID = 3,
};

/* More sites than this in one file are left alone (libc has about 15). */
#define PATCH_MAX_SITES 128

/* A stub's upper bound in bytes, and what a page of stubs begins with. */
#define PATCH_STUB_MAX 128

struct patch_stub_head {
	uint64_t slot;	 /* passed to the in-space code: its struct slot */
	uint64_t entry;	 /* handles a system call */
	uint64_t filter; /* tells whether it would */
	uint64_t module_hook; /* stands in for _dl_debug_state */
	uint64_t cpuid;	      /* stands in for the instruction */
};

/* True for the system calls that in-space code takes over. */
bool patch_wants(uint32_t nr);

/*
 * Looks for sites in text, the bytes of one executable segment whose first byte has
 * file offset `off`.  Writes at most max of them to sites, ascending, and returns how
 * many there are, which may be more than max.  Sites overlap neither each other nor a
 * jump target that a look around them finds.
 */
size_t patch_scan(const uint8_t *text, size_t size, uint32_t off, struct tp_site *sites,
		  size_t max);

/*
 * The same for sites that ask what the processor can do.  For what every start-up runs
 * through, which is the program interpreter or a static program.
 */
size_t patch_scan_cpuid(const uint8_t *text, size_t size, uint32_t off, struct tp_site *sites,
			size_t max);

/* Where the next stub goes.  The caller provides memory at `here` that will run at `at`. */
struct patch_stubs {
	uint8_t *here;	 /* start of the page(s), where they can be written */
	uint64_t at;	 /* the same, where they will run */
	uint32_t size;	 /* bytes */
	uint32_t used;	 /* bytes, struct patch_stub_head included */
};

/* Writes the head.  size has to hold it. */
void patch_stubs_init(struct patch_stubs *stubs, uint8_t *here, uint64_t at, uint32_t size,
		      const struct patch_stub_head *head);

/* Bytes that the stubs of so many sites, and one module hook, need at the most. */
uint32_t patch_stubs_size(uint32_t site_count);

/*
 * Makes the stub of a site whose original bytes are `text` and which will run at `at`,
 * and writes to patched[site->len] what replaces them.  False, and nothing changed, when
 * the bytes are not what a scan found, the stubs are full or too far away.
 */
bool patch_site(struct patch_stubs *stubs, const struct tp_site *site, const uint8_t *text,
		uint64_t at, uint8_t *patched);

/* How many bytes of the function a hook replaces; the caller provides that many. */
#define PATCH_HOOK_BYTES 16

/*
 * The same for the function _dl_debug_state, whose first bytes are `text`: it must do
 * nothing but return.  *ret_len says how many bytes of patched count.
 */
bool patch_module_hook(struct patch_stubs *stubs, const uint8_t text[PATCH_HOOK_BYTES],
		       uint64_t at, uint8_t patched[PATCH_HOOK_BYTES], uint32_t *ret_len);

#endif
