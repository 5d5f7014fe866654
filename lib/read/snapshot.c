/*
 * A snapshot: every table of a registry, read under the sequence counters of
 * tproc/abi.h.  Retries are bounded, since a server that died while it wrote leaves its
 * counters odd for ever: then the record is read as it is and marked.
 */
#include "lib/read/registry_source.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* How often a record, and the whole, are tried before they are taken as they are. */
#define RECORD_TRIES 64
#define WHOLE_TRIES 4

/* Refs may copy the heap this often over: strings can be shared, but not without end. */
#define BUDGET_FACTOR 4

static uint32_t seq_begin(const uint32_t *seq)
{
	return __atomic_load_n(seq, __ATOMIC_ACQUIRE);
}

/* Whether what was copied since seq_begin returned `begun` was not written meanwhile. */
static bool seq_held(const uint32_t *seq, uint32_t begun)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(begun & 1) && __atomic_load_n(seq, __ATOMIC_RELAXED) == begun;
}

static const void *element(const struct reg_pass *pass, const struct tp_table *table, size_t i)
{
	return pass->base + table->off + i * (size_t)table->size;
}

static int read_threadproc(struct reg_pass *pass, size_t i)
{
	const struct tp_threadproc *raw = element(pass, &pass->header->threadprocs, i);
	struct reg_threadproc *tp = &pass->snapshot->threadprocs[i];

	for (int try = 0; try < RECORD_TRIES; try++) {
		uint32_t begun = seq_begin(&raw->seq);
		uint64_t budget = pass->budget;

		if (record_threadproc_fill(pass, raw, tp))
			return -1;
		if (seq_held(&raw->seq, begun))
			return 0;
		if (try == RECORD_TRIES - 1)
			break;
		record_threadproc_deinit(tp);
		pass->budget = budget;
		sched_yield();
	}
	tp->health.unstable = true;
	return 0;
}

static int read_image(struct reg_pass *pass, size_t i)
{
	const struct tp_image *raw = element(pass, &pass->header->images, i);
	struct reg_image *image = &pass->snapshot->images[i];

	for (int try = 0; try < RECORD_TRIES; try++) {
		uint32_t begun = seq_begin(&raw->seq);
		uint64_t budget = pass->budget;

		if (record_image_fill(pass, raw, image))
			return -1;
		if (seq_held(&raw->seq, begun))
			return 0;
		if (try == RECORD_TRIES - 1)
			break;
		record_image_deinit(image);
		pass->budget = budget;
		sched_yield();
	}
	image->health.unstable = true;
	return 0;
}

static void read_name(struct reg_pass *pass, size_t i, struct reg_name *name)
{
	const struct tp_name *raw = element(pass, &pass->header->names, i);

	for (int try = 0; try < RECORD_TRIES; try++) {
		uint32_t begun = seq_begin(&raw->seq);

		memset(name, 0, sizeof(*name));
		record_name_fill(pass, raw, name);
		if (seq_held(&raw->seq, begun))
			return;
		sched_yield();
	}
	name->health.unstable = true;
}

/* Elements of a newer layout may be longer than ours: the stride is the table's. */
static void copy_elements(const struct reg_pass *pass, const struct tp_table *table, void *dst,
                          size_t size)
{
	for (size_t i = 0; i < table->count; i++)
		memcpy((char *)dst + i * size, element(pass, table, i), size);
}

static void *allocate(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

static int allocate_tables(struct snapshot *s)
{
	const struct tp_registry *h = &s->header;

	s->granules = allocate(h->granules.count, sizeof(*s->granules));
	s->fixed = allocate(h->fixed.count, sizeof(*s->fixed));
	s->images = allocate(h->image_high, sizeof(*s->images));
	s->threadprocs = allocate(h->threadproc_high, sizeof(*s->threadprocs));
	s->names = allocate(h->name_high, sizeof(*s->names));
	return s->granules && s->fixed && s->images && s->threadprocs && s->names ? 0 : -1;
}

/* Counts grow with the reading, so that snapshot_destroy can be called at any time. */
static int read_tables(struct reg_pass *pass, struct snapshot *s)
{
	const struct tp_registry *h = &s->header;

	if (allocate_tables(s))
		return -1;
	copy_elements(pass, &h->granules, s->granules, sizeof(*s->granules));
	s->granule_count = h->granules.count;
	copy_elements(pass, &h->fixed, s->fixed, sizeof(*s->fixed));
	s->fixed_count = h->fixed.count;
	s->image_count = h->image_high;
	for (size_t i = 1; i < h->image_high; i++) {
		if (read_image(pass, i))
			return -1;
	}
	s->threadproc_count = h->threadproc_high;
	for (size_t i = 1; i < h->threadproc_high; i++) {
		if (read_threadproc(pass, i))
			return -1;
	}
	for (size_t i = 1; i < h->name_high; i++) {
		read_name(pass, i, &s->names[s->name_count]);
		s->name_count += s->names[s->name_count].abi.live != 0;
	}
	return 0;
}

static int read_once(const struct registry *registry, struct snapshot **ret_snapshot,
                     struct err *err)
{
	const struct tp_registry *shared = (const struct tp_registry *)registry->base;
	struct snapshot *s = calloc(1, sizeof(*s));
	struct reg_pass pass = {.base = registry->base, .snapshot = s};
	uint32_t begun = seq_begin(&shared->seq);

	if (!s)
		return err_os(err, ENOMEM, "snapshot of the registry");
	if (registry_header(registry, &s->header, err)) {
		snapshot_destroy(s);
		return -1;
	}
	pass.header = &s->header;
	pass.budget = (uint64_t)s->header.heap.count * BUDGET_FACTOR;
	if (read_tables(&pass, s)) {
		snapshot_destroy(s);
		return err_os(err, ENOMEM, "snapshot of the registry");
	}
	s->consistent = seq_held(&shared->seq, begun);
	*ret_snapshot = s;
	return 0;
}

int registry_snapshot(const struct registry *registry, struct snapshot **ret_snapshot,
                      struct err *err)
{
	struct snapshot *s = NULL;

	for (int try = 0; try < WHOLE_TRIES; try++) {
		snapshot_destroy(s);
		s = NULL;
		if (read_once(registry, &s, err))
			return -1;
		if (s->consistent)
			break;
		sched_yield();
	}
	*ret_snapshot = s;
	return 0;
}

void snapshot_destroy(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->threadproc_count; i++)
		record_threadproc_deinit(&snapshot->threadprocs[i]);
	for (size_t i = 0; i < snapshot->image_count; i++)
		record_image_deinit(&snapshot->images[i]);
	free(snapshot->granules);
	free(snapshot->fixed);
	free(snapshot->images);
	free(snapshot->threadprocs);
	free(snapshot->names);
	free(snapshot);
}

