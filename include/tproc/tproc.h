/*
 * tproc/tproc.h - what a program can ask about the space it runs in.
 *
 * A space is one virtual address space that holds several unmodified programs
 * ("threadprocs"): a pointer that one of them hands out is valid in all others.
 * This library tells a program whether it is in a space, who else is there and
 * whose address is whose, and lets programs hand out pointers by name.
 *
 *	cc prog.c $(pkg-config --cflags --libs tproc)
 *
 * The same program runs outside a space: every function then answers
 * TPROC_NOT_IN_SPACE, and so it does in a forked child, which has left the space.
 *
 * Functions return TPROC_OK or another of the values below, and leave their ret_
 * arguments untouched unless they succeed.  None prints, exits, allocates memory or
 * changes errno, and all may be called from any thread.  Those that only read may be called from
 * a signal handler too; tproc_publish, tproc_unpublish, tproc_trust, tproc_wait_name and those of
 * mutexes may not.
 *
 * The header is C89 and C++98.  Link with -ltproc.
 */
#ifndef TPROC_TPROC_H
#define TPROC_TPROC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define TPROC_API __attribute__((visibility("default")))
#else
#define TPROC_API
#endif

/* Keeps compilers from warning when the object behind the argument holds nothing yet. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define TPROC_NOT_READ(argument) __attribute__((access(none, argument)))
#else
#define TPROC_NOT_READ(argument)
#endif

/* What functions return.  Errors are negative. */
enum tproc_result {
	TPROC_OK = 0,
	TPROC_EXITED = 1,         /* tproc_owner: it belonged to a threadproc that is gone */
	TPROC_OWNER_DIED = 2,     /* it is locked now, but who had it locked before died */
	TPROC_SUSPECT = 3,        /* tproc_suspect: somebody died while changing it */
	TPROC_NOT_IN_SPACE = -1,  /* the program runs by itself */
	TPROC_WRONG_VERSION = -2, /* this library and the server have different layouts */
	TPROC_NOT_FOUND = -3,     /* no such name, id or owner */
	TPROC_WRONG_TYPE = -4,    /* the name is published with another type */
	TPROC_EXISTS = -5,        /* another threadproc publishes that name */
	TPROC_INVALID = -6,       /* an argument is not valid */
	TPROC_DENIED = -7,        /* the name belongs to another threadproc */
	TPROC_FULL = -8,          /* the space has no room for more names */
	TPROC_TIMED_OUT = -9,     /* the server, or the name waited for, took too long */
	TPROC_NO_SERVER = -10,    /* the server of the space is gone */
	TPROC_BUSY = -11,         /* the registry was being written all the while: try again */
	TPROC_FAILED = -12,       /* the server refused for a reason not listed here */
	TPROC_LOCKED = -13,       /* another thread has it locked */
	TPROC_DEADLOCK = -14,     /* the calling thread has it locked already */
	TPROC_UNUSABLE = -15      /* it was unlocked without having been made consistent */
};

/* Bytes that a name or a type tag takes, its NUL included. */
#define TPROC_NAME_SIZE 64

/* What a threadproc is doing. */
enum tproc_state {
	TPROC_STATE_STARTING = 1,
	TPROC_STATE_RUNNING = 2,
	TPROC_STATE_STOPPED = 3, /* by a signal such as SIGSTOP */
	TPROC_STATE_EXITED = 4,  /* its memory is gone, and so are its names */
	TPROC_STATE_CRASHED = 5, /* the same, by SIGSEGV or the like */
	TPROC_STATE_EXECED = 6   /* it lives on, but in an address space of its own */
};

/* One threadproc, as it was at the moment of the call. */
struct tproc_info {
	unsigned int id;            /* from 1; never used again for the life of the space */
	int pid;                    /* its process id; 0 when it only just starts */
	int state;                  /* enum tproc_state */
	char name[TPROC_NAME_SIZE]; /* NUL-terminated; need not be unique */
	unsigned long reserved[4];  /* 0 */
};

/* One published pointer, as it was at the moment of the call. */
struct tproc_named {
	void *address;
	size_t size;        /* bytes at address; 0 when the publisher did not say */
	unsigned int owner; /* id of the threadproc that published it */
	char name[TPROC_NAME_SIZE];
	char type[TPROC_NAME_SIZE]; /* "" when the publisher gave none */
	struct tproc_mutex *mutex;  /* that protects it; NULL when the publisher gave none */
	unsigned int suspect;       /* 1: somebody died while he had that locked */
	unsigned int suspect_id;    /* who; 0: not known */
	unsigned long reserved[2];  /* 0 */
};

