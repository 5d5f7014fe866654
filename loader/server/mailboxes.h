/*
 * mailboxes.h - the memory by which in-space code reaches the server.
 *
 * A thread waits on the doorbell, a futex in memory that every program can write, and
 * passes it on to the loop by an eventfd.  Whatever stands in a mailbox is copied once
 * and then checked.
 */
#ifndef TPROC_SERVER_MAILBOXES_H
#define TPROC_SERVER_MAILBOXES_H

#include "loader/server/loop.h"
#include "tproc/abi.h"

#include <pthread.h>

struct mailboxes {
	struct loop_source source; /* the eventfd */
	int fd;			   /* memfd, for the agent to map */
	uint8_t *map;
	struct tp_mailbox_header *header;
	pthread_t waiter;
	bool stopping;
	void (*rung)(struct mailboxes *mailboxes, uint32_t index);
};

/* rung is called in the loop for each mailbox whose bit is set. */
int mailboxes_start(struct mailboxes *mailboxes, struct loop *loop,
		    void (*rung)(struct mailboxes *, uint32_t), struct err *err);
void mailboxes_stop(struct mailboxes *mailboxes);

struct tp_mailbox *mailboxes_at(struct mailboxes *mailboxes, uint32_t index);
struct tp_crash *mailboxes_crash(struct mailboxes *mailboxes, uint32_t index);

/* Makes the mailbox ready for a new threadproc. */
void mailboxes_reset(struct mailboxes *mailboxes, uint32_t index, uint32_t generation);

/* From now on every change of the link map rings; look at it once after this. */
void mailboxes_listen(struct mailboxes *mailboxes, uint32_t index);

/* Answers the posted request. */
void mailboxes_answer(struct tp_mailbox *mailbox, int32_t result, uint64_t answer);

#endif