/* ---- Questions to a snapshot --------------------------------------------- */

const struct reg_image *snapshot_image(const struct snapshot *snapshot, uint32_t index)
{
	if (!index || index >= snapshot->image_count || !snapshot->images[index].path)
		return NULL;
	return &snapshot->images[index];
}

bool reg_threadproc_lives(const struct reg_threadproc *tp)
{
	return tp->abi.state == TP_STATE_STARTING || tp->abi.state == TP_STATE_RUNNING ||
	       tp->abi.state == TP_STATE_STOPPED;
}

const char *reg_state_name(uint32_t state)
{
	static const char *const names[] = {
		[TP_STATE_NONE] = "unused",     [TP_STATE_STARTING] = "starting",
		[TP_STATE_RUNNING] = "running", [TP_STATE_STOPPED] = "stopped",
		[TP_STATE_EXITED] = "exited",   [TP_STATE_CRASHED] = "crashed",
		[TP_STATE_EXECED] = "execed",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* The record, if it still serves whom the generation was meant for. */
static const struct reg_threadproc *record_of(const struct snapshot *s, uint32_t index,
                                              uint32_t generation)
{
	const struct reg_threadproc *tp;

	if (!index || index >= s->threadproc_count)
		return NULL;
	tp = &s->threadprocs[index];
	return tp->abi.state != TP_STATE_NONE && tp->abi.generation == generation ? tp : NULL;
}

static bool same_owner(const struct tp_granule *a, const struct tp_granule *b)
{
	return a->state == b->state && a->owner == b->owner && a->generation == b->generation;
}

static bool owner_by_granule(const struct snapshot *s, uint64_t addr, struct owner *owner)
{
	uint64_t at = addr >> TP_GRANULE_SHIFT;
	const struct tp_granule *granule;
	size_t lo, hi;

	if (at >= s->granule_count)
		return false;
	granule = &s->granules[at];
	if (granule->state != TP_GRANULE_LIVE && granule->state != TP_GRANULE_QUARANTINE)
		return false;
	for (lo = at; lo > 0 && same_owner(&s->granules[lo - 1], granule);)
		lo--;
	for (hi = at + 1; hi < s->granule_count && same_owner(&s->granules[hi], granule);)
		hi++;
	owner->tp = record_of(s, granule->owner, granule->generation);
	/* The addresses of one that ended stay with it until its memory is gone. */
	owner->kind =
		granule->state == TP_GRANULE_LIVE && (!owner->tp || reg_threadproc_lives(owner->tp))
			? OWNER_LIVE
			: OWNER_EXITED;
	owner->lo = (uint64_t)lo << TP_GRANULE_SHIFT;
	owner->hi = (uint64_t)hi << TP_GRANULE_SHIFT;
	return true;
}

static bool owner_by_fixed(const struct snapshot *s, uint64_t addr, struct owner *owner)
{
	for (size_t i = 0; i < s->fixed_count; i++) {
		const struct tp_fixed *fixed = &s->fixed[i];

		if (addr < fixed->lo || addr >= fixed->hi)
			continue;
		owner->tp = record_of(s, fixed->owner, fixed->generation);
		owner->kind =
			owner->tp && reg_threadproc_lives(owner->tp) ? OWNER_LIVE : OWNER_EXITED;
		owner->lo = fixed->lo;
		owner->hi = fixed->hi;
		return true;
	}
	return false;
}

static bool owner_toolkit(const struct snapshot *s, uint64_t addr, struct owner *owner)
{
	const struct tp_registry *h = &s->header;
	const uint64_t ranges[][2] = {
		{h->address, h->address + h->size},
		{h->agent_lo, h->agent_hi},
		{h->mailbox_addr, h->mailbox_addr + h->mailbox_size},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (addr < ranges[i][0] || addr >= ranges[i][1])
			continue;
		owner->kind = OWNER_TOOLKIT;
		owner->lo = ranges[i][0];
		owner->hi = ranges[i][1];
		return true;
	}
	return false;
}

struct owner registry_owner(const struct snapshot *snapshot, uint64_t addr)
{
	struct owner owner = {0};

	if (!owner_toolkit(snapshot, addr, &owner) && !owner_by_granule(snapshot, addr, &owner))
		owner_by_fixed(snapshot, addr, &owner);
	return owner;
}
