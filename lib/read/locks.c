#include "lib/read/locks.h"

#include "lib/base/room.h"
#include "lib/read/component.h"
#include "lib/read/scan.h"
#include "lib/read/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A list that is longer, or does not end, is no list. */
#define ROBUST_MAX 65536
/* What the kernel has in the lowest bit of an entry: priority is inherited. */
#define ENTRY_BITS UINT64_C(1)

/* What a thread waits for: a lock of the list, or the end of a thread. */
struct edge {
	struct lock_thread from;
	struct lock_thread to; /* tp NULL: nobody known */
	size_t lock;           /* SIZE_MAX: to's end */
	unsigned seen;         /* by which walk */
};

struct reading {
	const struct target *target;
	struct locks locks;
	size_t room;
	struct lock_thread *threads; /* ascending by tid */
	size_t thread_count;
	size_t thread_room;
	struct edge *edges;
	size_t edge_count;
	size_t edge_room;
	size_t wait_room;
	const struct locks_options *options;
};

static int no_memory(struct err *err)
{
	return err_os(err, ENOMEM, "locks");
}

/* ---- Threads --------------------------------------------------------------- */

static int by_tid(const void *a, const void *b)
{
	const struct lock_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int take_threads(struct reading *r, const struct reg_threadproc *tp, struct err *err)
{
	const struct threads *threads;
	struct err unknown;

	if (!reg_threadproc_lives(tp) || component_threads(r->target, tp, &threads, &unknown))
		return 0;
	for (size_t i = 0; i < threads->count; i++) {
		if (!ROOM_FOR_ONE(r->threads, r->thread_room, r->thread_count))
			return no_memory(err);
		r->threads[r->thread_count++] = (struct lock_thread){tp, threads->list[i].tid};
	}
	return 0;
}

static struct lock_thread find_thread(const struct reading *r, pid_t tid)
{
	const struct lock_thread key = {NULL, tid};
	const struct lock_thread *found = NULL;

	if (tid && r->thread_count)
		found = bsearch(&key, r->threads, r->thread_count, sizeof(key), by_tid);
	return found ? *found : key;
}

/* ---- Locks ----------------------------------------------------------------- */

/* The lock's index; it is added unless it is there. */
static int note(struct reading *r, const struct lock_state *state, size_t *ret_index,
                struct err *err)
{
	struct locks *locks = &r->locks;

	for (size_t i = 0; i < locks->count; i++) {
		if (locks->list[i].state.addr == state->addr) {
			*ret_index = i;
			return 0;
		}
	}
	if (!ROOM_FOR_ONE(locks->list, r->room, locks->count))
		return no_memory(err);
	*ret_index = locks->count;
	locks->list[locks->count] =
		(struct lock){.state = *state, .owner = find_thread(r, state->owner)};
	lock_notes_at(r->target->mem, state->addr, &locks->list[locks->count++].notes);
	return 0;
}

static int add_waiter(struct lock *lock, const struct lock_thread *thread, struct err *err)
{
	struct lock_thread *grown =
		reallocarray(lock->waiters, lock->waiter_count + 1, sizeof(*grown));

	if (!grown)
		return no_memory(err);
	lock->waiters = grown;
	grown[lock->waiter_count++] = *thread;
	return 0;
}

static int add_edge(struct reading *r, const struct edge *edge, struct err *err)
{
	if (!ROOM_FOR_ONE(r->edges, r->edge_room, r->edge_count))
		return no_memory(err);
	r->edges[r->edge_count++] = *edge;
	return 0;
}

static int add_wait(struct reading *r, const struct edge *edge, uint64_t word, struct err *err)
{
	struct locks *locks = &r->locks;

	if (!ROOM_FOR_ONE(locks->waits, r->wait_room, locks->wait_count))
		return no_memory(err);
	locks->waits[locks->wait_count++] =
		(struct lock_wait){edge->from, word, edge->lock, edge->to};
	return 0;
}

static int take_wait(struct reading *r, const struct lock_thread *thread, struct err *err)
{
	struct edge edge = {.from = *thread, .lock = SIZE_MAX};
	struct thread_info info;
	struct lock_state state;
	struct err unknown;
	struct wait wait;

	if (target_thread_info(r->target, thread->tp, thread->tid, &info, &unknown))
		return 0;
	wait_find(r->target, &info, &wait);
	if (wait.kind != WAIT_FUTEX)
		return 0;
	if (wait.how == HOLDER_JOIN) {
		edge.to = (struct lock_thread){wait.holder, wait.holder_tid};
		return add_wait(r, &edge, wait.word, err) ? -1 : add_edge(r, &edge, err);
	}
	/* what crashed and is held waits in a mailbox, which looks like anything */
	if (registry_owner(r->target->snapshot, wait.word).kind == OWNER_TOOLKIT)
		return 0;
	if (!lock_at_futex(r->target->mem, wait.word, &state))
		return add_wait(r, &edge, wait.word, err);
	if (note(r, &state, &edge.lock, err) || add_waiter(&r->locks.list[edge.lock], thread, err))
		return -1;
	edge.to = r->locks.list[edge.lock].owner;
	return add_wait(r, &edge, wait.word, err) ? -1 : add_edge(r, &edge, err);
}

/* ---- Robust lists ---------------------------------------------------------- */

/* One that says somebody else has it is being taken or let go of at this moment. */
static int take_entry(struct reading *r, const struct lock_thread *thread, uint64_t entry,
                      int64_t distance, struct err *err)
{
	struct lock_state state;
	size_t index;

	entry &= ~ENTRY_BITS;
	if (!lock_on_list(r->target->mem, entry + (uint64_t)distance, distance, &state) ||
	    state.owner != thread->tid)
		return 0;
	return note(r, &state, &index, err);
}

static int take_list(struct reading *r, const struct lock_thread *thread, uint64_t head,
                     struct err *err)
{
	struct mem *mem = r->target->mem;
	uint64_t words[3]; /* first entry, distance from there to the futex, pending entry */
	uint64_t entry;
	struct err unknown;

	if (!head || mem_read(mem, head, words, sizeof(words), &unknown))
		return 0;
	entry = words[0];
	for (int i = 0; i < ROBUST_MAX && (entry & ~ENTRY_BITS) != head; i++) {
		if (take_entry(r, thread, entry, (int64_t)words[1], err))
			return -1;
		if (mem_read(mem, entry & ~ENTRY_BITS, &entry, sizeof(entry), &unknown))
			return 0;
	}
	return words[2] ? take_entry(r, thread, words[2], (int64_t)words[1], err) : 0;
}

static int take_lists(struct reading *r, const struct reg_threadproc *tp, struct err *err)
{
	const struct threads *threads;
	struct err unknown;

	if (!reg_threadproc_lives(tp) || component_threads(r->target, tp, &threads, &unknown))
		return 0;
	for (size_t i = 0; i < threads->count; i++) {
		const struct lock_thread thread = {tp, threads->list[i].tid};

		if (take_list(r, &thread, threads->list[i].robust_head, err))
			return -1;
	}
	return 0;
}

/* ---- Named objects ------------------------------------------------------------ */

bool lock_protects(const struct lock *lock, const struct reg_name *name)
{
	const uint64_t mutex = lock->notes.mutex;

	return mutex && (name->abi.lock == mutex ||
	                 (mutex >= name->abi.addr && mutex - name->abi.addr < name->abi.size));
}

static int take_named(struct reading *r, struct err *err)
{
	const struct snapshot *s = r->target->snapshot;
	struct lock_state state;
	size_t index;

	for (size_t i = 0; i < s->name_count; i++) {
		const uint64_t mutex = s->names[i].abi.lock;

		if (mutex && lock_of_mutex(r->target->mem, mutex, &state) &&
		    note(r, &state, &index, err))
			return -1;
	}
	return 0;
}

/* ---- The search ------------------------------------------------------------ */

enum { MUTEX_BYTES = 40, MUTEX_ALIGN = 8 };

/* Whether it can be one: nothing else says so than its words and the threads that there are. */
static bool is_held(const struct reading *r, const struct lock_state *state)
{
	if (state->held)
		return find_thread(r, state->owner).tp;
	return state->robust && (state->owner_died || state->unusable);
}

static int search_block(void *context, const struct scan_piece *piece, uint64_t addr,
                        const uint8_t *bytes, size_t len, struct err *err)
{
	struct reading *r = context;
	uint32_t words[MUTEX_BYTES / sizeof(uint32_t)];
	struct lock_state state;
	size_t index;

	(void)piece;
	for (size_t i = -addr & (MUTEX_ALIGN - 1); i + MUTEX_BYTES <= len; i += MUTEX_ALIGN) {
		memcpy(words, bytes + i, sizeof(words));
		if (!words[0] || !words[2] || words[3] > 1 ||
		    !lock_parse_mutex(words, addr + i, &state) || !is_held(r, &state))
			continue;
		if (note(r, &state, &index, err))
			return -1;
	}
	return r->options->step ? r->options->step(r->options->context, len, err) : 0;
}

static int search(struct reading *r, struct err *err)
{
	const struct scan_filter filter = {.prot = PROT_READ | PROT_WRITE, .written = true};
	const uint64_t lo = TP_RESERVED_HI, hi = (uint64_t)TP_LAST_GRANULE << TP_GRANULE_SHIFT;
	struct scan_plan plan;
	int ret;

	if (scan_plan_read(r->target, lo, hi, &filter, &plan, err))
		return -1;
	ret = scan_run(r->target->mem, &plan, MUTEX_BYTES - MUTEX_ALIGN, search_block, r, err);
	scan_plan_deinit(&plan);
	return ret;
}

/* ---- Circles --------------------------------------------------------------- */

static struct edge *edge_from(struct reading *r, const struct lock_thread *thread)
{
	for (size_t i = 0; i < r->edge_count && thread->tp; i++) {
		if (r->edges[i].from.tid == thread->tid)
			return &r->edges[i];
	}
	return NULL;
}

static int add_circle(struct reading *r, struct edge *first, struct err *err)
{
	struct locks *locks = &r->locks;
	struct lock_circle circle = {0};
	struct lock_circle *grown;
	struct edge *at = first;

	do {
		circle.count++;
		at = edge_from(r, &at->to);
	} while (at && at != first);
	circle.threads = calloc(circle.count, sizeof(*circle.threads));
	circle.locks = calloc(circle.count, sizeof(*circle.locks));
	grown = reallocarray(locks->circles, locks->circle_count + 1, sizeof(*grown));
	if (grown)
		locks->circles = grown;
	if (!circle.threads || !circle.locks || !grown) {
		free(circle.threads);
		free(circle.locks);
		return no_memory(err);
	}
	for (size_t i = 0; i < circle.count && at; i++) {
		circle.threads[i] = at->from;
		circle.locks[i] = at->lock;
		at = edge_from(r, &at->to);
	}
	grown[locks->circle_count++] = circle;
	return 0;
}

/* Each thread waits for one thing at most: so a walk ends, or comes back to where it was. */
static int find_circles(struct reading *r, struct err *err)
{
	for (unsigned walk = 1; walk <= r->edge_count; walk++) {
		struct edge *at = &r->edges[walk - 1];

		while (at && !at->seen) {
			at->seen = walk;
			at = edge_from(r, &at->to);
		}
		if (at && at->seen == walk && add_circle(r, at, err))
			return -1;
	}
	return 0;
}

/* ---------------------------------------------------------------------------- */

static int read_all(struct reading *r, struct err *err)
{
	const struct snapshot *s = r->target->snapshot;

	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (take_threads(r, &s->threadprocs[i], err))
			return -1;
	}
	if (r->thread_count)
		qsort(r->threads, r->thread_count, sizeof(*r->threads), by_tid);
	for (size_t i = 0; i < r->thread_count; i++) {
		if (take_wait(r, &r->threads[i], err))
			return -1;
	}
	for (size_t i = 1; i < s->threadproc_count; i++) {
		if (take_lists(r, &s->threadprocs[i], err))
			return -1;
	}
	if (take_named(r, err))
		return -1;
	if (r->options && r->options->search && search(r, err))
		return -1;
	return find_circles(r, err);
}