/* Bytes of a file's name that are remembered, the NUL included. */
#define TPROC_FILE_SIZE 40

/*
 * A mutex for threads of all threadprocs, in memory that they agreed on; to be made by
 * tproc_mutex_init.  Its content is the library's.
 */
struct tproc_mutex {
	unsigned long content[26];
};

/* Who has a mutex locked, or had. */
struct tproc_holder {
	unsigned int id;            /* of the threadproc; 0: none, or one that is in no space */
	int tid;                    /* of the thread; 0: nobody */
	unsigned int line;          /* where it was locked */
	unsigned int reserved;      /* 0 */
	unsigned long since_ns;     /* when, in nanoseconds since 1970 */
	char file[TPROC_FILE_SIZE]; /* NUL-terminated; of a longer path the end */
};

struct tproc_mutex_info {
	struct tproc_holder holder; /* who has it locked */
	struct tproc_holder died;   /* who died with it, until it is made consistent */
};

/* ---- Myself ----------------------------------------------------------------- */

/* 1 when the calling program is a threadproc, else 0.  Takes a few nanoseconds. */
TPROC_API int tproc_in_space(void);

/* The id of the calling threadproc; 0 when it is none. */
TPROC_API unsigned int tproc_id(void);

/*
 * The name of the space, or NULL when the caller is not in one.  The string belongs to
 * the library and stays as it is for as long as the program runs.
 */
TPROC_API const char *tproc_space(void);

/* Fills *ret_info with the calling threadproc. */
TPROC_API int tproc_self(struct tproc_info *ret_info);

/* ---- The others --------------------------------------------------------------- */

/*
 * Fills *ret_info with the threadproc of that id.  Of those that have ended the last few
 * thousand are remembered; TPROC_NOT_FOUND for ids that were never used or are forgotten.
 */
TPROC_API int tproc_find(unsigned int id, struct tproc_info *ret_info);

/*
 * Walks over all threadprocs, the caller's own and those that have ended included:
 *
 *	unsigned int cursor = 0;
 *	struct tproc_info info;
 *
 *	while (tproc_next(&cursor, &info) == TPROC_OK)
 *		...
 *
 * Begin with a cursor of 0.  TPROC_NOT_FOUND after the last one.  The order has no
 * meaning.  One that starts or ends in the course of the walk may be in it or not.
 */
TPROC_API int tproc_next(unsigned int *cursor, struct tproc_info *ret_info);

/*
 * Tells to whom an address belongs: sets *ret_id to the owner's id.  TPROC_EXITED, with
 * *ret_id set as well (0 when it is forgotten), when the owner has ended: nothing is
 * mapped there any more.  TPROC_NOT_FOUND when the address is in no threadproc's memory.
 *
 * Takes nanoseconds and no system call.  It says who owns the address, not
 * whether something is mapped at it.
 */
TPROC_API int tproc_owner(const void *address, unsigned int *ret_id) TPROC_NOT_READ(1);

/* "running" for TPROC_STATE_RUNNING and so on; "unknown" for what is no state. */
TPROC_API const char *tproc_state_name(int state);

/* ---- Named pointers ------------------------------------------------------------- */

/*
 * Publishes address under a name that everybody in the space can look up, until the
 * caller takes it back or ends.  A name, and likewise a type, has 1 to 63 bytes
 * without control characters.  Publishing a name of one's own again replaces it.
 *
 * size is in bytes, or 0.  type says what the address points to, in words on which the
 * programs agree ("scene/2"), and is compared by tproc_lookup; NULL for none.
 *
 * TPROC_EXISTS when another threadproc has the name, TPROC_FULL, TPROC_INVALID,
 * TPROC_NO_SERVER, TPROC_TIMED_OUT (after 5 seconds).  Blocks the calling thread's
 * signals for the duration of the call.
 */
TPROC_API int tproc_publish(const char *name, void *address, size_t size, const char *type);

/* The same, for what a mutex protects: NULL for none.  It must stay where it is for as long. */
TPROC_API int tproc_publish_guarded(const char *name, void *address, size_t size, const char *type,
                                    struct tproc_mutex *mutex);

/*
 * Takes a name of one's own back.  TPROC_NOT_FOUND, TPROC_DENIED when it is another
 * threadproc's; else as tproc_publish.
 */
TPROC_API int tproc_unpublish(const char *name);

/*
 * Finds a published pointer.  type has to be what the publisher gave, else the answer is
 * TPROC_WRONG_TYPE; NULL takes any.  ret_address and ret_named may each be NULL.
 *
 * The memory stays the publisher's, and goes with it: the programs must agree who may
 * use it for how long.
 */
