/*
 * witness.h - tells whether a signal came to the whole process group.
 *
 * A threadproc that is in tprun's own group gets what is sent to the group by itself; only what
 * is sent to tprun alone has to be passed on.  A signal does not say which of the two it is.  So
 * another member of the group stands by, a child that does nothing and takes no signal: what is
 * pending there came to both.
 */
#ifndef TPROC_CLIENT_WITNESS_H
#define TPROC_CLIENT_WITNESS_H

#include <stdint.h>
#include <sys/types.h>

struct witness {
	pid_t pid; /* 0: there is none */
};

/* All signals have to be blocked.  Without a witness (no more processes) nothing is seen. */
void witness_open(struct witness *witness);
void witness_close(struct witness *witness);

/*
 * The signals that it got since it was opened, bit N-1 for signal N, and forgets them.
 * What this process has read of its own signals until now has arrived there too.
 */
uint64_t witness_take(struct witness *witness);

#endif
