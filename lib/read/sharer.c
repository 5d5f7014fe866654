#include "lib/read/sharer.h"

/* Most are gone before anybody looks: those that were forked are known by the mailbox. */
static bool is_noted_as_forked(const struct target *target, const struct reg_threadproc *tp,
                               pid_t pid)
{
	const struct snapshot *s = target->snapshot;
	const uint64_t index = (uint64_t)(tp - s->threadprocs);
	struct tp_mailbox box;
	struct err err;

	if (!target->mem ||
	    mem_read(target->mem,
	             s->header.mailbox_addr + TP_MAILBOX_HEADER_SIZE + index * TP_MAILBOX_STRIDE,
	             &box, sizeof(box), &err))
		return false;
	for (size_t i = 0; i < TP_FORKED; i++) {
		if (box.forked[i] == pid)
			return true;
	}
	return false;
}

/* Of a fork that in-space code did not see.  The page is wiped in a copy. */
static bool has_copy(const struct reg_threadproc *tp, pid_t pid)
{
	struct tp_self self;
	struct mem *mem;
	struct err err;
	bool wiped;

	if (!tp->abi.self_addr || mem_open_live(pid, &mem, &err))
		return false;
	wiped = !mem_read(mem, tp->abi.self_addr, &self, sizeof(self), &err) &&
	        self.magic != TP_SELF_MAGIC;
	mem_close(mem);
	return wiped;
}

const struct reg_threadproc *sharer_parent(const struct target *target, pid_t pid, uint64_t sp)
{
	const struct reg_threadproc *tp = registry_owner(target->snapshot, sp).tp;

	if (!tp || is_noted_as_forked(target, tp, pid) || has_copy(tp, pid))
		return NULL;
	return tp;
}
