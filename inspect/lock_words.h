/* lock_words.h - what a lock is, and how it stands, in words. */
#ifndef TPROC_INSPECT_LOCK_WORDS_H
#define TPROC_INSPECT_LOCK_WORDS_H

#include "lib/read/locks.h"

#include <stdio.h>

/* Of a mutex: "normal", "recursive", "errorcheck", "adaptive". */
const char *lock_kind_name(const struct lock_state *state);

/* "normal mutex, robust", "rwlock, shared, musl". */
void lock_words(FILE *out, const struct lock_state *state);

/* "held", "owner died", "owner gone", "not recoverable", "free". */
const char *lock_state_name(const struct lock *lock);

/* Whether whoever waits for it waits in vain, or has to mend what it protects. */
bool lock_is_bad(const struct lock *lock);

#endif
