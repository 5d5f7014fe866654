/*
 * lock.h - a lock of the C library, by what is in memory: a guess of what it means, until the
 * threads that it names are found.
 */
#ifndef TPROC_READ_LOCK_H
#define TPROC_READ_LOCK_H

#include "lib/read/mem.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum lock_type { LOCK_MUTEX = 1, LOCK_RWLOCK };

enum lock_kind { LOCK_NORMAL = 0, LOCK_RECURSIVE, LOCK_ERRORCHECK, LOCK_ADAPTIVE };

enum lock_library { LOCK_GLIBC = 1, LOCK_MUSL };

/* What its words say. */
struct lock_state {
	uint64_t addr; /* of the pthread_mutex_t or pthread_rwlock_t */
	enum lock_type type;
	enum lock_library library;
	enum lock_kind kind; /* of a mutex */
	bool robust;
	bool inherit; /* priority */
	bool shared;  /* between processes */
	bool held;
	pid_t owner;      /* tid of who holds it for itself; 0: nobody, or readers */
	uint32_t readers; /* of a rwlock */
	bool owner_died;  /* robust: the next one gets EOWNERDEAD */
	bool unusable;    /* robust: ENOTRECOVERABLE for ever */
	uint32_t count;   /* how often a recursive one is locked */
};

/* What a mutex of libtproc has noted: not more than a hint, files are terminated. */
struct lock_notes {
	uint64_t mutex; /* address of the struct tp_mutex; 0: it is none of libtproc's */
	struct tp_mutex_holder holder;
	struct tp_mutex_holder died;
};

/* The mutex of libtproc that has its lock at that address; all 0 when there is none. */
void lock_notes_at(struct mem *mem, uint64_t lock, struct lock_notes *ret_notes);

/* The lock of a mutex of libtproc; false when it is none, or neither held nor wrong. */
bool lock_of_mutex(struct mem *mem, uint64_t mutex, struct lock_state *ret_lock);

/* The lock that a thread waits for at that futex; false when it looks like none. */
bool lock_at_futex(struct mem *mem, uint64_t word, struct lock_state *ret_lock);

/* A glibc mutex at that address, by at least 24 bytes of it; false when it looks like none. */
bool lock_parse_mutex(const uint32_t words[6], uint64_t addr, struct lock_state *ret_lock);

/* An entry of a thread's robust list: the futex, by the list's own distance to it. */
bool lock_on_list(struct mem *mem, uint64_t word, int64_t distance, struct lock_state *ret_lock);

#endif
