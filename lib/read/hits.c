#include "lib/read/hits_arm.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"
#include "lib/read/hits_regs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* A descriptor for each thread, processor and piece. */
static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int hits_open(const struct target *target, const struct hits_options *options,
              struct hits **ret_hits, struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct hits *hits;

	if (hits_check_range(options, err))
		return -1;
	hits = calloc(1, sizeof(*hits));
	if (!hits)
		return err_os(err, ENOMEM, "watch");
	hits->options = *options;
	hits->cpu_count = cpus > 0 ? (size_t)cpus : 1;
	hits->rings = calloc(hits->cpu_count, sizeof(*hits->rings));
	hits->polled = calloc(hits->cpu_count + 1, sizeof(*hits->polled));
	if (!hits->rings || !hits->polled) {
		hits_close(hits);
		return err_os(err, ENOMEM, "watch");
	}
	for (size_t i = 0; i < hits->cpu_count; i++)
		hits->rings[i].fd = -1;
	want_descriptors();
	if (hits_arm_all(hits, target, err)) {
		hits_close(hits);
		return -1;
	}
	*ret_hits = hits;
	return 0;
}

static void drop_batch(struct hits *hits)
{
	for (size_t i = 0; i < hits->batch_count; i++)
		capture_deinit(&hits->batch[i].capture);
	hits->batch_count = 0;
}

void hits_close(struct hits *hits)
{
	if (!hits)
		return;
	for (size_t i = 0; hits->rings && i < hits->cpu_count; i++) {
		if (hits->rings[i].head)
			munmap(hits->rings[i].head, (size_t)(HITS_RING_PAGES + 1) * HITS_PAGE);
	}
	for (size_t i = 0; i < hits->event_count; i++)
		close(hits->events[i].fd);
	drop_batch(hits);
	free(hits->batch);
	free(hits->rings);
	free(hits->polled);
	free(hits->events);
	free(hits);
}

const char *hits_notice(const struct hits *hits)
{
	return hits->notice;
}

/* ---- Records ---------------------------------------------------------------- */

/* Takes what comes next of a record. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool ok;
};

static void take(struct cursor *c, void *dst, size_t len)
{
	if (c->left < len) {
		c->ok = false;
		memset(dst, 0, len);
		return;
	}
	memcpy(dst, c->at, len);
	c->at += len;
	c->left -= len;
}

static int take_stack(struct cursor *c, struct capture *capture, struct err *err)
{
	uint64_t size, used;

	take(c, &size, sizeof(size));
	if (!c->ok || !size || size > c->left)
		return 0;
	capture->stack = malloc(size);
	if (!capture->stack)
		return err_os(err, ENOMEM, "copy of a stack");
	take(c, capture->stack, size);
	take(c, &used, sizeof(used));
	capture->stack_lo = capture_sp(capture);
	capture->stack_len = used < size ? used : size;
	return 0;
}

static int take_sample(struct hits *hits, uint16_t misc, struct cursor *c, struct err *err)
{
	uint64_t registers[HITS_REGISTER_COUNT], abi;
	struct hit hit = {.kernel = (misc & PERF_RECORD_MISC_CPUMODE_MASK) ==
	                            PERF_RECORD_MISC_KERNEL};
	uint32_t ids[2];

	take(c, ids, sizeof(ids));
	take(c, &hit.time_ns, sizeof(hit.time_ns));
	take(c, &hit.addr, sizeof(hit.addr));
	take(c, &abi, sizeof(abi));
	if (!c->ok || abi != PERF_SAMPLE_REGS_ABI_64)
		return 0;
	take(c, registers, sizeof(registers));
	if (!c->ok)
		return 0;
	hit.pid = (pid_t)ids[0];
	hit.tid = (pid_t)ids[1];
	if (hits_has_traps(hits, hit.pid))
		return 0; /* its debugger sees it */
	hit.capture = (struct capture){.tid = hit.tid, .moving = true};
	hits_set_registers(registers, &hit.capture.regs);
	if (hits->options.stacks && take_stack(c, &hit.capture, err))
		return -1;
	if (!ROOM_FOR_ONE(hits->batch, hits->batch_room, hits->batch_count)) {
		capture_deinit(&hit.capture);
		return err_os(err, ENOMEM, "hits");
	}
	hits->batch[hits->batch_count++] = hit;
	return 0;
}

