/*
 * request.h - a launch as a client asked for it, checked.
 *
 * Assembled from one WIRE_LAUNCH and the WIRE_FDS after it.  Owns every descriptor and
 * string it was given; request_deinit releases what nobody took.
 */
#ifndef TPROC_SERVER_REQUEST_H
#define TPROC_SERVER_REQUEST_H

#include "lib/base/err.h"
#include "loader/packet.h"

#include <stdbool.h>

struct request_fd {
	int fd;	    /* ours */
	int target; /* the number it gets in the threadproc, unique, ascending order */
};

struct request {
	struct wire_launch launch; /* as received; name is NUL-terminated and printable */
	char *strings;		   /* the block that the next three point into */
	const char *path;
	char **argv; /* NULL-terminated, launch.argc strings */
	char **envp; /* NULL-terminated, launch.envc strings */
	int cwd_fd;
	struct request_fd *fds; /* launch.fd_count of them when complete */
	unsigned fd_count;	/* so far */
};

/*
 * Takes a WIRE_LAUNCH packet (and its descriptors out of it).  Reads the strings with
 * pread, never by mapping them.  ERR_PROTOCOL for anything malformed: a NUL missing or
 * one too many, counts that do not fit, argc 0 is allowed as execve allows it (the
 * kernel then makes argv {""}: so does this), more than WIRE_MAX_STRINGS, absurd
 * nice, limits with soft above hard, a cwd that is no directory.
 */
int request_init(struct request *request, struct packet *packet, struct err *err);

/* Adds one WIRE_FDS packet; ERR_PROTOCOL for duplicate or negative targets, or too many. */
int request_add_fds(struct request *request, struct packet *packet, struct err *err);

/* True once all descriptors have come; the fds array is then sorted by target. */
bool request_complete(const struct request *request);

void request_deinit(struct request *request);

#endif
