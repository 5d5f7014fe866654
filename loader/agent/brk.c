/*
 * brk(2) for each program: the kernel has one break for the whole space, so the
 * programs get a zone each.  A page behind the kernel's own break (the agent put it
 * there) makes a brk that was not patched fail, and libc then uses mmap.
 */
#include "inspace.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
/* malloc grows by 132 KiB; what is larger may be meant to be sparse. */
#define MAX_POPULATE UINT64_C(0x40000)

#define MAP_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)

static void lock(struct slot *slot)
{
	uint32_t me = (uint32_t)sys0(__NR_gettid);
	uint32_t seen = 0;

	while (!__atomic_compare_exchange_n(&slot->brk_lock, &seen, me, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		futex_wait(&slot->brk_lock, seen, 100);
		seen = 0;
	}
}

static void unlock(struct slot *slot)
{
	__atomic_store_n(&slot->brk_lock, 0, __ATOMIC_RELEASE);
	futex_wake(&slot->brk_lock);
}

void brk_reset(struct slot *slot)
{
	__atomic_store_n(&slot->brk_lock, 0, __ATOMIC_RELEASE);
}

static bool grow(struct slot *slot, uint64_t end)
{
	long result;

	if (end == slot->brk_mapped)
		return true;
	result = sys6(__NR_mmap, slot->brk_mapped, end - slot->brk_mapped, PROT_READ | PROT_WRITE,
		      MAP_FLAGS, -1, 0);
	if (sys_failed(result))
		return false;
	/* A heap that grows again is filled at once: better one call than a fault for each page.
	 * The first piece is not, since many programs hardly touch it. */
	if (slot->brk_mapped > slot->brk_lo && end - slot->brk_mapped <= MAX_POPULATE)
		sys3(__NR_madvise, slot->brk_mapped, end - slot->brk_mapped, MADV_POPULATE_WRITE);
	slot->brk_mapped = end;
	return true;
}

static void shrink(struct slot *slot, uint64_t end)
{
	if (end < slot->brk_mapped && !sys2(__NR_munmap, end, slot->brk_mapped - end))
		slot->brk_mapped = end;
}

uint64_t brk_set(struct slot *slot, uint64_t wanted)
{
	uint64_t before;
	uint64_t result;

	if (wanted < slot->brk_lo || wanted > slot->brk_hi)
		return __atomic_load_n(&slot->brk_now, __ATOMIC_RELAXED);
	before = signals_block();
	lock(slot);
	if (page_up(wanted) < slot->brk_mapped)
		shrink(slot, page_up(wanted));
	if (page_up(wanted) <= slot->brk_mapped || grow(slot, page_up(wanted)))
		slot->brk_now = wanted;
	result = slot->brk_now;
	unlock(slot);
	signals_restore(before);
	return result;
}
