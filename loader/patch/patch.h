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

/* Tells whether text[at..at+len) may be rewritten as far as others know of its inside. */
typedef bool patch_is_entered_fn(const uint8_t *text, size_t size, size_t at, size_t len);

/*
 * Looks for sites in text, the bytes of one executable segment whose first byte has
 * file offset `off`.  Writes at most max of them to sites, ascending, and returns how
 * many there are, which may be more than max.  Sites do not overlap, and nothing jumps
 * into one as far as is_entered (patch_is_entered, or something better) knows.
 */
size_t patch_scan(const uint8_t *text, size_t size, uint32_t off, patch_is_entered_fn *is_entered,
		  struct tp_site *sites, size_t max);

/* Offset of the next two bytes `0f SECOND` at or after offset i, or size. */
size_t patch_next_opcode(const uint8_t *text, size_t size, size_t i, uint8_t second);

/*
 * True when bytes near text[at..at+len) look like a jump to an inner byte of it.  They may be
 * something else.  patch_next_entry goes through all of them: the offset of the next one at or after
 * *from, or size.
 */
patch_is_entered_fn patch_is_entered;
size_t patch_next_entry(const uint8_t *text, size_t size, size_t at, size_t len, size_t from);

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

/*
 * Makes the stub that a signal's handler begins with: passes slot and index as fourth and fifth
 * argument to the function at `handler`.  Returns its address, 0 when the stubs are full.
 */
uint64_t patch_signal_stub(struct patch_stubs *stubs, uint64_t slot, uint32_t index,
			   uint64_t handler);

/* How many bytes of the function a hook replaces; the caller provides that many. */
#define PATCH_HOOK_BYTES 16

/*
 * The same for the function _dl_debug_state, whose first bytes are `text`: it must do
 * nothing but return.  *ret_len says how many bytes of patched count.
 */
bool patch_module_hook(struct patch_stubs *stubs, const uint8_t text[PATCH_HOOK_BYTES],
		       uint64_t at, uint8_t patched[PATCH_HOOK_BYTES], uint32_t *ret_len);

#endif