static int take_record(struct hits *hits, const struct perf_event_header *head, struct cursor *c,
                       struct err *err)
{
	uint64_t lost[2]; /* event, how many */

	if (head->type == PERF_RECORD_SAMPLE)
		return take_sample(hits, head->misc, c, err);
	if (head->type == PERF_RECORD_LOST) {
		take(c, lost, sizeof(lost));
		hits->lost += lost[1];
	}
	return 0;
}

/* The ring's end is where its beginning follows. */
static void copy_out(const struct hits_ring *ring, uint64_t at, void *dst, size_t len)
{
	const uint8_t *data = (const uint8_t *)ring->head + HITS_PAGE;
	const uint64_t size = (uint64_t)HITS_RING_PAGES * HITS_PAGE;
	size_t first = (size_t)(size - at % size);

	if (first > len)
		first = len;
	memcpy(dst, data + at % size, first);
	memcpy((uint8_t *)dst + first, data, len - first);
}

static int drain(struct hits *hits, const struct hits_ring *ring, struct err *err)
{
	uint64_t head = __atomic_load_n(&ring->head->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->head->data_tail;
	AUTO_FREE uint8_t *record = malloc(UINT16_MAX);
	int ret = 0;

	if (!record)
		return err_os(err, ENOMEM, "hits");
	while (tail < head && !ret) {
		struct perf_event_header header;
		struct cursor c;

		copy_out(ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break;
		copy_out(ring, tail, record, header.size);
		c = (struct cursor){record + sizeof(header), header.size - sizeof(header), true};
		ret = take_record(hits, &header, &c, err);
		tail += header.size;
	}
	__atomic_store_n(&ring->head->data_tail, head, __ATOMIC_RELEASE);
	return ret;
}

/* ---- Waiting ---------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* 1: nobody is left who could do it, nor who could ask for something. */
static int wait_for_rings(struct hits *hits, struct err *err)
{
	const size_t count = hits->cpu_count;
	size_t open = hits->options.wake_fd >= 0;

	for (size_t i = 0; i < count; i++)
		hits->polled[i] =
			(struct pollfd){hits->rings[i].over ? -1 : hits->rings[i].fd, POLLIN, 0};
	hits->polled[count] = (struct pollfd){hits->options.wake_fd, POLLIN, 0};
	if (poll(hits->polled, count + 1, -1) < 0)
		return errno == EINTR ? err_set(err, ERR_STOPPED, "stopped")
		                      : err_os(err, errno, "cannot wait for hits");
	for (size_t i = 0; i < count; i++) {
		hits->rings[i].over |= (hits->polled[i].revents & POLLHUP) != 0;
		open += hits->rings[i].fd >= 0 && !hits->rings[i].over;
	}
	return !open;
}

static int visit_batch(struct hits *hits, hits_visitor *visit, void *context, struct err *err)
{
	int ret = 0;

	if (hits->batch_count)
		qsort(hits->batch, hits->batch_count, sizeof(*hits->batch), by_time);
	for (size_t i = 0; i < hits->batch_count && !ret; i++)
		ret = visit(context, &hits->batch[i], err);
	drop_batch(hits);
	return ret;
}

int hits_gather(struct hits *hits, struct err *err)
{
	for (size_t i = 0; i < hits->cpu_count; i++) {
		if (hits->rings[i].head && drain(hits, &hits->rings[i], err))
			return -1;
	}
	return 0;
}

int hits_wait(struct hits *hits, hits_visitor *visit, void *context, uint64_t *ret_lost,
              struct err *err)
{
	int ended = hits->batch_count ? 0 : wait_for_rings(hits, err);
	int ret;

	if (ended < 0 || hits_gather(hits, err))
		return -1;
	*ret_lost = hits->lost;
	hits->lost = 0;
	if (ended && !hits->batch_count)
		return err_set(err, ERR_NO_SPACE, "nobody is left to watch");
	ret = visit_batch(hits, visit, context, err);
	return ret;
}
