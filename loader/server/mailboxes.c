#include "loader/server/mailboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAP_SIZE (TP_MAILBOX_HEADER_SIZE + (size_t)TP_THREADPROCS * TP_MAILBOX_STRIDE)
/* Programs can spoil the doorbell: then a ring is heard no later than this. */
#define PATIENCE_SECONDS 2

static void *wait_for_doorbell(void *arg)
{
	struct mailboxes *m = arg;
	const uint64_t one = 1;
	uint32_t seen = __atomic_load_n(&m->header->doorbell, __ATOMIC_ACQUIRE);

	while (!__atomic_load_n(&m->stopping, __ATOMIC_ACQUIRE)) {
		const struct timespec patience = { .tv_sec = PATIENCE_SECONDS };
		uint32_t now;

		syscall(SYS_futex, &m->header->doorbell, FUTEX_WAIT, seen, &patience);
		now = __atomic_load_n(&m->header->doorbell, __ATOMIC_ACQUIRE);
		/* A full counter is as good as a written one. */
		if (now != seen && write(m->source.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			break;
		seen = now;
	}
	return NULL;
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct mailboxes *m = (struct mailboxes *)source;
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	for (uint32_t word = 0; word < TP_THREADPROCS / 64; word++) {
		uint64_t bits = __atomic_exchange_n(&m->header->pending[word], 0, __ATOMIC_ACQUIRE);

		for (; bits; bits &= bits - 1)
			m->rung(m, word * 64 + (uint32_t)__builtin_ctzll(bits));
	}
}

int mailboxes_start(struct mailboxes *m, struct loop *loop,
		    void (*rung)(struct mailboxes *, uint32_t), struct err *err)
{
	/* Nobody in the space may shrink it under our mapping. */
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int result;

	*m = (struct mailboxes){ .rung = rung, .source.ready = on_ready };
	m->fd = memfd_create("tproc-mailboxes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)MAP_SIZE) || fcntl(m->fd, F_ADD_SEALS, seals))
		return err_os(err, errno, "cannot make the mailboxes");
	m->map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->map == MAP_FAILED)
		return err_os(err, errno, "cannot map the mailboxes");
	m->header = (struct tp_mailbox_header *)m->map;
	m->header->waiting = 1;
	m->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->source.fd < 0)
		return err_os(err, errno, "eventfd");
	if (loop_add(loop, &m->source, EPOLLIN, err))
		return -1;
	result = pthread_create(&m->waiter, NULL, wait_for_doorbell, m);
	if (result)
		return err_os(err, result, "cannot start the thread that waits for the doorbell");
	return 0;
}

void mailboxes_stop(struct mailboxes *m)
{
	__atomic_store_n(&m->stopping, true, __ATOMIC_RELEASE);
	__atomic_fetch_add(&m->header->doorbell, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &m->header->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	pthread_join(m->waiter, NULL);
	close(m->source.fd);
	munmap(m->map, MAP_SIZE);
	close(m->fd);
}

struct tp_mailbox *mailboxes_at(struct mailboxes *m, uint32_t index)
{
	return (struct tp_mailbox *)(m->map + TP_MAILBOX_HEADER_SIZE +
				     (size_t)index * TP_MAILBOX_STRIDE);
}

struct tp_crash *mailboxes_crash(struct mailboxes *m, uint32_t index)
{
	return (struct tp_crash *)((uint8_t *)mailboxes_at(m, index) + TP_MAILBOX_CRASH);
}

/* The page of a crash that nobody wrote to stays one that does not exist. */
static void reset_crash(struct tp_crash *crash)
{
	if (crash->state || crash->verdict || crash->tid)
		memset(crash, 0, sizeof(*crash));
}

void mailboxes_reset(struct mailboxes *m, uint32_t index, uint32_t generation)
{
	struct tp_mailbox *mailbox = mailboxes_at(m, index);

	memset(mailbox, 0, sizeof(*mailbox));
	mailbox->generation = generation;
	mailbox->quiet = 1;
	reset_crash(mailboxes_crash(m, index));
}

void mailboxes_listen(struct mailboxes *m, uint32_t index)
{
	__atomic_store_n(&mailboxes_at(m, index)->quiet, 0, __ATOMIC_SEQ_CST);
}

void mailboxes_answer(struct tp_mailbox *mailbox, int32_t result, uint64_t answer)
{
	uint32_t posted = TP_REQUEST_POSTED;

	mailbox->request.result = result;
	mailbox->request.answer = answer;
	/* Who gave up waiting has taken the request back. */
	if (!__atomic_compare_exchange_n(&mailbox->request.state, &posted, TP_REQUEST_DONE, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	syscall(SYS_futex, &mailbox->request.state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
