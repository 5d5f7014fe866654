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
 * a signal handler too; tproc_publish, tproc_unpublish and tproc_wait_name may not.
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
	TPROC_FAILED = -12        /* the server refused for a reason not listed here */
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
	unsigned long reserved[4];  /* 0 */
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

/* ---- Errors ----------------------------------------------------------------------- */

/* The text for a result, in English, without a newline; never NULL. */
TPROC_API const char *tproc_strerror(int result);

#ifdef __cplusplus
}
#endif

#endif