TPROC_API int tproc_lookup(const char *name, const char *type, void **ret_address,
                           struct tproc_named *ret_named);

/*
 * The same, but waits until the name is published: at most timeout_ms milliseconds, or
 * without limit when that is negative.  TPROC_TIMED_OUT, TPROC_NO_SERVER, and at once
 * TPROC_WRONG_TYPE.
 */
TPROC_API int tproc_wait_name(const char *name, const char *type, int timeout_ms,
                              void **ret_address, struct tproc_named *ret_named);

/* Walks over all published pointers, as tproc_next does over threadprocs. */
TPROC_API int tproc_next_named(unsigned int *cursor, struct tproc_named *ret_named);

/* ---- Mutexes that survive their owners ---------------------------------------------- */

/*
 * When a threadproc dies, or a thread of it, with the mutex locked, the next one gets it with
 * TPROC_OWNER_DIED: what the mutex protects may be half changed.  That one puts it right, calls
 * tproc_mutex_consistent, and goes on.  If it unlocks without, nobody can lock the mutex any more
 * (TPROC_UNUSABLE).
 *
 * Who has a mutex locked, since when and where is noted in it: tproc_mutex_info tells, and so does
 * "tpinspect locks".
 *
 * These work outside a space too, for threads of one program.  A mutex can be locked by programs
 * with the C library of the program that made it: TPROC_WRONG_VERSION for others.  It may not be
 * copied, and its memory must outlast whoever has it locked.  TPROC_INVALID when there is no such
 * mutex. None of these may be called from a signal handler.
 */
TPROC_API int tproc_mutex_init(struct tproc_mutex *mutex) TPROC_NOT_READ(1);

/* TPROC_LOCKED when somebody has it locked. */
TPROC_API int tproc_mutex_destroy(struct tproc_mutex *mutex);

/*
 * Waits until the mutex is free, and locks it: TPROC_OK, TPROC_OWNER_DIED (it is locked then, too),
 * TPROC_DEADLOCK, TPROC_UNUSABLE.
 */
#define tproc_mutex_lock(mutex) tproc_mutex_lock_at((mutex), __FILE__, __LINE__)

/* Does not wait: TPROC_LOCKED when it is not free. */
#define tproc_mutex_trylock(mutex) tproc_mutex_trylock_at((mutex), __FILE__, __LINE__)

/* Waits for so many milliseconds at most, without limit when negative: TPROC_TIMED_OUT. */
#define tproc_mutex_timedlock(mutex, timeout_ms)                                                   \
	tproc_mutex_timedlock_at((mutex), (timeout_ms), __FILE__, __LINE__)

/* TPROC_DENIED when the calling thread has not locked it. */
TPROC_API int tproc_mutex_unlock(struct tproc_mutex *mutex);

/* After TPROC_OWNER_DIED: what the mutex protects is right again.  Else TPROC_INVALID. */
TPROC_API int tproc_mutex_consistent(struct tproc_mutex *mutex);

/* Fills *ret_info as it is at this moment; whether the mutex is locked may change at any time. */
TPROC_API int tproc_mutex_info(const struct tproc_mutex *mutex, struct tproc_mutex_info *ret_info);

/* What the macros call; file is copied. */
TPROC_API int tproc_mutex_lock_at(struct tproc_mutex *mutex, const char *file, unsigned int line);
TPROC_API int tproc_mutex_trylock_at(struct tproc_mutex *mutex, const char *file,
                                     unsigned int line);
TPROC_API int tproc_mutex_timedlock_at(struct tproc_mutex *mutex, int timeout_ms, const char *file,
                                       unsigned int line);

/*
 * What is published is suspect once somebody died while he had the mutex locked that protects it:
 * the one it was published with, or one that lies in it.  The server notices when a threadproc
 * ends, the library when a mutex is locked.
 *
 * TPROC_OK when it is not suspect.  TPROC_SUSPECT when it is, and *ret_id (which may be NULL) is
 * set to the id of who died, 0 when that is not known.  Else as tproc_lookup.
 */
TPROC_API int tproc_suspect(const char *name, unsigned int *ret_id);

/* It was looked at and put right: it is not suspect any more.  Anybody may say so.  As
 * tproc_unpublish. */
TPROC_API int tproc_trust(const char *name);

/* ---- Errors ----------------------------------------------------------------------- */

/* The text for a result, in English, without a newline; never NULL. */
TPROC_API const char *tproc_strerror(int result);

#ifdef __cplusplus
}
#endif

#endif
