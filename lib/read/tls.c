#include "lib/read/tls.h"

#include "lib/base/cleanup.h"
#include "lib/base/room.h"
#include "lib/read/tls_parts.h"

#include <errno.h>
#include <stdlib.h>

/* Of struct pthread, what all versions of glibc have; it is in no module's block. */
#define CONTROL_SIZE 2304u
/* No more blocks are listed. */
#define BLOCKS_MAX (UINT64_C(1) << 22)

struct reading {
	const struct target *target;
	struct tls tls;
	size_t room;
};

static int add(struct reading *r, uint64_t lo, uint64_t size, pid_t tid,
               const struct reg_module *module, struct err *err)
{
	struct tls *tls = &r->tls;
	uint64_t hi;

	if (!size || __builtin_add_overflow(lo, size, &hi) || tls->count >= BLOCKS_MAX)
		return 0;
	if (!ROOM_FOR_ONE(tls->list, r->room, tls->count))
		return err_os(err, ENOMEM, "blocks of thread-local storage");
	tls->list[tls->count++] = (struct tls_block){lo, hi, tid, module};
	return 0;
}

/* The table of dynamic blocks: its length one entry before it, entries of two words, from 1. */
struct dtv {
	uint64_t at;
	uint64_t length;
};

static struct dtv dtv_of(struct mem *mem, uint64_t pointer)
{
	struct dtv dtv = {0};
	struct err err;

	if (mem_read(mem, pointer + 8, &dtv.at, 8, &err) || dtv.at < 16 || dtv.at % 8 ||
	    mem_read(mem, dtv.at - 16, &dtv.length, 8, &err))
		return (struct dtv){0};
	return dtv;
}

/* Where a thread's block of a module is; 0 when it has none yet. */
static uint64_t block_of(struct mem *mem, const struct tls_thread *thread, const struct dtv *dtv,
                         const struct tls_module *module)
{
	struct err err;
	uint64_t at;

	if (module->offset)
		return thread->pointer - module->offset;
	if (!module->id || module->id > dtv->length || module->id > UINT32_MAX ||
	    mem_read(mem, dtv->at + 16 * module->id, &at, 8, &err) || at == UINT64_MAX)
		return 0;
	return at;
}

static int add_thread(struct reading *r, const struct tls_thread *thread,
                      const struct tls_module *modules, size_t count, struct err *err)
{
	struct dtv dtv = dtv_of(r->target->mem, thread->pointer);

	if (add(r, thread->pointer, CONTROL_SIZE, thread->tid, NULL, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		uint64_t lo = block_of(r->target->mem, thread, &dtv, &modules[i]);

		if (lo && add(r, lo, modules[i].size, thread->tid, modules[i].module, err))
			return -1;
	}
	return 0;
}

static int by_lo(const void *a, const void *b)
{
	const struct tls_block *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

int tls_read(const struct target *target, const struct reg_threadproc *tp, struct tls *ret_tls,
             struct err *err)
{
	struct reading r = {.target = target};
	AUTO_FREE struct tls_module *modules = NULL;
	struct tls_threads threads;
	size_t count = 0;
	int ret = 0;

	if (!target->mem) {
		*ret_tls = r.tls;
		return 0;
	}
	if (tls_find_threads(target, tp, &threads, err))
		return -1;
	if (threads.count)
		ret = tls_find_modules(target, tp, &modules, &count, err);
	for (size_t i = 0; i < threads.count && !ret; i++)
		ret = add_thread(&r, &threads.list[i], modules, count, err);
	free(threads.list);
	if (ret) {
		free(r.tls.list);
		return -1;
	}
	if (r.tls.count)
		qsort(r.tls.list, r.tls.count, sizeof(*r.tls.list), by_lo);
	*ret_tls = r.tls;
	return 0;
}

void tls_deinit(struct tls *tls)
{
	free(tls->list);
	*tls = (struct tls){0};
}

const struct tls_block *tls_at(const struct tls *tls, uint64_t addr)
{
	size_t lo = 0, hi = tls->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tls->list[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < tls->list[lo - 1].hi ? &tls->list[lo - 1] : NULL;
}

const struct tls_block *tls_above(const struct tls *tls, pid_t main_tid, uint64_t addr, uint64_t lo,
                                  uint64_t hi)
{
	/* the kernel may have joined mappings: the nearest one above counts */
	for (size_t i = 0; i < tls->count; i++) {
		const struct tls_block *block = &tls->list[i];

		if (!block->module && block->tid != main_tid && block->lo >= lo &&
		    block->hi <= hi && block->hi > addr)
			return block;
	}
	return NULL;
}
