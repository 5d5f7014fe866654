#include "loader/server/plan_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void plan_init(struct plan *plan)
{
	*plan = (struct plan){ 0 };
}

void plan_deinit(struct plan *plan)
{
	free(plan->ops);
	free(plan->data);
	free(plan->fds);
}

/* Room for more elements of size bytes behind count; false, and broken, when there is none. */
static bool reserve(struct plan *plan, void *array, size_t count, size_t more, size_t size,
		    size_t *capacity)
{
	void **where = array;
	size_t wanted = *capacity ? *capacity : 64;
	void *grown;

	while (wanted < count + more)
		wanted *= 2;
	if (plan->broken)
		return false;
	if (wanted == *capacity)
		return true;
	grown = reallocarray(*where, wanted, size);
	if (!grown) {
		plan->broken = true;
		return false;
	}
	*where = grown;
	*capacity = wanted;
	return true;
}

static void add(struct plan *plan, struct plan_op op)
{
	size_t capacity = plan->op_capacity;

	if (plan->op_count == PLAN_MAX_OPS)
		plan->broken = true;
	if (!reserve(plan, &plan->ops, plan->op_count, 1, sizeof(op), &capacity))
		return;
	plan->op_capacity = (uint32_t)capacity;
	plan->ops[plan->op_count++] = op;
}

int32_t plan_add_fd(struct plan *plan, int fd)
{
	size_t capacity = plan->fd_capacity;

	if (!reserve(plan, &plan->fds, plan->fd_count, 1, sizeof(fd), &capacity))
		return -1;
	plan->fd_capacity = (uint32_t)capacity;
	plan->fds[plan->fd_count] = fd;
	return (int32_t)plan->fd_count++;
}

void plan_map(struct plan *plan, uint64_t addr, uint64_t len, int prot, int flags, int32_t fd,
	      uint64_t off)
{
	add(plan, (struct plan_op){
			  .op = PLAN_MAP,
			  .fd = fd,
			  .addr = addr,
			  .len = len,
			  .prot = (uint32_t)prot,
			  .flags = (uint32_t)(flags | MAP_FIXED_NOREPLACE),
			  .off = off,
		  });
}

void plan_map_anon(struct plan *plan, uint64_t addr, uint64_t len, int prot, int flags)
{
	plan_map(plan, addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

void plan_zero(struct plan *plan, uint64_t addr, uint64_t len)
{
	if (len)
		add(plan, (struct plan_op){ .op = PLAN_ZERO, .fd = -1, .addr = addr, .len = len });
}

/* An operation that takes len bytes of data.  Returns the copy. */
static uint8_t *add_data(struct plan *plan, enum plan_opcode op, uint64_t addr, const void *data,
                         size_t len)
{
	uint8_t *copy;

	if (!len || !reserve(plan, &plan->data, plan->data_len, len, 1, &plan->data_capacity))
		return NULL;
	copy = memcpy(plan->data + plan->data_len, data, len);
	add(plan, (struct plan_op){
			  .op = op,
			  .fd = -1,
			  .addr = addr,
			  .len = len,
			  .off = plan->data_len,
		  });
	plan->data_len += len;
	return copy;
}

uint8_t *plan_write(struct plan *plan, uint64_t addr, const void *data, size_t len)
{
	return add_data(plan, PLAN_WRITE, addr, data, len);
}

void plan_set_mm(struct plan *plan, const struct plan_mm *mm)
{
	add_data(plan, PLAN_SET_MM, 0, mm, sizeof(*mm));
}

void plan_protect(struct plan *plan, uint64_t addr, uint64_t len, int prot)
{
	add(plan, (struct plan_op){
			  .op = PLAN_PROTECT,
			  .fd = -1,
			  .addr = addr,
			  .len = len,
			  .prot = (uint32_t)prot,
		  });
}

void plan_unmap(struct plan *plan, uint64_t addr, uint64_t len)
{
	add(plan, (struct plan_op){ .op = PLAN_UNMAP, .fd = -1, .addr = addr, .len = len });
}

void plan_advise(struct plan *plan, uint64_t addr, uint64_t len, int advice)
{
	add(plan, (struct plan_op){
			  .op = PLAN_ADVISE,
			  .fd = -1,
			  .addr = addr,
			  .len = len,
			  .flags = (uint32_t)advice,
		  });
}

void plan_seal(struct plan *plan, uint64_t addr, uint64_t len)
{
	add(plan, (struct plan_op){ .op = PLAN_SEAL, .fd = -1, .addr = addr, .len = len });
}

void plan_clone(struct plan *plan, uint64_t slot, uint32_t fds, int32_t cwd)
{
	add(plan, (struct plan_op){ .op = PLAN_CLONE, .fd = cwd, .addr = slot, .len = fds });
}

int plan_finish(const struct plan *plan, struct err *err)
{
	if (plan->broken && plan->op_count == PLAN_MAX_OPS)
		return err_set(err, ERR_LIMIT, "the launch takes more than %u steps", PLAN_MAX_OPS);
	if (plan->broken)
		return err_os(err, ENOMEM, "cannot put the launch together");
	return 0;
}
