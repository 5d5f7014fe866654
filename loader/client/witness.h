/*
 * witness.h - tells whether a signal came to the whole process group.
 *
 * A threadproc that is in tprun's own group gets what is sent to the group by itself; only what
 * is sent to tprun alone has to be passed on.  A signal does not say which of the two it is.  So
 * another member of the group stands by, a child that does nothing but count: what came there
 * came to both.  It stays for as long as its parent, since what is sent while there is none
 * cannot be told.
 */
#ifndef TPROC_CLIENT_WITNESS_H
#define TPROC_CLIENT_WITNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WITNESS_SIGNALS 64

struct witness {
	pid_t pid; /* 0: there is none */
	int sock;
	/* what came to the group, by signal (N-1), and was not read here yet */
	uint32_t to_group[WITNESS_SIGNALS];
};

/* All signals have to be blocked.  Without a witness (no more processes) nothing is seen. */
void witness_open(struct witness *witness);
void witness_close(struct witness *witness);

/*
 * To be called when this process has read some of its own signals: hears what came to the group
 * until now, which is these at least.
 */
void witness_ask(struct witness *witness);

/* True when one that was read came to the group; each counts once. */
bool witness_take(struct witness *witness, int signo);

/*
 * To be called when all that was read is taken: what is left has to be pending here, or it came
 * while its like was pending, and the kernel made one of the two.
 */
void witness_settle(struct witness *witness);

#endif