static int by_address(const void *a, const void *b)
{
	const struct lock *x = a, *y = b;

	return (x->state.addr > y->state.addr) - (x->state.addr < y->state.addr);
}

/* Where a lock will be, in the order of addresses; SIZE_MAX stays. */
static size_t place_of(const struct locks *locks, size_t index)
{
	size_t place = 0;

	if (index == SIZE_MAX)
		return index;
	for (size_t i = 0; i < locks->count; i++)
		place += locks->list[i].state.addr < locks->list[index].state.addr;
	return place;
}

/* Waits and circles refer to locks by their indexes. */
static void put_in_order(struct locks *locks)
{
	for (size_t i = 0; i < locks->wait_count; i++)
		locks->waits[i].lock = place_of(locks, locks->waits[i].lock);
	for (size_t i = 0; i < locks->circle_count; i++) {
		struct lock_circle *circle = &locks->circles[i];

		for (size_t j = 0; j < circle->count; j++)
			circle->locks[j] = place_of(locks, circle->locks[j]);
	}
	if (locks->count)
		qsort(locks->list, locks->count, sizeof(*locks->list), by_address);
}

int locks_read(const struct target *target, const struct locks_options *options,
               struct locks *ret_locks, struct err *err)
{
	struct reading r = {.target = target, .options = options};
	int ret;

	if (!target->mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	ret = read_all(&r, err);
	free(r.threads);
	free(r.edges);
	if (ret) {
		locks_deinit(&r.locks);
		return -1;
	}
	put_in_order(&r.locks);
	*ret_locks = r.locks;
	return 0;
}

void locks_deinit(struct locks *locks)
{
	for (size_t i = 0; i < locks->count; i++)
		free(locks->list[i].waiters);
	for (size_t i = 0; i < locks->circle_count; i++) {
		free(locks->circles[i].threads);
		free(locks->circles[i].locks);
	}
	free(locks->list);
	free(locks->circles);
	free(locks->waits);
	*locks = (struct locks){0};
}
