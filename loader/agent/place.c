/*
 * Where mappings go.
 *
 * The kernel's tree of mappings is the truth; this code only guesses addresses and asks
 * with MAP_FIXED_NOREPLACE.  A guess is a hole that munmap left, else the next address
 * of a run that was not used yet.  A guess that is taken costs one system call, never a
 * neighbour's memory.
 */
#include "inspace.h"

#define HUGE_2M (UINT64_C(1) << 21)
#define HUGE_SHIFT_MASK 63
#define NO_ROOM (-(long)ENOMEM)
/* The largest length worth placing: what is beyond it gets the kernel's own error. */
#define MAX_LENGTH (UINT64_C(1) << 46)
/* How often a run is tried at advancing addresses before it counts as full. */
#define MAX_TRIES 96

struct want {
	uint64_t len;
	uint64_t align;
	long prot;
	unsigned long flags;
	long fd;
	long off;
};

bool place_owns(const struct slot *slot, uint64_t addr, uint64_t len)
{
	uint32_t count = __atomic_load_n(&slot->range_count, __ATOMIC_ACQUIRE);

	if (slot->lo <= addr && addr + len <= slot->hi && addr + len >= addr)
		return true;
	for (uint32_t i = 0; i < count && i < TP_RUNS; i++)
		if (slot->ranges[i].lo <= addr && addr + len <= slot->ranges[i].hi &&
		    addr + len >= addr)
			return true;
	return false;
}

static long map_at(uint64_t addr, const struct want *want)
{
	return sys6(__NR_mmap, addr, want->len, want->prot, want->flags | MAP_FIXED_NOREPLACE,
	            want->fd, want->off);
}

/* ---- holes ---------------------------------------------------------------------- */

static uint64_t hole_addr(slot_hole hole)
{
	return (hole >> SLOT_HOLE_BITS) * SYS_PAGE_SIZE;
}

static uint64_t hole_len(slot_hole hole)
{
	return (hole & ((UINT64_C(1) << SLOT_HOLE_BITS) - 1)) * SYS_PAGE_SIZE;
}

static slot_hole hole_make(uint64_t addr, uint64_t len)
{
	uint64_t pages = len / SYS_PAGE_SIZE;

	if (pages >= UINT64_C(1) << SLOT_HOLE_BITS)
		pages = (UINT64_C(1) << SLOT_HOLE_BITS) - 1;
	return addr / SYS_PAGE_SIZE << SLOT_HOLE_BITS | pages;
}

static bool hole_take(slot_hole *hole, slot_hole seen)
{
	return __atomic_compare_exchange_n(hole, &seen, 0, false, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_RELAXED);
}

/* The end of the newest hole that is large enough, or 0; the rest of it stays noted. */
static uint64_t holes_take(struct slot *slot, uint64_t len, uint64_t align)
{
	uint32_t newest = __atomic_load_n(&slot->next_hole, __ATOMIC_RELAXED);

	for (uint32_t i = 1; i <= SLOT_HOLES; i++) {
		slot_hole *hole = &slot->holes[(newest - i) % SLOT_HOLES];
		slot_hole seen = __atomic_load_n(hole, __ATOMIC_RELAXED);
		uint64_t addr = hole_addr(seen);
		uint64_t end = addr + hole_len(seen);
		uint64_t at;

		if (end - addr < len)
			continue;
		at = (end - len) & ~(align - 1);
		if (at < addr || !hole_take(hole, seen))
			continue;
		if (!place_owns(slot, addr, end - addr))
			continue;
		if (at > addr)
			__atomic_store_n(hole, hole_make(addr, at - addr), __ATOMIC_RELEASE);
		return at;
	}
	return 0;
}

