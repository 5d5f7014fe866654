/*
 * instructions.h - where instructions begin, for the server's scan of a file's text.
 *
 * In-space code goes by patterns alone (loader/patch); the server has a disassembler and
 * checks what the patterns found, and finds what they cannot.
 */
#ifndef TPROC_SERVER_INSTRUCTIONS_H
#define TPROC_SERVER_INSTRUCTIONS_H

#include "loader/patch/patch.h"

/* True when the site at text[at] begins and ends between instructions. */
bool instructions_confirm(const uint8_t *text, size_t size, size_t at,
			  const struct tp_site *site);

/* patch_is_entered without its false alarms. */
patch_is_entered_fn instructions_is_entered;

/*
 * Sites that ask what the processor can do (PATCH_CPUID), as patch_scan returns its own:
 * the first max of them, ascending, and how many there are.
 */
size_t instructions_scan_cpuid(const uint8_t *text, size_t size, uint32_t off,
			       struct tp_site *sites, size_t max);

#endif
