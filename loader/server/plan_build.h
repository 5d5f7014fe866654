/*
 * plan_build.h - a plan for the agent (loader/agent/plan.h) while it is put together.
 *
 * Adding never fails on the spot: running out of memory or of operations is remembered
 * and told once, by plan_finish.
 */
#ifndef TPROC_SERVER_PLAN_BUILD_H
#define TPROC_SERVER_PLAN_BUILD_H

#include "lib/base/err.h"
#include "loader/agent/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct plan {
	struct plan_op *ops;
	uint32_t op_count;
	uint32_t op_capacity;
	uint8_t *data;
	size_t data_len;
	size_t data_capacity;
	int *fds; /* borrowed from whoever added them */
	uint32_t fd_count;
	uint32_t fd_capacity;
	bool broken;
};

void plan_init(struct plan *plan);
void plan_deinit(struct plan *plan);

/* Index of the descriptor in the plan.  It has to stay open until the plan is sent. */
int32_t plan_add_fd(struct plan *plan, int fd);

void plan_map(struct plan *plan, uint64_t addr, uint64_t len, int prot, int flags, int32_t fd,
	      uint64_t off);
/* The same for private anonymous memory. */
void plan_map_anon(struct plan *plan, uint64_t addr, uint64_t len, int prot, int flags);
void plan_zero(struct plan *plan, uint64_t addr, uint64_t len);
/*
 * Copies len bytes of data, now, to be written to addr.  Returns the copy, for changes until
 * something else is added; NULL when there is none.
 */
uint8_t *plan_write(struct plan *plan, uint64_t addr, const void *data, size_t len);
void plan_protect(struct plan *plan, uint64_t addr, uint64_t len, int prot);
void plan_unmap(struct plan *plan, uint64_t addr, uint64_t len);
void plan_advise(struct plan *plan, uint64_t addr, uint64_t len, int advice);
void plan_seal(struct plan *plan, uint64_t addr, uint64_t len);
/* What /proc says of the memory. */
void plan_set_mm(struct plan *plan, const struct plan_mm *mm);
/* The plan's first fds are the program's; cwd is an index. */
void plan_clone(struct plan *plan, uint64_t slot, uint32_t fds, int32_t cwd);

int plan_finish(const struct plan *plan, struct err *err);

#endif