void place_release(struct slot *slot, uint64_t addr, uint64_t len)
{
	slot_hole *empty = NULL;
	uint32_t next;

	len = page_up(len);
	if (!len || !place_owns(slot, addr, len))
		return;
	for (uint32_t i = 0; i < SLOT_HOLES; i++) {
		slot_hole *hole = &slot->holes[i];
		slot_hole seen = __atomic_load_n(hole, __ATOMIC_RELAXED);
		uint64_t other = hole_addr(seen);
		uint64_t other_len = hole_len(seen);

		if (!seen) {
			empty = hole;
			continue;
		}
		if ((other + other_len != addr && addr + len != other) || !hole_take(hole, seen))
			continue;
		if (other < addr)
			addr = other;
		len += other_len;
		empty = hole;
	}
	if (!empty) {
		next = __atomic_fetch_add(&slot->next_hole, 1, __ATOMIC_RELAXED);
		empty = &slot->holes[next % SLOT_HOLES];
	}
	__atomic_store_n(empty, hole_make(addr, len), __ATOMIC_RELEASE);
}

static long map_in_holes(struct slot *slot, const struct want *want)
{
	for (int tries = 0; tries < 3; tries++) {
		uint64_t addr = holes_take(slot, want->len, want->align);
		long result;

		if (!addr)
			break;
		result = map_at(addr, want);
		if (result != -EEXIST)
			return result;
	}
	return NO_ROOM;
}

/* ---- runs ----------------------------------------------------------------------- */

/* The next len bytes of the range, or 0 when there are not that many before its end. */
static uint64_t range_advance(struct slot_range *range, uint64_t len, uint64_t align)
{
	uint64_t seen = __atomic_load_n(&range->cursor, __ATOMIC_RELAXED);

	for (;;) {
		uint64_t addr = (seen + align - 1) & ~(align - 1);

		if (addr < range->lo || addr > range->hi || range->hi - addr < len)
			return 0;
		if (__atomic_compare_exchange_n(&range->cursor, &seen, addr + len, true,
		                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return addr;
	}
}

/*
 * Once around the range from its cursor.  Where something is in the way, the next guess
 * is further off each time, since what is in the way may be large.
 */
static long map_in_range(struct slot_range *range, const struct want *want)
{
	uint64_t stride = want->len > SLOT_MARGIN ? want->len : SLOT_MARGIN;
	bool wrapped = false;

	for (int tries = 0; tries < MAX_TRIES; tries++) {
		uint64_t addr = range_advance(range, want->len, want->align);
		long result;

		if (!addr) {
			if (wrapped || range->hi - range->lo < want->len)
				return NO_ROOM;
			wrapped = true;
			__atomic_store_n(&range->cursor, range->lo, __ATOMIC_RELAXED);
			continue;
		}
		result = map_at(addr, want);
		if (result != -EEXIST)
			return result;
		__atomic_fetch_add(&range->cursor, page_up(stride), __ATOMIC_RELAXED);
		if (stride < (range->hi - range->lo) / 64)
			stride *= 2;
	}
	return NO_ROOM;
}

static long map_in_ranges(struct slot *slot, const struct want *want)
{
	uint32_t count = __atomic_load_n(&slot->range_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = count > TP_RUNS ? TP_RUNS : count; i-- > 0;) {
		long result = map_in_range(&slot->ranges[i], want);

		if (result != NO_ROOM)
			return result;
	}
	return NO_ROOM;
}

/* Granules that the slot has, for doubling it when it is full. */
static uint32_t granules_owned(const struct slot *slot)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < slot->range_count && i < TP_RUNS; i++)
		bytes += slot->ranges[i].hi - slot->ranges[i].lo;
	return (uint32_t)(bytes >> TP_GRANULE_SHIFT) + 1;
}

/* Notes a run that was claimed; NULL when there are too many. */
static struct slot_range *range_add(struct slot *slot, uint64_t addr, uint32_t granules)
{
	/* Threads may have claimed at the same time: each takes an index of its own. */
	uint32_t index = __atomic_fetch_add(&slot->range_count, 1, __ATOMIC_ACQ_REL);
	struct slot_range *range;

	if (index >= TP_RUNS)
		return NULL;
	range = &slot->ranges[index];
	range->lo = addr;
	range->cursor = addr;
	/* Without an end the range is empty to whoever looks at it before. */
	__atomic_store_n(&range->hi, addr + ((uint64_t)granules << TP_GRANULE_SHIFT) - SLOT_TAIL,
	                 __ATOMIC_RELEASE);
	return range;
}

