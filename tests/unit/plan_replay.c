#include "tests/unit/plan_replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE PLAN_REPLAY_PAGE

static const uint8_t zeros[PAGE];

struct plan_replay_page *plan_replay_page(const struct plan_replay *replay, uint64_t addr)
{
	struct plan_replay_page *page = NULL;
	uint64_t base = addr & ~(uint64_t)(PAGE - 1);

	HASH_FIND(hh, replay->pages, &base, sizeof(base), page);
	return page;
}

static struct plan_replay_page *mapped_page(const struct plan_replay *replay, uint64_t addr)
{
	struct plan_replay_page *page = plan_replay_page(replay, addr);

	if (!page)
		fail_msg("nothing is mapped at 0x%lx", addr);
	return page;
}

static uint8_t *page_bytes(struct plan_replay_page *page)
{
	if (!page->bytes)
		page->bytes = calloc(1, PAGE);
	assert_non_null(page->bytes);
	return page->bytes;
}

static void read_file_page(struct plan_replay_page *page, int fd, uint64_t off)
{
	ssize_t n = pread(fd, page_bytes(page), PAGE, (off_t)off);

	/* An access to a page that lies behind the end of the file is a bus error. */
	if (n <= 0)
		fail_msg("nothing of the file is at 0x%lx", off);
}

static void map_page(struct plan_replay *replay, uint64_t addr, const struct plan_op *op, int fd)
{
	struct plan_replay_page *page;

	if (plan_replay_page(replay, addr))
		fail_msg("something is mapped at 0x%lx already", addr);
	page = calloc(1, sizeof(*page));
	assert_non_null(page);
	page->addr = addr;
	page->prot = (int)op->prot;
	HASH_ADD(hh, replay->pages, addr, sizeof(page->addr), page);
	if (fd >= 0)
		read_file_page(page, fd, op->off + (addr - op->addr));
}

static void do_map(struct plan_replay *replay, const struct plan *plan, const struct plan_op *op)
{
	bool anonymous = op->flags & MAP_ANONYMOUS;

	assert_true(op->flags & MAP_PRIVATE);
	assert_true(op->flags & MAP_FIXED_NOREPLACE);
	assert_int_equal(op->off % PAGE, 0);
	assert_true(anonymous ? op->fd == -1 : op->fd >= 0 && (uint32_t)op->fd < plan->fd_count);
	for (uint64_t i = 0; i < op->len; i += PAGE)
		map_page(replay, op->addr + i, op, anonymous ? -1 : plan->fds[op->fd]);
}

/* Both as the agent's own stores do it; data NULL is zeros. */
static void do_store(struct plan_replay *replay, uint64_t addr, const uint8_t *data, uint64_t len)
{
	while (len) {
		struct plan_replay_page *page = mapped_page(replay, addr);
		uint64_t off = addr % PAGE;
		uint64_t n = len < PAGE - off ? len : PAGE - off;

		if (!(page->prot & PROT_WRITE))
			fail_msg("0x%lx may not be written", addr);
		memcpy(page_bytes(page) + off, data ? data : zeros, n);
		data = data ? data + n : NULL;
		addr += n;
		len -= n;
	}
}

static void do_protect(struct plan_replay *replay, const struct plan_op *op)
{
	for (uint64_t i = 0; i < op->len; i += PAGE)
		mapped_page(replay, op->addr + i)->prot = (int)op->prot;
}

static void do_advise(struct plan_replay *replay, const struct plan_op *op)
{
	for (uint64_t i = 0; i < op->len; i += PAGE)
		mapped_page(replay, op->addr + i)->advice = (int)op->flags;
}

static void execute(struct plan_replay *replay, const struct plan *plan, const struct plan_op *op)
{
	assert_true(op->addr + op->len >= op->addr);
	if (op->op == PLAN_MAP || op->op == PLAN_PROTECT || op->op == PLAN_ADVISE) {
		assert_int_equal(op->addr % PAGE, 0);
		assert_int_equal(op->len % PAGE, 0);
		assert_true(op->len > 0);
	}
	switch (op->op) {
	case PLAN_MAP:
		do_map(replay, plan, op);
		break;
	case PLAN_ZERO:
		do_store(replay, op->addr, NULL, op->len);
		break;
	case PLAN_WRITE:
		assert_true(op->off <= plan->data_len && op->len <= plan->data_len - op->off);
		do_store(replay, op->addr, plan->data + op->off, op->len);
		break;
	case PLAN_PROTECT:
		do_protect(replay, op);
		break;
	case PLAN_ADVISE:
		do_advise(replay, op);
		break;
	case PLAN_CLONE:
		assert_ptr_equal(op, &plan->ops[plan->op_count - 1]);
		replay->clone = *op;
		break;
	default:
		fail_msg("no launch has an op %u", op->op);
	}
}

void plan_replay_init(struct plan_replay *replay, const struct plan *plan)
{
	*replay = (struct plan_replay){0};
	for (uint32_t i = 0; i < plan->op_count; i++)
		execute(replay, plan, &plan->ops[i]);
	assert_int_equal(replay->clone.op, PLAN_CLONE);
}

void plan_replay_deinit(struct plan_replay *replay)
{
	struct plan_replay_page *page;
	struct plan_replay_page *next;

	HASH_ITER(hh, replay->pages, page, next)
	{
		HASH_DEL(replay->pages, page);
		free(page->bytes);
		free(page);
	}
}

void plan_replay_read(const struct plan_replay *replay, uint64_t addr, void *to, size_t len)
{
	uint8_t *out = to;

	while (len) {
		const struct plan_replay_page *page = mapped_page(replay, addr);
		uint64_t off = addr % PAGE;
		size_t n = len < PAGE - off ? len : PAGE - off;

		memcpy(out, (page->bytes ? page->bytes : zeros) + off, n);
		out += n;
		addr += n;
		len -= n;
	}
}

void plan_replay_check_prot(const struct plan_replay *replay, uint64_t lo, uint64_t hi, int prot)
{
	for (uint64_t addr = lo; addr < hi; addr += PAGE)
		if (mapped_page(replay, addr)->prot != prot)
			fail_msg("0x%lx has protection %d, not %d", addr,
			         mapped_page(replay, addr)->prot, prot);
}
