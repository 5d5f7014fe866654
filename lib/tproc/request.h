/*
 * request.h - inside libtproc: calls to the server, by way of the mailbox.
 */
#ifndef TPROC_LIB_REQUEST_H
#define TPROC_LIB_REQUEST_H

#include "lib/tproc/space.h"

struct tproci_request {
	enum tp_request_op op;
	const char *name; /* at most TP_NAME_SIZE - 1 bytes, as is type */
	const char *type;
	uint64_t arg0;
	uint64_t arg1;
	uint64_t arg2;
};

/*
 * Hands the request to the server and waits for its answer.  Returns one of enum
 * tproc_result.  The caller has come through tproci_enter.
 */
int tproci_request(const struct tproci_request *request);

/* True unless the server's process is known to be gone. */
int tproci_server_lives(void);

#endif