/* Another run for the slot, and the mapping in it. */
static long map_in_new_range(struct slot *slot, const struct want *want)
{
	uint64_t needed = want->len + want->align + 2 * SLOT_TAIL;
	uint32_t granules = (uint32_t)((needed + TP_GRANULE_SIZE - 1) >> TP_GRANULE_SHIFT);
	uint64_t before = signals_block();
	uint32_t had = granules_owned(slot);
	struct slot_range *range = NULL;
	uint64_t addr;

	if (granules < had && had <= 64)
		granules = had;
	addr = report_claim(slot, granules, &granules);
	if (addr)
		range = range_add(slot, addr, granules);
	signals_restore(before);
	return range ? map_in_range(range, want) : NO_ROOM;
}

/* ---- all together --------------------------------------------------------------- */

/* The kernel's choice: right in a forked child; in the space it shows as unowned. */
static long map_freely(struct slot *slot, const struct want *want)
{
	long result = sys6(__NR_mmap, 0, want->len, want->prot, want->flags, want->fd, want->off);

	if (!sys_failed(result))
		__atomic_fetch_add(&slot->escapes, 1, __ATOMIC_RELAXED);
	return result;
}

static long map_anywhere(struct slot *slot, const struct want *want)
{
	long result;

	result = map_in_holes(slot, want);
	if (result == NO_ROOM)
		result = map_in_ranges(slot, want);
	if (result == NO_ROOM)
		result = map_in_new_range(slot, want);
	/* Some descriptors (io_uring's, some devices') do not let their address be chosen. */
	if (result != NO_ROOM && (result != -EINVAL || (want->flags & MAP_ANONYMOUS)))
		return result;
	return map_freely(slot, want);
}

/*
 * As the kernel aligns (mm/mmap.c, thp_get_unmapped_area): huge pages by their size,
 * anonymous memory of whole huge pages so that it can use them.
 */
static uint64_t alignment(uint64_t len, unsigned long flags)
{
	unsigned shift = (flags >> MAP_HUGE_SHIFT) & HUGE_SHIFT_MASK;

	if (flags & MAP_HUGETLB)
		return shift >= 12 && shift < 40 ? UINT64_C(1) << shift : HUGE_2M;
	if ((flags & MAP_ANONYMOUS) && !(flags & MAP_STACK) && len >= HUGE_2M && len % HUGE_2M == 0)
		return HUGE_2M;
	return SYS_PAGE_SIZE;
}

long place_map(struct slot *slot, uint64_t hint, uint64_t len, long prot, unsigned long flags,
               long fd, long off)
{
	struct want want = {.len = page_up(len), .prot = prot, .fd = fd, .off = off};
	long result;

	/* The kernel's own error for a length that cannot be; rounding up would hide it. */
	if (!len || len > MAX_LENGTH)
		return sys6(__NR_mmap, 0, len, prot, flags, fd, off);
	want.flags = flags;
	want.align = alignment(want.len, flags);
	if (flags & MAP_HUGETLB)
		want.len = (want.len + want.align - 1) & ~(want.align - 1);
	/* Below 2 GiB is no slot: as the kernel would, and unowned. */
	if ((flags & MAP_32BIT) && !sys_failed(result = map_freely(slot, &want)))
		return result;
	want.flags &= ~(unsigned long)MAP_32BIT;
	hint = page_down(hint);
	if (hint && place_owns(slot, hint, want.len)) {
		result = map_at(hint, &want);
		if (!sys_failed(result))
			return result;
	}
	return map_anywhere(slot, &want);
}

long place_call(struct slot *slot, const struct arch_call *call, long prot)
{
	unsigned long flags = call->arg[3];

	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		return sys6(__NR_mmap, call->arg[0], call->arg[1], prot, flags, call->arg[4],
		            call->arg[5]);
	return place_map(slot, call->arg[0], call->arg[1], prot, flags, (int)call->arg[4],
	                 (long)call->arg[5]);
}

long place_reserve(struct slot *slot, uint64_t len, uint64_t align)
{
	struct want want = {
		.len = page_up(len),
		.align = align,
		.prot = PROT_NONE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		.fd = -1,
	};

	if (!want.len || want.len > MAX_LENGTH)
		return NO_ROOM;
	return map_anywhere(slot, &want);
}
