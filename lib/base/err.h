/*
 * err.h - errors as values: what, where and why.
 *
 * A function that can fail takes a `struct err *` last and returns 0, or -1 with
 * the error filled in.  Libraries never print it; main does, once.
 */
#ifndef TPROC_BASE_ERR_H
#define TPROC_BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_NONE = 0,
	ERR_OS,	       /* a system call failed; os_errno says how */
	ERR_NOT_FOUND, /* what was asked for is not there */
	ERR_INVALID,   /* input is malformed */
	ERR_USAGE,     /* the caller's words are off */
	ERR_NO_SPACE,  /* no such space, or its server is gone */
	ERR_REGISTRY,  /* the registry is not valid */
	ERR_LIMIT,     /* a table or an address range is full */
	ERR_DENIED,    /* not permitted */
	ERR_PROTOCOL,  /* a peer broke the protocol */
	ERR_STOPPED,   /* the user wanted no more of it */
};

struct err {
	enum err_code code;
	int os_errno; /* 0 when no system call is behind it */
	char text[600];
};

/* Fills err with a formatted text.  Always returns -1, so that callers can return it. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends ": " and strerror(os_errno); code ERR_OS. */
int err_os(struct err *err, int os_errno, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "TEXT: " before what err already says.  Always returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
